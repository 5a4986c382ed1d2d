"""Configurations as XML: video source, encoder in both generations, PTZ, metadata, analytics."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from camd.state import Principal

from .cameras import CameraView, Rendition
from .operation import Answer
from .ptz_spaces import configuration_spaces
from .xml import Xml, tag

if TYPE_CHECKING:
    from .context import Context

#: RTSP sessions that say nothing end after this long (seconds).
SESSION_TIMEOUT = "PT60S"
MOST_KBIT = 50_000
LONGEST_GOV = 1000
PROFILES = ("Baseline", "Main", "High")
#: The rule and the module that stand for motion detection; their parameters are camd's own state.
MOTION_RULE = "MotionRule"
MOTION_MODULE = "MotionModule"


class Configurations:
    """Writes configurations for one answer: counts how many of the asker's profiles use each."""

    def __init__(self, context: Context, by: Principal):
        self._profiles = list(context.profiles.all(by))
        self._counted: dict[tuple[object, ...], int] = {}

    def _uses(self, **fields: object) -> Xml:
        """The UseCount: how many profiles have these values."""
        key = tuple(fields.items())
        if key not in self._counted:
            self._counted[key] = sum(
                all(getattr(one, name) == value for name, value in key) for one in self._profiles
            )
        return tag("tt:UseCount", self._counted[key])

    def video_source(self, name: str, camera: CameraView) -> Xml:
        width, height = camera.rendition("main").size
        return tag(
            name,
            tag("tt:Name", camera.name[:64]),
            self._uses(camera=camera.id),
            tag("tt:SourceToken", camera.token("VideoSource")),
            tag("tt:Bounds", x=0, y=0, width=width, height=height),
            _rotation(camera),
            token=camera.token("VideoSourceConfig"),
        )

    def encoder(self, name: str, rendition: Rendition) -> Xml:
        """As the older Media service has it; there is no H.265 in it."""
        is_h264 = rendition.encoding == "H264"
        return tag(
            name,
            tag("tt:Name", f"{rendition.camera.name} {rendition.name}"[:64]),
            self._uses(encoder=rendition.token),
            tag("tt:Encoding", rendition.encoding),
            _resolution("tt:Resolution", rendition.size),
            tag("tt:Quality", rendition.quality),
            tag("tt:RateControl", tag("tt:FrameRateLimit", max(1, round(rendition.fps))),
                tag("tt:EncodingInterval", 1), tag("tt:BitrateLimit", rendition.bitrate)),
            tag("tt:H264", tag("tt:GovLength", rendition.gov), tag("tt:H264Profile", _profile(rendition)))
            if is_h264 else None,
            multicast(),
            tag("tt:SessionTimeout", SESSION_TIMEOUT),
            token=rendition.token,
        )  # fmt: skip

    def encoder2(self, name: str, rendition: Rendition) -> Xml:
        inter = rendition.encoding != "JPEG"
        return tag(
            name,
            tag("tt:Name", f"{rendition.camera.name} {rendition.name}"[:64]),
            self._uses(encoder=rendition.token),
            tag("tt:Encoding", rendition.encoding),
            _resolution("tt:Resolution", rendition.size),
            tag(
                "tt:RateControl",
                tag("tt:FrameRateLimit", rendition.fps),
                tag("tt:BitrateLimit", rendition.bitrate),
                ConstantBitRate=False,
            ),
            multicast(),
            tag("tt:Quality", rendition.quality),
            token=rendition.token,
            GovLength=rendition.gov if inter else None,
            Profile=_profile(rendition) if inter else None,
        )

    def ptz(self, name: str, camera: CameraView) -> Xml:
        return tag(
            name, tag("tt:Name", camera.name[:64]), self._uses(camera=camera.id, ptz=True),
            tag("tt:NodeToken", camera.token("PTZNode")), configuration_spaces(camera.camera.ptz.axes), token=camera.token("PTZ"),
        )  # fmt: skip

    def metadata(self, name: str, camera: CameraView) -> Xml:
        return tag(
            name, tag("tt:Name", camera.name[:64]), self._uses(camera=camera.id, metadata=True),
            tag("tt:Analytics", False), multicast(), tag("tt:SessionTimeout", SESSION_TIMEOUT),
            token=camera.token("Metadata"),
        )  # fmt: skip

    def analytics(self, name: str, camera: CameraView) -> Xml:
        return tag(
            name, tag("tt:Name", camera.name[:64]), self._uses(camera=camera.id, analytics=True),
            tag("tt:AnalyticsEngineConfiguration", motion_module("tt:AnalyticsModule", camera)),
            tag("tt:RuleEngineConfiguration", motion_rule("tt:Rule", camera)),
            token=camera.token("Analytics"),
        )  # fmt: skip


def motion_rule(name: str, camera: CameraView) -> Xml | None:
    if not camera.has_motion:
        return None
    items = [
        tag("tt:SimpleItem", Name="MinCount", Value=1),
        tag("tt:SimpleItem", Name="AlarmOnDelay", Value=0),
        tag("tt:SimpleItem", Name="AlarmOffDelay", Value=1000),
        tag("tt:SimpleItem", Name="ActiveCells", Value="0P8A8A=="),
    ]
    return tag(name, tag("tt:Parameters", items), Name=MOTION_RULE, Type="tt:CellMotionDetector")


