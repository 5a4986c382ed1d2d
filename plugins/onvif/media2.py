"""The Media service of the second generation (tr2), which knows H.265; Profile T asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from camd.state import Principal

from .access import Access
from .cameras import CameraView, Rendition
from .configurations import Configurations, encoder2_options, source_options
from .faults import invalid
from .media_configurations import metadata_options, set_encoder, set_source
from .names import qualified
from .operation import Answer, Call, Service, operation, text_of
from .profiles import MOST_PROFILES, Profile
from .xml import Xml, tag

_TYPES = ("VideoSource", "VideoEncoder", "Analytics", "PTZ", "Metadata")
_PROTOCOLS = {"RTSP": "", "RtspUnicast": "", "RtspOverHttp": "HTTP", "RtspsUnicast": "TLS"}
#: Type of a configuration -> kind of our token and field of a Profile.
_FIELDS = {"PTZ": "ptz", "Analytics": "analytics", "Metadata": "metadata"}


class Media2(Service):
    """Profiles, configurations and addresses."""

    prefix = "tr2"
    path = "media2_service"

    def capabilities(self) -> Xml:
        return tag(
            "tr2:Capabilities",
            tag("tr2:ProfileCapabilities", MaximumNumberOfProfiles=MOST_PROFILES,
                ConfigurationsSupported=" ".join(_TYPES)),
            tag("tr2:StreamingCapabilities", RTSPStreaming=True, RTPMulticast=False, RTP_RTSP_TCP=True,
                NonAggregateControl=False, AutoStartMulticast=False),
            SnapshotUri=True, Rotation=True, VideoSourceMode=False, OSD=True, Mask=True,
        )  # fmt: skip

    # -- profiles

    @operation("GetProfiles", Access.READ_MEDIA)
    def profiles(self, call: Call) -> Answer:
        token, types = call.text("tr2:Token"), call.texts("tr2:Type")
        wanted = _TYPES if "All" in types else types
        profiles = self.context.profiles
        found = [profiles.find(token, call.by)] if token else profiles.all(call.by)
        write = Configurations(self.context, call.by)
        return [self._profile(profile, wanted, write) for profile in found]

    def _profile(self, profile: Profile, types: Any, write: Configurations) -> Xml:
        camera, rendition = self.context.profiles.camera(profile), self.context.profiles.rendition(profile)
        found: list[Xml] = []
        if camera is not None:
            if "VideoSource" in types:
                found.append(write.video_source("tr2:VideoSource", camera))
            if "VideoEncoder" in types and rendition is not None:
                found.append(write.encoder2("tr2:VideoEncoder", rendition))
            if "Analytics" in types and profile.analytics:
                found.append(write.analytics("tr2:Analytics", camera))
            if "PTZ" in types and profile.ptz:
                found.append(write.ptz("tr2:PTZ", camera))
            if "Metadata" in types and profile.metadata:
                found.append(write.metadata("tr2:Metadata", camera))
        configurations = tag("tr2:Configurations", found) if types else None
        return tag(
            "tr2:Profiles",
            tag("tr2:Name", profile.name),
            configurations,
            token=profile.token,
            fixed=profile.fixed,
        )

    @operation("CreateProfile", Access.ACTUATE)
    async def create(self, call: Call) -> Answer:
        profiles = self.context.profiles
        wanted = self._wanted(call, "", add=True)
        made = await profiles.create(call.needed("tr2:Name"), None, call)
        if wanted:
            await profiles.change(made, call, **wanted)
        return tag("tr2:Token", made.token)

    @operation("DeleteProfile", Access.ACTUATE)
    async def delete(self, call: Call) -> Answer:
        await self.context.profiles.delete(
            self.context.profiles.find(call.needed("tr2:Token"), call.by), call
        )
        return None

    @operation("AddConfiguration", Access.ACTUATE)
    async def add(self, call: Call) -> Answer:
        profile = self._named(call)
        wanted = self._wanted(call, profile.camera, add=True)
        name = call.text("tr2:Name")
        if name:
            wanted["name"] = name[:64]
        await self.context.profiles.change(profile, call, **wanted)
        return None

    @operation("RemoveConfiguration", Access.ACTUATE)
    async def remove(self, call: Call) -> Answer:
        profile = self._named(call)
        await self.context.profiles.change(profile, call, **self._wanted(call, profile.camera, add=False))
        return None

    def _named(self, call: Call) -> Profile:
        return self.context.profiles.find(call.needed("tr2:ProfileToken"), call.by)

    def _wanted(self, call: Call, camera: str, add: bool) -> dict[str, Any]:
        """The fields of a Profile that the Configurations in the request mean. Raises Fault."""
        fields: dict[str, Any] = {}
        for element in call.all("tr2:Configuration"):
            kind = text_of(element.find(qualified("tr2:Type"))) or ""
            token = text_of(element.find(qualified("tr2:Token")))
            if kind not in (*_TYPES, "All") or (kind == "All" and add):
                raise invalid(
                    f"there are no configurations of the type {kind[:20]}", "ter:ConfigurationConflict"
                )
            if not add:
                fields |= (
                    {"camera": ""}
                    if kind in ("VideoSource", "All")
                    else {_field(kind): "" if kind == "VideoEncoder" else False}
                )
                continue
            found, value = self._one(kind, token, camera or fields.get("camera", ""), call.by)
            if camera and found.id != camera:
                raise invalid("this configuration is another camera's", "ter:ConfigurationConflict")
            camera = fields["camera"] = found.id
            if kind != "VideoSource":
                fields[_field(kind)] = value
        return fields

    def _one(self, kind: str, token: str | None, camera: str, by: Principal) -> tuple[CameraView, Any]:
        """The camera that a reference means, and what a Profile holds for it; without token the first."""
        directory = self.context.directory
        if kind == "VideoEncoder":
            candidates: Iterator[Rendition] = (
                r for r in directory.renditions(by) if camera in ("", r.camera.id)
            )
            rendition = directory.rendition(token, by) if token else next(candidates, None)
            if rendition is None:
                raise invalid("there is no video encoder", "ter:NoConfig")
            return rendition.camera, rendition.token
        if token:
            found = directory.find("VideoSourceConfig" if kind == "VideoSource" else kind, token, by)
        else:
            found = next((one for one in directory.all(by) if camera in ("", one.id)), None)
        if found is None or (kind == "PTZ" and not found.has_ptz):
            raise invalid("there is no such configuration", "ter:NoConfig")
        return found, True

    # -- configurations

    @operation("GetVideoSourceConfigurations", Access.READ_MEDIA)
    def sources(self, call: Call) -> Answer:
        write = Configurations(self.context, call.by)
        return [
            write.video_source("tr2:Configurations", one) for one in self._cameras(call, "VideoSourceConfig")
        ]

    @operation("GetVideoEncoderConfigurations", Access.READ_MEDIA)
    def encoders(self, call: Call) -> Answer:
        write, directory = Configurations(self.context, call.by), self.context.directory
        token, profile = call.text("tr2:ConfigurationToken"), call.text("tr2:ProfileToken")
        renditions = [directory.rendition(token, call.by)] if token else list(directory.renditions(call.by))
        if profile:
            camera = self.context.profiles.find(profile, call.by).camera
            renditions = [one for one in renditions if camera in ("", one.camera.id)]
        return [write.encoder2("tr2:Configurations", one) for one in renditions]

    @operation("GetAnalyticsConfigurations", Access.READ_MEDIA)
    def analytics(self, call: Call) -> Answer:
        write = Configurations(self.context, call.by)
        return [write.analytics("tr2:Configurations", one) for one in self._cameras(call, "Analytics")]

    @operation("GetMetadataConfigurations", Access.READ_MEDIA)
    def metadata(self, call: Call) -> Answer:
        write = Configurations(self.context, call.by)
        return [write.metadata("tr2:Configurations", one) for one in self._cameras(call, "Metadata")]

    def _cameras(self, call: Call, kind: str) -> list[CameraView]:
        token, profile = call.text("tr2:ConfigurationToken"), call.text("tr2:ProfileToken")
        directory = self.context.directory
        cameras = [directory.find(kind, token, call.by)] if token else list(directory.all(call.by))
        if profile:
            wanted = self.context.profiles.find(profile, call.by).camera
            cameras = [camera for camera in cameras if wanted in ("", camera.id)]
        return cameras

    @operation("GetVideoSourceConfigurationOptions", Access.READ_MEDIA)
    def source_options(self, call: Call) -> Answer:
        return tag(
            "tr2:Options", source_options(self.context.wanted_camera(call, "tr2", "VideoSourceConfig"))
        )

    @operation("GetVideoEncoderConfigurationOptions", Access.READ_MEDIA)
    def encoder_options(self, call: Call) -> Answer:
        return encoder2_options(self.context.wanted_rendition(call, "tr2"))

    @operation("GetMetadataConfigurationOptions", Access.READ_MEDIA)
    def metadata_options(self, call: Call) -> Answer:
        return tag("tr2:Options", metadata_options())

    @operation("GetVideoEncoderInstances", Access.READ_MEDIA)
    def instances(self, call: Call) -> Answer:
        camera = self.context.directory.find(
            "VideoSourceConfig", call.needed("tr2:ConfigurationToken"), call.by
        )
        made = [rendition.encoding for rendition in camera.renditions()]
        return tag(
            "tr2:Info",
            [
                tag("tr2:Codec", tag("tr2:Encoding", one), tag("tr2:Number", made.count(one)))
                for one in dict.fromkeys(made)
            ],
            tag("tr2:Total", len(made)),
        )

    @operation("SetVideoSourceConfiguration", Access.ACTUATE)
    async def set_source(self, call: Call) -> Answer:
        await set_source(self.context, call, call.find("tr2:Configuration"))
        return None

    @operation("SetVideoEncoderConfiguration", Access.ACTUATE)
    async def set_encoder(self, call: Call) -> Answer:
        await set_encoder(self.context, call, call.find("tr2:Configuration"))
        return None

    @operation("SetMetadataConfiguration", Access.ACTUATE)
    def set_metadata(self, call: Call) -> Answer:
        element = call.find("tr2:Configuration")
        self.context.directory.find(
            "Metadata", (element.get("token") if element is not None else "") or "", call.by
        )
        return None

    # -- addresses

    @operation("GetStreamUri", Access.READ_MEDIA)
    def stream_uri(self, call: Call) -> Answer:
        protocol = call.needed("tr2:Protocol")
        if protocol not in _PROTOCOLS:
            raise invalid(f"streams go by {', '.join(_PROTOCOLS)}", "ter:InvalidStreamSetup")
        rendition = self.context.profiles.streamed(call.needed("tr2:ProfileToken"), call.by)
        return tag("tr2:Uri", self.context.stream_uri(call, rendition, _PROTOCOLS[protocol]))

    @operation("GetSnapshotUri", Access.READ_MEDIA)
    def snapshot_uri(self, call: Call) -> Answer:
        return tag("tr2:Uri", self.context.snapshot_uri(call, self._named(call)))

    @operation("SetSynchronizationPoint", Access.READ_MEDIA)
    def synchronise(self, call: Call) -> Answer:
        self.context.request_keyframe(self.context.profiles.rendition(self._named(call)))
        return None

    @operation("GetAudioSourceConfigurations", Access.READ_MEDIA)
    @operation("GetAudioEncoderConfigurations", Access.READ_MEDIA)
    @operation("GetAudioOutputConfigurations", Access.READ_MEDIA)
    @operation("GetAudioDecoderConfigurations", Access.READ_MEDIA)
    def no_audio(self, call: Call) -> Answer:
        return None


def _field(kind: str) -> str:
    return "encoder" if kind == "VideoEncoder" else _FIELDS[kind]
