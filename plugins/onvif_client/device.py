"""Device: one ONVIF device, asked in ONVIF's words. Blocks; for the io pool."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from camd.errors import CamdError

from .description import Description, Profile
from .notice import Notice, notices
from .peer import DeviceError, Peer
from .range import Range
from .schemas import SERVICES, Token, service

#: How long a subscription to events lasts, how long one question for them waits, and a good-bye (seconds).
LIFE, PULL, LEAVING = 60, 10, 2.0
#: Profiles and media of a device that are looked at.
_MOST = 64
_NAMES = {
    namespace: name for name, (_, _, namespace) in SERVICES.items() if name not in ("pull", "subscription")
}
_FURTHER = {
    "http://www.onvif.org/ver20/media/wsdl": "media2",
    "http://www.onvif.org/ver20/analytics/wsdl": "analytics",
    "http://www.onvif.org/ver10/deviceIO/wsdl": "deviceio",
}
#: Ours -> ONVIF's.
IMAGING = {
    "brightness": "Brightness",
    "contrast": "Contrast",
    "saturation": "ColorSaturation",
    "sharpness": "Sharpness",
}


class Device:
    """`open` first. url: of the device service; login: name and password, both "" for none; stream: the path of
    the stream that is shown, so that of several cameras in a device the right one is steered; "" for the first.

    Every method raises DeviceError.
    """

    def __init__(self, url: str, login: tuple[str, str] = ("", ""), stream: str = ""):
        self.peer = Peer(url, login)
        self.services: dict[str, str] = {"device": url}
        self._login = login
        self._token = Token(login) if login[0] else None
        self._stream = stream
        self._calls: dict[str, Callable[..., Any]] = {}
        self._profile: Any = None
        self._axes_known: tuple[str, ...] = ()
        self._ranges: dict[str, Range] = {}
        self._subscription: tuple[str, list[Any]] | None = None

    def close(self) -> None:
        """Ends what is under way. Any thread."""
        self.peer.close()

    def _call(self, name: str, operation: str, **values: Any) -> Any:
        if name not in self._calls:
            if name not in self.services:
                raise DeviceError(f"the device has no service for {name}")
            self._calls[name] = service(name, self.services[name], self.peer, self._token)
        return self._calls[name](operation, **values)

    # -- what there is

    def open(self) -> Description:
        """Look what the device is and has."""
        self._look_at_clock()
        about = self._call("device", "GetDeviceInformation")
        self._find_services()
        profiles = self._profiles()
        maker, model = _text(about.Manufacturer), _text(about.Model)
        return Description(
            model or maker or "ONVIF device", maker, model, _text(about.FirmwareVersion),
            _text(about.SerialNumber), dict(self.services), profiles, self._axes(), self._imaging_ranges(),
            "events" in self.services,
        )  # fmt: skip

    def look(self) -> None:
        """Whether it is there."""
        self._look_at_clock()

    def _look_at_clock(self) -> None:
        """Devices take tokens of their own time only, and many do not know the right one."""
        try:  # without a token, for one of our time might be refused; it is for everybody
            told = service("device", self.peer.url, self.peer)("GetSystemDateAndTime")
        except DeviceError as error:
            if not error.refused:
                raise
            return
        if self._token is None or told is None or told.UTCDateTime is None:
            return
        day, hour = told.UTCDateTime.Date, told.UTCDateTime.Time
        try:
            theirs = datetime.datetime(
                day.Year,
                day.Month,
                day.Day,
                hour.Hour,
                hour.Minute,
                min(hour.Second, 59),
                tzinfo=datetime.UTC,
            )
        except (TypeError, ValueError):
            return
        ahead = theirs.timestamp() - time.time()
        self._token.ahead = ahead if abs(ahead) > 2 else 0.0

    def _find_services(self) -> None:
        found: dict[str, str] = {}
        try:
            for one in self._call("device", "GetServices", IncludeCapability=False) or ():
                name = _NAMES.get(one.Namespace) or _FURTHER.get(one.Namespace)
                if name and one.XAddr:
                    found[name] = self.peer.at_home(one.XAddr)
        except DeviceError:  # older than that operation
            told = self._call("device", "GetCapabilities", Category="All")
            for name, key in (
                ("media", "Media"),
                ("ptz", "PTZ"),
                ("imaging", "Imaging"),
                ("events", "Events"),
            ):
                part = getattr(told, key, None)
                if part is not None and part.XAddr:
                    found[name] = self.peer.at_home(part.XAddr)
        self.services = {**found, "device": self.peer.url}

    def _profiles(self) -> tuple[Profile, ...]:
        found = []
        for one in (self._call("media", "GetProfiles") or ())[:_MOST]:
            encoder = one.VideoEncoderConfiguration
            if one.VideoSourceConfiguration is None:
                continue
            stream = self._uri("GetStreamUri", ProfileToken=one.token, StreamSetup={
                "Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}})  # fmt: skip
            size = encoder.Resolution if encoder is not None else None
            found.append(Profile(
                one.token, _text(one.Name), _text(encoder.Encoding) if encoder is not None else "",
                size.Width if size else 0, size.Height if size else 0, stream,
                self._uri("GetSnapshotUri", ProfileToken=one.token),
            ))  # fmt: skip
            is_shown = bool(self._stream) and stream.partition("://")[2].partition("/")[2] == self._stream
            if self._profile is None or is_shown:
                self._profile = one
        return tuple(found)

    def _uri(self, operation: str, **values: Any) -> str:
        try:
            return self.peer.at_home(self._call("media", operation, **values).Uri)
        except (DeviceError, AttributeError):
            return ""

    def picture(self, about: Description) -> bytes:
        """A JPEG of its smallest picture; nothing where there is none."""
        sized = sorted((one for one in about.profiles if one.snapshot), key=lambda one: one.width or 1 << 16)
        try:
            reply = self.peer.get(sized[0].snapshot) if sized else None
        except DeviceError:
            return b""
        is_jpeg = reply is not None and reply.status_code == 200 and reply.content.startswith(b"\xff\xd8")
        return reply.content if reply is not None and is_jpeg else b""

    @property
    def tokens(self) -> frozenset[str]:
        """By which events name the camera that is shown: its video source and the configuration of it."""
        source = self._profile.VideoSourceConfiguration if self._profile is not None else None
        return frozenset() if source is None else frozenset((source.token, source.SourceToken))

    # -- imaging

    def _imaging_ranges(self) -> dict[str, tuple[float, float]]:
        if "imaging" not in self.services or self._profile is None:
            return {}
        try:
            options = self._call("imaging", "GetOptions", VideoSourceToken=self._video_source)
        except DeviceError:
            return {}
        found = {}
        for name, key in IMAGING.items():
            span = getattr(options, key, None)
            if span is not None and span.Min is not None and span.Max is not None and span.Min < span.Max:
                found[name] = (float(span.Min), float(span.Max))
        return found

    @property
    def _video_source(self) -> str:
        return str(self._profile.VideoSourceConfiguration.SourceToken)

    def imaging(self) -> dict[str, float]:
        """The settings as they are, those that are given."""
        told = self._call("imaging", "GetImagingSettings", VideoSourceToken=self._video_source)
        values = {name: getattr(told, key, None) for name, key in IMAGING.items()}
        return {name: float(value) for name, value in values.items() if value is not None}

    def set_imaging(self, name: str, value: float) -> float:
        """Set one; returns what the device made of it."""
        self._call("imaging", "SetImagingSettings", VideoSourceToken=self._video_source,
                   ImagingSettings={IMAGING[name]: value}, ForcePersistence=True)  # fmt: skip
        return self.imaging().get(name, value)

    # -- pan, tilt, zoom

    def _axes(self) -> tuple[str, ...]:
        own = self._profile.PTZConfiguration if self._profile is not None else None
        if own is None or "ptz" not in self.services:
            return ()
        try:
            spaces = self._call("ptz", "GetConfigurationOptions", ConfigurationToken=own.token).Spaces
        except (DeviceError, AttributeError):
            return ()
        self._ranges = {
            "pan": Range.of(spaces.AbsolutePanTiltPositionSpace, "XRange"),
            "tilt": Range.of(spaces.AbsolutePanTiltPositionSpace, "YRange"),
            "zoom": Range.of(spaces.AbsoluteZoomPositionSpace, "XRange"),
        }
        found: list[str] = []
        if spaces.AbsolutePanTiltPositionSpace or spaces.ContinuousPanTiltVelocitySpace:
            found += ["pan", "tilt"]
        if spaces.AbsoluteZoomPositionSpace or spaces.ContinuousZoomVelocitySpace:
            found.append("zoom")
        self._axes_known = tuple(found)
        return self._axes_known

    @property
    def has_places(self) -> bool:
        """Whether it can be told where to look; else only how to move."""
        return any(self._ranges.values())

    def move(self, pan: float, tilt: float, zoom: float, speed: float) -> None:
        """Go to a place, on the axes that can. pan, tilt: -1 to 1; zoom: 0 to 1."""
        ranges, position, velocity = self._ranges, {}, {}
        if ranges["pan"]:
            position["PanTilt"] = {
                "x": ranges["pan"].theirs((pan + 1) / 2),
                "y": ranges["tilt"].theirs((tilt + 1) / 2),
            }
            velocity["PanTilt"] = {"x": speed, "y": speed}
        if ranges["zoom"]:
            position["Zoom"] = {"x": ranges["zoom"].theirs(zoom)}
            velocity["Zoom"] = {"x": speed}
        if not position:
            raise DeviceError("this device can be moved, but not to a place")
        self._call("ptz", "AbsoluteMove", ProfileToken=self._profile.token, Position=position, Speed=velocity)

    def drive(self, pan: float, tilt: float, zoom: float, seconds: float) -> None:
        """Move with these speeds, -1 to 1."""
        velocity: dict[str, Any] = {}
        axes = self._axes_known
        if "pan" in axes:
            velocity["PanTilt"] = {"x": pan, "y": tilt}
        if "zoom" in axes:
            velocity["Zoom"] = {"x": zoom}
        self._call("ptz", "ContinuousMove", ProfileToken=self._profile.token, Velocity=velocity,
                   Timeout=datetime.timedelta(seconds=max(0.1, seconds)))  # fmt: skip

    def stop(self, pan_tilt: bool = True, zoom: bool = True) -> None:
        """Stay where it is."""
        self._call("ptz", "Stop", ProfileToken=self._profile.token, PanTilt=pan_tilt, Zoom=zoom)

    def status(self) -> tuple[tuple[float, float, float] | None, bool | None]:
        """Where it is, as for `move`, and whether it moves; None where it does not say."""
        told = self._call("ptz", "GetStatus", ProfileToken=self._profile.token)
        place = getattr(told, "Position", None)
        position = None
        if place is not None:
            pan = self._ranges["pan"].ours(getattr(place.PanTilt, "x", None), 0.5)
            tilt = self._ranges["tilt"].ours(getattr(place.PanTilt, "y", None), 0.5)
            zoom = self._ranges["zoom"].ours(getattr(place.Zoom, "x", None), 0.0)
            position = (pan * 2 - 1, tilt * 2 - 1, zoom)
        said = getattr(told, "MoveStatus", None)
        words = {getattr(said, axis, None) for axis in ("PanTilt", "Zoom")} & {"MOVING", "IDLE"}
        return position, ("MOVING" in words if words else None)

    # -- events

    def subscribe(self) -> None:
        """Begin to keep events for us, with everything as it is now."""
        life = f"PT{LIFE}S"
        made = self._call("events", "CreatePullPointSubscription", InitialTerminationTime=life)
        reference = made.SubscriptionReference
        where = self.peer.at_home(reference.Address._value_1)
        more = getattr(reference.ReferenceParameters, "_value_1", None) or []
        self._subscription = where, [one for one in more if hasattr(one, "tag")]
        self._pull = service("pull", where, self.peer, self._token, PULL + 10)
        self._keep = service("subscription", where, self.peer, self._token)
        try:
            self._pull("SetSynchronizationPoint", **self._headers)
        except DeviceError:
            pass  # many devices tell at the beginning anyway

    @property
    def _headers(self) -> dict[str, Any]:
        assert self._subscription is not None
        return {"_soapheaders": self._subscription[1]} if self._subscription[1] else {}

    def pull(self) -> list[Notice]:
        """What has happened; waits PULL seconds for something."""
        timeout = datetime.timedelta(seconds=PULL)
        told = self._pull("PullMessages", Timeout=timeout, MessageLimit=100, **self._headers)
        return list(notices(told))

    def renew(self) -> None:
        """Go on for LIFE seconds."""
        self._keep("Renew", TerminationTime=f"PT{LIFE}S", **self._headers)

    def leave(self) -> None:
        """`close`, and the device need keep nothing for us any more: some have room for few."""
        self.close()
        if self._subscription is not None:
            peer = Peer(self.peer.url, self._login)
            service("subscription", self._subscription[0], peer, self._token, LEAVING)(
                "Unsubscribe", **self._headers
            )


def probe(url: str, login: tuple[str, str] = ("", ""), picture: bool = False) -> Description:
    """Look at a device that camd does not have. picture: how it looks there, too. Raises DeviceError."""
    device = Device(url, login)
    try:
        about = device.open()
        return replace(about, picture=device.picture(about)) if picture else about
    except CamdError:
        raise
    except Exception as error:  # an answer that lacks what every device has
        raise DeviceError(f"its answers are not understood: {error!r}"[:300]) from error
    finally:
        device.close()


def _text(value: Any) -> str:
    """Strangers wrote it."""
    return "".join(character for character in str(value or "") if character.isprintable())[:128].strip()
