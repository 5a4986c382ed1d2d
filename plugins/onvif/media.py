"""The Media service of the first generation (trt): profiles, addresses and sources. Most recorders speak it.

Streams in H.265 do not exist in its documents: profiles with one are shown without an encoder.
"""

from __future__ import annotations

from .access import Access
from .configurations import Configurations
from .faults import invalid, missing
from .operation import Answer, Call, Service, operation
from .profiles import MOST_PROFILES, Profile
from .xml import Xml, tag

#: How a stream may be asked for (StreamSetup): what it means in an address is the player's business.
_PROTOCOLS = ("UDP", "TCP", "RTSP", "HTTP")


class Media(Service):
    """Profiles and addresses."""

    prefix = "trt"
    path = "media_service"
    version = (24, 12)

    def capabilities(self) -> Xml:
        return tag(
            "trt:Capabilities",
            tag("trt:ProfileCapabilities", MaximumNumberOfProfiles=MOST_PROFILES),
            tag("trt:StreamingCapabilities", RTPMulticast=False, RTP_TCP=True, RTP_RTSP_TCP=True,
                NonAggregateControl=False),
            SnapshotUri=True, Rotation=True, VideoSourceMode=False, OSD=True,
        )  # fmt: skip

    # -- profiles

    @operation("GetProfiles", Access.READ_MEDIA)
    def profiles(self, call: Call) -> Answer:
        write = Configurations(self.context, call.by)
        return [
            self._profile("trt:Profiles", profile, write) for profile in self.context.profiles.all(call.by)
        ]

    @operation("GetProfile", Access.READ_MEDIA)
    def profile(self, call: Call) -> Answer:
        return self._profile("trt:Profile", self._named(call), Configurations(self.context, call.by))

    @operation("CreateProfile", Access.ACTUATE)
    async def create(self, call: Call) -> Answer:
        made = await self.context.profiles.create(call.needed("trt:Name"), call.text("trt:Token"), call)
        return self._profile("trt:Profile", made, Configurations(self.context, call.by))

    @operation("DeleteProfile", Access.ACTUATE)
    async def delete(self, call: Call) -> Answer:
        await self.context.profiles.delete(self._named(call), call)
        return None

    def _named(self, call: Call) -> Profile:
        return self.context.profiles.find(call.needed("trt:ProfileToken"), call.by)

    def _profile(self, name: str, profile: Profile, write: Configurations) -> Xml:
        camera, rendition = self.context.profiles.camera(profile), self.context.profiles.rendition(profile)
        in_it: list[Xml] = []
        if camera is not None:
            in_it.append(write.video_source("tt:VideoSourceConfiguration", camera))
            if rendition is not None and rendition.encoding != "H265":
                in_it.append(write.encoder("tt:VideoEncoderConfiguration", rendition))
            if profile.analytics:
                in_it.append(write.analytics("tt:VideoAnalyticsConfiguration", camera))
            if profile.ptz:
                in_it.append(write.ptz("tt:PTZConfiguration", camera))
            if profile.metadata:
                in_it.append(write.metadata("tt:MetadataConfiguration", camera))
        return tag(name, tag("tt:Name", profile.name), in_it, token=profile.token, fixed=profile.fixed)

    # -- what is in them

    @operation("AddVideoSourceConfiguration", Access.ACTUATE)
    async def add_source(self, call: Call) -> Answer:
        camera = self.context.directory.find(
            "VideoSourceConfig", call.needed("trt:ConfigurationToken"), call.by
        )
        await self.context.profiles.change(self._named(call), call, camera=camera.id)
        return None

    @operation("RemoveVideoSourceConfiguration", Access.ACTUATE)
    async def remove_source(self, call: Call) -> Answer:
        await self.context.profiles.change(self._named(call), call, camera="")
        return None

    @operation("AddVideoEncoderConfiguration", Access.ACTUATE)
    async def add_encoder(self, call: Call) -> Answer:
        profile = self._named(call)
        rendition = self.context.directory.rendition(call.needed("trt:ConfigurationToken"), call.by)
        if profile.camera and rendition.camera.id != profile.camera:
            raise invalid("this encoder is another camera's", "ter:ConfigurationConflict")
        await self.context.profiles.change(profile, call, encoder=rendition.token, camera=rendition.camera.id)
        return None

    @operation("RemoveVideoEncoderConfiguration", Access.ACTUATE)
    async def remove_encoder(self, call: Call) -> Answer:
        await self.context.profiles.change(self._named(call), call, encoder="")
        return None

    @operation("AddPTZConfiguration", Access.ACTUATE)
    async def add_ptz(self, call: Call) -> Answer:
        return await self._add(call, "PTZ", "ptz")

    @operation("RemovePTZConfiguration", Access.ACTUATE)
    async def remove_ptz(self, call: Call) -> Answer:
        await self.context.profiles.change(self._named(call), call, ptz=False)
        return None

    @operation("AddVideoAnalyticsConfiguration", Access.ACTUATE)
    async def add_analytics(self, call: Call) -> Answer:
        return await self._add(call, "Analytics", "analytics")

    @operation("RemoveVideoAnalyticsConfiguration", Access.ACTUATE)
    async def remove_analytics(self, call: Call) -> Answer:
        await self.context.profiles.change(self._named(call), call, analytics=False)
        return None

    @operation("AddMetadataConfiguration", Access.ACTUATE)
    async def add_metadata(self, call: Call) -> Answer:
        return await self._add(call, "Metadata", "metadata")

    @operation("RemoveMetadataConfiguration", Access.ACTUATE)
    async def remove_metadata(self, call: Call) -> Answer:
        await self.context.profiles.change(self._named(call), call, metadata=False)
        return None

    async def _add(self, call: Call, kind: str, field: str) -> Answer:
        profile = self._named(call)
        camera = self.context.directory.find(kind, call.needed("trt:ConfigurationToken"), call.by)
        if profile.camera and camera.id != profile.camera or (field == "ptz" and not camera.has_ptz):
            raise invalid("this configuration is another camera's", "ter:ConfigurationConflict")
        await self.context.profiles.change(profile, call, camera=camera.id, **{field: True})
        return None

    # -- addresses

    @operation("GetStreamUri", Access.READ_MEDIA)
    def stream_uri(self, call: Call) -> Answer:
        protocol = call.text("trt:StreamSetup/tt:Transport/tt:Protocol")
        if protocol is None:
            raise missing("Protocol")
        if protocol not in _PROTOCOLS or call.text("trt:StreamSetup/tt:Stream") == "RTP-Multicast":
            raise invalid("streams are unicast, over UDP, RTSP or HTTP", "ter:InvalidStreamSetup")
        rendition = self.context.profiles.streamed(call.needed("trt:ProfileToken"), call.by)
        return media_uri(self.context.stream_uri(call, rendition, "HTTP" if protocol == "HTTP" else ""))

    @operation("GetSnapshotUri", Access.READ_MEDIA)
    def snapshot_uri(self, call: Call) -> Answer:
        return media_uri(self.context.snapshot_uri(call, self._named(call)))

    @operation("SetSynchronizationPoint", Access.READ_MEDIA)
    def synchronise(self, call: Call) -> Answer:
        profile = self._named(call)
        self.context.request_keyframe(self.context.profiles.rendition(profile))
        return None

    @operation("StartMulticastStreaming", Access.ACTUATE)
    @operation("StopMulticastStreaming", Access.ACTUATE)
    def multicast(self, call: Call) -> Answer:
        self._named(call)
        raise invalid("there is no multicast", "ter:IncompleteConfiguration")

    # -- sources

    @operation("GetVideoSources", Access.READ_MEDIA)
    def sources(self, call: Call) -> Answer:
        from .imaging import old_settings

        for camera in self.context.directory.all(call.by):
            rendition = camera.rendition("main")
            yield tag(
                "trt:VideoSources",
                tag("tt:Framerate", rendition.fps),
                tag("tt:Resolution", tag("tt:Width", rendition.size[0]), tag("tt:Height", rendition.size[1])),
                old_settings(camera),
                token=camera.token("VideoSource"),
            )

    @operation("GetAudioSources", Access.READ_MEDIA)
    @operation("GetAudioOutputs", Access.READ_MEDIA)
    @operation("GetAudioSourceConfigurations", Access.READ_MEDIA)
    @operation("GetAudioEncoderConfigurations", Access.READ_MEDIA)
    @operation("GetAudioOutputConfigurations", Access.READ_MEDIA)
    @operation("GetAudioDecoderConfigurations", Access.READ_MEDIA)
    def no_audio(self, call: Call) -> Answer:
        """Recorders ask without looking whether there is any."""
        return None

    @operation("GetCompatibleAudioSourceConfigurations", Access.READ_MEDIA)
    @operation("GetCompatibleAudioEncoderConfigurations", Access.READ_MEDIA)
    @operation("GetCompatibleAudioOutputConfigurations", Access.READ_MEDIA)
    @operation("GetCompatibleAudioDecoderConfigurations", Access.READ_MEDIA)
    def no_compatible_audio(self, call: Call) -> Answer:
        self._named(call)
        return None


def media_uri(uri: str) -> Xml:
    return tag(
        "trt:MediaUri",
        tag("tt:Uri", uri),
        tag("tt:InvalidAfterConnect", False),
        tag("tt:InvalidAfterReboot", False),
        tag("tt:Timeout", "PT0S"),
    )
