"""Cameras as ONVIF knows them: tokens, renditions and facts, read from camd's state for each question.

Tokens are made from the camera's id, so they stay what they are when other cameras come and go:
VideoSource_front, VideoEncoder_front_main, PTZ_front. The product's tokens, which count from 1, are
understood as well and mean the main camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from camd.errors import Invalid
from camd.state import Observable, Principal, Value

from .faults import invalid

if TYPE_CHECKING:
    from camd.app import App
    from camd.media import Encoding
    from camd.media.camera import Camera

RENDITIONS = ("main", "sub")
#: Before a camera was opened nobody knows better.
_SIZE, _RATE, _QUALITY = (1280, 720), 30.0, 85
#: Token of the product -> ours, without the camera's id.
_ALIASES = {
    "Profile_1": ("Profile", "main"), "Profile_2": ("Profile", "sub"), "VideoSource_1": ("VideoSource", ""),
    "VideoSourceConfig_1": ("VideoSourceConfig", ""), "VideoEncoder_1": ("VideoEncoder", "main"),
    "VideoEncoder_2": ("VideoEncoder", "sub"), "PTZ_1": ("PTZ", ""), "PTZNode_1": ("PTZNode", ""),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendition:
    """One stream of a camera. name: "main" or "sub"; encoding: "H264", "H265" or "JPEG"; bitrate: kbit/s;
    gov: pictures from one key frame to the next; quality: 1 to 100."""

    camera: CameraView
    name: str
    encoding: str
    size: tuple[int, int]
    fps: float
    bitrate: int
    gov: int
    quality: int
    profile: str

    @property
    def token(self) -> str:
        return self.camera.token("VideoEncoder", self.name)

    @property
    def path(self) -> str:
        """Where RTSP has it."""
        return f"{self.camera.id}/{self.name}"


class CameraView:
    """One camera. Made for a question and not kept."""

    def __init__(self, app: App, id: str):
        self._app = app
        self.id = id

    def token(self, kind: str, rendition: str = "") -> str:
        return f"{kind}_{self.id}_{rendition}" if rendition else f"{kind}_{self.id}"

    @property
    def name(self) -> str:
        return str(self.value("name") or self.id)

    def observable(self, name: str) -> Observable | None:
        """The camera's state of that name ("brightness"), None without."""
        return self._app.state.get(f"cameras/{self.id}/{name}")

    def value(self, name: str) -> Value:
        observable = self.observable(name)
        return None if observable is None else observable.value

    @property
    def camera(self) -> Camera:
        """The camera itself."""
        return self._app.cameras[self.id]

    # -- renditions

    def renditions(self) -> list[Rendition]:
        """The camera's own picture first, then the smaller one."""
        return [self.rendition(name) for name in RENDITIONS]

    def setting(self, rendition: str, what: str) -> Observable | None:
        """The state that changes `size`, `fps`, `quality`, `bitrate`, `key_interval` or `profile` of a
        rendition. The size of main is what the device delivers, if one can choose that."""
        if (rendition, what) == ("main", "size"):
            device = self.observable("size")
            if device is not None and device.spec.write is not None:
                return device
        return self.observable(f"{rendition}/{what}")

    def rendition(self, name: str) -> Rendition:
        """The one of that name, "main" or "sub"."""
        pipeline = self.camera.pipeline
        encoding = pipeline.video(name)
        video = pipeline.rendition(name).video
        fps = self._fps(name)
        quality = self.value(f"{name}/quality") or self.value("jpeg_quality") or _QUALITY
        return Rendition(
            self,
            name,
            self._coded_as(encoding),
            pipeline.size(encoding) or self._likely_size(name),
            fps,
            max(1, round(video.bitrate / 1000)),
            max(1, round(video.key_interval * fps)),
            int(quality),
            video.profile,
        )

    def _fps(self, name: str) -> float:
        pipeline = self.camera.pipeline
        given = (pipeline.format and pipeline.format.fps) or self.value("fps")
        return float(min((rate for rate in (pipeline.rendition(name).fps, given) if rate), default=_RATE))

    def _coded_as(self, encoding: Encoding) -> str:
        pipeline = self.camera.pipeline
        if encoding.codec == "hevc":
            return "H265"
        passes = pipeline.format is not None and not pipeline.why_encoding(encoding)
        return "H264" if passes or "h264" in self._app.extensions.encoders else "JPEG"

    def _picture_size(self) -> tuple[int, int]:
        """Of the camera's own picture, or what it will most likely be."""
        known = self.camera.pipeline.picture_size or parse_size(self.value("size")) or self.camera.config.size
        return known or next(iter(self._offered()), _SIZE)

    def _likely_size(self, rendition: str) -> tuple[int, int]:
        box = self.camera.pipeline.rendition(rendition).size
        width, height = self._picture_size()
        if box is None or (width <= box[0] and height <= box[1]):
            return width, height
        return _fraction((width, height), min(box[0] / width, box[1] / height))

    def _offered(self) -> list[tuple[int, int]]:
        """What the device offers, largest first; [] where one cannot choose."""
        device = self.observable("size")
        choices = device.spec.choices if device is not None and device.spec.write is not None else ()
        return sorted((size for choice in choices if (size := parse_size(choice))), reverse=True)

    def sizes(self, rendition: str) -> list[tuple[int, int]]:
        """What may be chosen, largest first."""
        if rendition == "main" and (offered := self._offered()):
            return offered
        whole = self._picture_size()
        return list(
            dict.fromkeys(_fraction(whole, share) for share in (1, 3 / 4, 1 / 2, 1 / 3, 1 / 4, 1 / 6))
        )

    # -- what else it has

    @property
    def has_ptz(self) -> bool:
        return getattr(self.camera, "ptz", None) is not None

    @property
    def has_motion(self) -> bool:
        return self.observable("motion") is not None


