"""The DeviceIO service (tmd), and the few operations of Device on the same things: what is plugged in."""

from __future__ import annotations

from .access import Access
from .configurations import Configurations, source_options
from .faults import invalid
from .operation import Answer, Call, Service, operation
from .xml import Xml, tag


class DeviceIO(Service):
    """Video sources and digital inputs. There are no outputs, no relays, no serial ports and no audio."""

    prefix = "tmd"
    path = "deviceio_service"
    version = (24, 12)

    def capabilities(self) -> Xml:
        return tag(
            "tmd:Capabilities",
            VideoSources=len(self.context.directory.known()),
            VideoOutputs=0,
            AudioSources=0,
            AudioOutputs=0,
            RelayOutputs=0,
            SerialPorts=0,
            DigitalInputs=len(self.context.inputs()),
            DigitalInputOptions=True,
        )

    @operation("GetVideoSources", Access.READ_MEDIA)
    def video_sources(self, call: Call) -> Answer:
        return [
            tag("tmd:Token", camera.token("VideoSource")) for camera in self.context.directory.all(call.by)
        ]

    @operation("GetVideoSourceConfiguration", Access.READ_MEDIA)
    def configuration(self, call: Call) -> Answer:
        camera = self.context.directory.source(call.needed("tmd:VideoSourceToken"), call.by)
        return Configurations(self.context, call.by).video_source("tmd:VideoSourceConfiguration", camera)

    @operation("GetVideoSourceConfigurationOptions", Access.READ_MEDIA)
    def options(self, call: Call) -> Answer:
        camera = self.context.directory.source(call.needed("tmd:VideoSourceToken"), call.by)
        return tag("tmd:VideoSourceConfigurationOptions", source_options(camera))

    @operation("GetDigitalInputs", Access.READ_MEDIA)
    def inputs(self, call: Call) -> Answer:
        return [tag("tmd:DigitalInputs", token=name, IdleState="open") for name in self.context.inputs()]

    @operation("GetDigitalInputConfigurationOptions", Access.READ_MEDIA)
    def input_options(self, call: Call) -> Answer:
        token = call.text("tmd:Token")
        if token and token not in self.context.inputs():
            raise invalid("there is no such input", "ter:InputToken")
        return tag("tmd:DigitalInputOptions", tag("tmd:IdleState", "open"))

    @operation("GetVideoOutputs", Access.READ_MEDIA)
    @operation("GetAudioSources", Access.READ_MEDIA)
    @operation("GetAudioOutputs", Access.READ_MEDIA)
    @operation("GetSerialPorts", Access.READ_MEDIA)
    @operation("GetRelayOutputs", Access.READ_MEDIA, "tds")
    def nothing(self, call: Call) -> Answer:
        """Recorders ask without looking whether there is any."""
        return None