def motion_module(name: str, camera: CameraView) -> Xml | None:
    if not camera.has_motion:
        return None
    sensitivity = camera.value("motion/sensitivity")
    items = tag(
        "tt:SimpleItem", Name="Sensitivity", Value=sensitivity if isinstance(sensitivity, int) else 50
    )
    layout = tag(
        "tt:ElementItem",
        tag("tt:CellLayout", tag("tt:Transformation", tag("tt:Translate", x=-1.0, y=-1.0),
            tag("tt:Scale", x=2 / 22, y=2 / 18)), Columns=22, Rows=18),
        Name="Layout",
    )  # fmt: skip
    return tag(name, tag("tt:Parameters", items, layout), Name=MOTION_MODULE, Type="tt:CellMotionEngine")


@functools.cache
def multicast() -> Xml:
    """There is none; the schema wants it said."""
    return tag("tt:Multicast", tag("tt:Address", tag("tt:Type", "IPv4"), tag("tt:IPv4Address", "0.0.0.0")),
               tag("tt:Port", 0), tag("tt:TTL", 1), tag("tt:AutoStart", False))  # fmt: skip


def _resolution(name: str, size: tuple[int, int]) -> Xml:
    return tag(name, tag("tt:Width", size[0]), tag("tt:Height", size[1]))


def _profile(rendition: Rendition) -> str:
    if rendition.encoding == "H265":
        return "Main"
    return next((one for one in PROFILES if one.lower() == rendition.profile.lower()), "Main")


def _rotation(camera: CameraView) -> Xml | None:
    degree = camera.value("rotate")
    if degree is None:
        return None
    return tag(
        "tt:Extension", tag("tt:Rotate", tag("tt:Mode", "ON" if degree else "OFF"), tag("tt:Degree", degree))
    )


# -- what may be chosen


def source_options(camera: CameraView) -> Answer:
    sizes = [rendition.size for rendition in camera.renditions()] + camera.sizes("main")
    width, height = max(size[0] for size in sizes), max(size[1] for size in sizes)

    rotate = camera.observable("rotate")
    return (
        tag(
            "tt:BoundsRange",
            span("tt:XRange", 0, 0),
            span("tt:YRange", 0, 0),
            span("tt:WidthRange", 1, width),
            span("tt:HeightRange", 1, height),
        ),
        tag("tt:VideoSourceTokensAvailable", camera.token("VideoSource")),
        tag(
            "tt:Extension",
            tag(
                "tt:Rotate",
                tag("tt:Mode", "OFF"),
                tag("tt:Mode", "ON"),
                tag(
                    "tt:DegreeList",
                    [tag("tt:Items", degree) for degree in rotate.spec.choices or (0, 90, 180, 270)],
                ),
            ),
        )
        if rotate is not None
        else None,
    )


def encoder_options(rendition: Rendition | None) -> Answer:
    """For the older Media service; without a rendition what is possible at all."""
    sizes, rates, encoding = _choices(rendition)
    resolutions = [_resolution("tt:ResolutionsAvailable", size) for size in sizes]
    rate = span("tt:FrameRateRange", min(rates), max(rates))
    interval, bitrate = span("tt:EncodingIntervalRange", 1, 1), span("tt:BitrateRange", 1, MOST_KBIT)
    gov = span("tt:GovLengthRange", 1, LONGEST_GOV)
    supported = [tag("tt:H264ProfilesSupported", profile) for profile in PROFILES]
    if encoding == "H264":
        plain = (resolutions, gov, rate, interval, supported)
        return (span("tt:QualityRange", 1, 100), tag("tt:H264", plain),
                tag("tt:Extension", tag("tt:H264", plain, bitrate)))  # fmt: skip
    plain = (resolutions, rate, interval)
    return (
        span("tt:QualityRange", 1, 100),
        tag("tt:JPEG", plain),
        tag("tt:Extension", tag("tt:JPEG", plain, bitrate)),
    )


def encoder2_options(rendition: Rendition | None) -> Xml:
    sizes, rates, encoding = _choices(rendition)
    inter = encoding != "JPEG"
    return tag(
        "tr2:Options",
        tag("tt:Encoding", encoding),
        span("tt:QualityRange", 1, 100),
        [_resolution("tt:ResolutionsAvailable", size) for size in sizes],
        span("tt:BitrateRange", 1, MOST_KBIT),
        FrameRatesSupported=" ".join(f"{rate:g}" for rate in sorted(rates, reverse=True)),
        GovLengthRange=f"1 {LONGEST_GOV}" if inter else None,
        ProfilesSupported=("Main" if encoding == "H265" else " ".join(PROFILES)) if inter else None,
        ConstantBitRateSupported=False,
    )


def span(name: str, low: float, high: float) -> Xml:
    return tag(name, tag("tt:Min", low), tag("tt:Max", high))


def _choices(rendition: Rendition | None) -> tuple[list[tuple[int, int]], list[int], str]:
    """Sizes, whole rates from 1 on, encoding."""
    if rendition is None:
        return [(1280, 720)], [1, 30], "JPEG"
    sizes = rendition.camera.sizes(rendition.name)
    if rendition.size not in sizes:
        sizes.append(rendition.size)
    offered = rendition.camera.observable("fps")
    fastest = max(1, min(120, int((offered.value if offered and offered.value else 0) or rendition.fps)))
    rates = [rate for rate in (1, 2, 5, 10, 15, 20, 24, 25, 30, 50, 60, 90, 120) if rate <= fastest]
    return sizes, rates, rendition.encoding