class Directory:
    """Finds cameras by token, among those that the asker may see. only: of a device with one."""

    def __init__(self, app: App, only: str = ""):
        self._app = app
        self._only = only

    def all(self, by: Principal) -> Iterator[CameraView]:
        """In the order of the configuration."""
        return (camera for camera in self.known() if by.sees(camera.id))

    def known(self) -> list[CameraView]:
        """Those of this device, whoever asks."""
        return [CameraView(self._app, id) for id in self._app.cameras if self._only in ("", id)]

    def main(self) -> CameraView | None:
        main = self._app.cameras.get(self._only) if self._only else self._app.cameras.main
        return CameraView(self._app, main.id) if main is not None else None

    def canonical(self, token: str) -> str:
        """A token of the product as ours; ours as it is."""
        main = self.main()
        if token in _ALIASES and main is not None:
            kind, rendition = _ALIASES[token]
            return main.token(kind, rendition)
        return token

    def find(self, kind: str, token: str, by: Principal, missing: str = "ter:NoConfig") -> CameraView:
        """The camera with this token of this kind ("VideoSource"). Raises Fault (`missing`)."""
        token = self.canonical(token)
        for camera in self.all(by):
            if camera.token(kind) == token:
                return camera
        raise invalid(f"there is no {kind} with this token", missing)

    def source(self, token: str, by: Principal, missing: str = "ter:NoVideoSource") -> CameraView:
        return self.find("VideoSource", token, by, missing)

    def rendition(self, token: str, by: Principal) -> Rendition:
        """The rendition with this token of a video encoder. Raises Fault."""
        token = self.canonical(token)
        for rendition in self.renditions(by):
            if rendition.token == token:
                return rendition
        raise invalid("there is no video encoder with this token", "ter:NoConfig")

    def renditions(self, by: Principal) -> Iterator[Rendition]:
        return (rendition for camera in self.all(by) for rendition in camera.renditions())


def parse_size(text: Any) -> tuple[int, int] | None:
    """ "1280x720" -> (1280, 720); None if it is none."""
    width, _, height = str(text or "").partition("x")
    return (int(width), int(height)) if width.isdigit() and height.isdigit() else None


def _fraction(size: tuple[int, int], share: float) -> tuple[int, int]:
    """A smaller picture of the same shape, both sides even, as camd scales it."""
    if share == 1:
        return size
    return max(2, round(size[0] * share / 2) * 2), max(2, round(size[1] * share / 2) * 2)


def changes(wishes: Iterable[tuple[Observable, Value]]) -> dict[str, Value]:
    """What must be set for the wishes to come true, by name; raises Fault if one of them cannot."""
    values: dict[str, Value] = {}
    for observable, value in wishes:
        if observable.value == value:
            continue
        if observable.spec.write is None:
            raise invalid(f"{observable.name} cannot be changed", "ter:ConfigModify")
        try:
            values[observable.name] = observable.spec.check(value)
        except Invalid as error:
            raise invalid(str(error), "ter:ConfigModify") from None
    return values
