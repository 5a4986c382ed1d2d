"""Configurations of the first Media service (trt): reading, options, and changing what the encoders do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from camd.state import Observable, Value

from .access import Access
from .cameras import CameraView, Rendition, changes
from .configurations import Configurations, encoder_options, source_options
from .faults import invalid
from .names import qualified
from .operation import Answer, Call, Service, number_of, operation, text_of
from .xml import Xml, tag

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from .context import Context

Write = Callable[[str, CameraView], Xml]


class MediaConfigurations(Service):
    """Video source, encoder, analytics and metadata configurations."""

    prefix = "trt"

    # -- video sources

    @operation("GetVideoSourceConfigurations", Access.READ_MEDIA)
    def sources(self, call: Call) -> Answer:
        return self._each("trt:Configurations", call, Configurations(self.context, call.by).video_source)

    @operation("GetVideoSourceConfiguration", Access.READ_MEDIA)
    def source(self, call: Call) -> Answer:
        camera = self._camera("VideoSourceConfig", call)
        return Configurations(self.context, call.by).video_source("trt:Configuration", camera)

    @operation("GetCompatibleVideoSourceConfigurations", Access.READ_MEDIA)
    def compatible_sources(self, call: Call) -> Answer:
        self.context.profiles.find(call.needed("trt:ProfileToken"), call.by)
        return self.sources(call)

    @operation("GetVideoSourceConfigurationOptions", Access.READ_MEDIA)
    def source_options(self, call: Call) -> Answer:
        return tag(
            "trt:Options", source_options(self.context.wanted_camera(call, "trt", "VideoSourceConfig"))
        )

    @operation("SetVideoSourceConfiguration", Access.ACTUATE)
    async def set_source(self, call: Call) -> Answer:
        await set_source(self.context, call, call.find("trt:Configuration"))
        return None

    # -- encoders

    @operation("GetVideoEncoderConfigurations", Access.READ_MEDIA)
    def encoders(self, call: Call) -> Answer:
        return self._encoders(call, self.context.directory.renditions(call.by))

    @operation("GetCompatibleVideoEncoderConfigurations", Access.READ_MEDIA)
    def compatible_encoders(self, call: Call) -> Answer:
        profile = self.context.profiles.find(call.needed("trt:ProfileToken"), call.by)
        camera = self.context.profiles.camera(profile)
        return self._encoders(
            call, camera.renditions() if camera else self.context.directory.renditions(call.by)
        )

    def _encoders(self, call: Call, renditions: Iterator[Rendition] | list[Rendition]) -> Answer:
        write = Configurations(self.context, call.by)
        return [write.encoder("trt:Configurations", one) for one in renditions if one.encoding != "H265"]

    @operation("GetVideoEncoderConfiguration", Access.READ_MEDIA)
    def encoder(self, call: Call) -> Answer:
        rendition = self.context.directory.rendition(call.needed("trt:ConfigurationToken"), call.by)
        if rendition.encoding == "H265":
            raise invalid("this encoder is known to the second Media service only", "ter:NoConfig")
        return Configurations(self.context, call.by).encoder("trt:Configuration", rendition)

    @operation("GetVideoEncoderConfigurationOptions", Access.READ_MEDIA)
    def encoder_options(self, call: Call) -> Answer:
        return tag("trt:Options", encoder_options(self.context.wanted_rendition(call, "trt")))

    @operation("GetGuaranteedNumberOfVideoEncoderInstances", Access.READ_MEDIA)
    def guaranteed(self, call: Call) -> Answer:
        camera = self._camera("VideoSourceConfig", call)
        counts = {"JPEG": 0, "H264": 0}
        for rendition in camera.renditions():
            counts[rendition.encoding] = counts.get(rendition.encoding, 0) + 1
        return (tag("trt:TotalNumber", sum(counts.values())), tag("trt:JPEG", counts["JPEG"]),
                tag("trt:H264", counts["H264"]))  # fmt: skip

    @operation("SetVideoEncoderConfiguration", Access.ACTUATE)
    async def set_encoder(self, call: Call) -> Answer:
        await set_encoder(self.context, call, call.find("trt:Configuration"))
        return None

    # -- analytics and metadata

    @operation("GetVideoAnalyticsConfigurations", Access.READ_MEDIA)
    def analytics(self, call: Call) -> Answer:
        return self._each("trt:Configurations", call, Configurations(self.context, call.by).analytics)

    @operation("GetVideoAnalyticsConfiguration", Access.READ_MEDIA)
    def one_analytics(self, call: Call) -> Answer:
        camera = self._camera("Analytics", call)
        return Configurations(self.context, call.by).analytics("trt:Configuration", camera)

    @operation("GetCompatibleVideoAnalyticsConfigurations", Access.READ_MEDIA)
    def compatible_analytics(self, call: Call) -> Answer:
        return self._compatible(call, Configurations(self.context, call.by).analytics)

    @operation("GetMetadataConfigurations", Access.READ_MEDIA)
    def metadata(self, call: Call) -> Answer:
        return self._each("trt:Configurations", call, Configurations(self.context, call.by).metadata)

    @operation("GetMetadataConfiguration", Access.READ_MEDIA)
    def one_metadata(self, call: Call) -> Answer:
        camera = self._camera("Metadata", call)
        return Configurations(self.context, call.by).metadata("trt:Configuration", camera)

    @operation("GetCompatibleMetadataConfigurations", Access.READ_MEDIA)
    def compatible_metadata(self, call: Call) -> Answer:
        return self._compatible(call, Configurations(self.context, call.by).metadata)

    @operation("GetMetadataConfigurationOptions", Access.READ_MEDIA)
    def metadata_options(self, call: Call) -> Answer:
        return tag("trt:Options", metadata_options())

    @operation("SetMetadataConfiguration", Access.ACTUATE)
    @operation("SetVideoAnalyticsConfiguration", Access.ACTUATE)
    def fixed(self, call: Call) -> Answer:
        """Taken if it is one of ours; there is nothing in it that could be another."""
        element = call.find("trt:Configuration")
        kind = "Analytics" if call.element.tag.endswith("AnalyticsConfiguration") else "Metadata"
        self.context.directory.find(
            kind, (element.get("token") if element is not None else "") or "", call.by
        )
        return None

    def _camera(self, kind: str, call: Call) -> CameraView:
        return self.context.directory.find(kind, call.needed("trt:ConfigurationToken"), call.by)

    def _each(self, name: str, call: Call, write: Write) -> Answer:
        return [write(name, camera) for camera in self.context.directory.all(call.by)]

    def _compatible(self, call: Call, write: Write) -> Answer:
        profile = self.context.profiles.find(call.needed("trt:ProfileToken"), call.by)
        camera = self.context.profiles.camera(profile)
        return (
            self._each("trt:Configurations", call, write)
            if camera is None
            else write("trt:Configurations", camera)
        )


def metadata_options() -> Answer:
    return tag(
        "tt:PTZStatusFilterOptions",
        tag("tt:PanTiltStatusSupported", False),
        tag("tt:ZoomStatusSupported", False),
    )


async def set_source(context: Context, call: Call, element: Element | None) -> None:
    """Take a video source configuration: of it only the rotation can be changed. Raises Fault."""
    token = element.get("token") if element is not None else None
    camera = context.directory.find("VideoSourceConfig", token or "", call.by)
    source = text_of(element.find(qualified("tt:SourceToken")))
    if source not in (camera.token("VideoSource"), None) and context.directory.canonical(
        source
    ) != camera.token("VideoSource"):
        raise invalid("this video source is another camera's", "ter:ConfigModify")
    rotate = element.find("/".join(map(qualified, ("tt:Extension", "tt:Rotate"))))
    turned = camera.observable("rotate")
    if rotate is None or turned is None:
        return
    mode = text_of(rotate.find(qualified("tt:Mode")))
    degree = number_of(rotate.find(qualified("tt:Degree")))
    wanted = 0 if mode == "OFF" else int(180 if degree is None else degree)
    await context.set(changes([(turned, wanted)]), call)


async def set_encoder(context: Context, call: Call, element: Element | None) -> None:
    """Take a video encoder configuration of either generation: all of it, or nothing. Raises Fault."""
    token = element.get("token") if element is not None else None
    rendition = context.directory.rendition(token or "", call.by)
    encoding = text_of(element.find(qualified("tt:Encoding")))
    if encoding not in (rendition.encoding, None):
        raise invalid(f"this encoder makes {rendition.encoding} only", "ter:ConfigModify")
    await context.set(changes(_wishes(rendition, element)), call)


def _wishes(rendition: Rendition, element: Element) -> Iterator[tuple[Observable, Value]]:
    """The settings that must change for the rendition to become what the element says."""

    def at(*path: str) -> Element | None:
        return element.find("/".join(qualified(f"tt:{name}") for name in path))

    def setting(what: str) -> Observable:
        found = rendition.camera.setting(rendition.name, what)
        if found is None:
            raise invalid(f"{what} of this encoder cannot be changed", "ter:ConfigModify")
        return found

    width, height = number_of(at("Resolution", "Width")), number_of(at("Resolution", "Height"))
    if width is not None and height is not None and (width, height) != rendition.size:
        if (width, height) not in rendition.camera.sizes(rendition.name):
            raise invalid("this resolution is none of those that are offered", "ter:ConfigModify")
        yield setting("size"), f"{width:.0f}x{height:.0f}"
    rate = number_of(at("RateControl", "FrameRateLimit"))
    fps = rendition.fps
    if rate is not None and round(rate) != round(fps):
        if rate < 1:
            raise invalid("a stream has at least one picture a second", "ter:ConfigModify")
        fps = float(rate)
        yield setting("fps"), fps
    bitrate = number_of(at("RateControl", "BitrateLimit"))
    if bitrate is not None and bitrate != rendition.bitrate and rendition.encoding == "H264":
        yield setting("bitrate"), round(bitrate * 1000)
    quality = number_of(at("Quality"))
    if quality is not None and round(quality) != rendition.quality and rendition.encoding == "JPEG":
        yield setting("quality"), round(quality)
    given = element.get("GovLength")
    gov = number_of(at("H264", "GovLength")) if given is None else int(given) if given.isdigit() else None
    if gov is not None and (gov, fps) != (rendition.gov, rendition.fps) and rendition.encoding == "H264":
        yield setting("key_interval"), gov / fps
    profile = text_of(at("H264", "H264Profile")) or element.get("Profile")
    if profile and profile.lower() != rendition.profile.lower() and rendition.encoding == "H264":
        yield setting("profile"), profile.lower()
