"""In the child: what H.264 a camera gives, and which of a viewer's offers fits it (RFC 6184 section 8.1)."""

from __future__ import annotations

from typing import Any

from aiortc import rtp, sdp
from aiortc.codecs import CODECS, get_capabilities
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

from .refusal import Refusal

_Profile = sdp.H264Profile
#: By profile of the packets: what a decoder may call itself that plays them, the nearest first.
#: Chromium without a decoder in hardware is not High, but High 4:4:4 Predictive (f4), which contains it.
_PLAYED_AS = {
    _Profile.PROFILE_CONSTRAINED_BASELINE: ("42e01f", "42001f", "4d001f", "64001f", "f4001f"),
    _Profile.PROFILE_BASELINE: ("42001f",),
    _Profile.PROFILE_MAIN: ("4d001f", "64001f", "f4001f"),
    _Profile.PROFILE_CONSTRAINED_HIGH: ("640c1f", "64001f", "f4001f"),
    _Profile.PROFILE_HIGH: ("64001f", "f4001f"),
}
_MORE = ("4d001f", "64001f", "640c1f", "f4001f")
_SPS = 7


def know_more_profiles() -> None:
    """aiortc packs any H.264, but offers the baseline only; and it would answer browsers, which have run out
    of payload types from 96 on and go on at 35 (RFC 3551 section 6), with another number than they gave."""
    rtp.DYNAMIC_PAYLOAD_TYPES = (*range(35, 64), *range(96, 128))
    number = max(codec.payloadType for codec in CODECS["video"])
    for profile in _MORE:
        number += 2
        parameters = {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": profile}
        feedback = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli")]
        CODECS["video"] += [
            RTCRtpCodecParameters("video/H264", 90000, None, number - 1, feedback, parameters),
            RTCRtpCodecParameters("video/rtx", 90000, None, number, [], {"apt": number - 1}),
        ]


def profile_of(keyframe: bytes) -> str:
    """profile-level-id of a key frame, from its sequence parameter set. Raises Refusal.

    Pictures that are not shown in the order in which they are sent cannot be played: RTP of WebRTC has no
    place for a second time, and a browser would show them as they come."""
    at = keyframe.find(b"\0\0\1")
    while 0 <= at < len(keyframe) - 7 and keyframe[at + 3] & 0x1F != _SPS:
        at = keyframe.find(b"\0\0\1", at + 3)
    if not 0 <= at < len(keyframe) - 7:
        raise Refusal("video", "the camera's H.264 has no parameter set before its key frame")
    import av

    decoder: Any = av.CodecContext.create("h264", "r")
    try:
        decoder.decode(av.Packet(keyframe))
    except av.FFmpegError as error:
        raise Refusal("video", f"the camera's H.264 cannot be read: {error}") from None
    if decoder.has_b_frames:
        raise Refusal("profile", "the camera's H.264 has B pictures, which WebRTC cannot carry")
    return keyframe[at + 4 : at + 7].hex()


def choose(profile: str, offered: list[Any]) -> list[Any]:
    """The codecs to prefer, in order, for packets of this profile-level-id. offered: the codecs of the
    offer. Raises Refusal if the viewer plays none."""
    names = _PLAYED_AS.get(_kind(bytes.fromhex(profile)), ())
    wanted = {sdp.parse_h264_profile_level_id(name)[0]: name for name in names}
    theirs = {_profile(codec) for codec in offered if _is_h264(codec)}
    fitting = [name for kind, name in wanted.items() if kind in theirs]
    if not fitting:
        raise Refusal("profile", f"this viewer does not play H.264 with profile-level-id {profile}")
    known_here = get_capabilities("video").codecs
    chosen = [
        codec for name in fitting for codec in known_here if codec.parameters.get("profile-level-id") == name
    ]
    return chosen + [codec for codec in known_here if codec.mimeType == "video/rtx"]


def choose_sound(media: list[Any]) -> list[Any]:
    """The codecs for the sound: Opus, if an offer wants to receive that; else none."""
    for one in media:
        if one.kind == "audio" and one.direction in ("recvonly", "sendrecv"):
            if any(codec.mimeType.lower() == "audio/opus" for codec in one.rtp.codecs):
                known_here = get_capabilities("audio").codecs
                return [codec for codec in known_here if codec.mimeType.lower() == "audio/opus"]
    return []


def _kind(profile: bytes) -> Any:
    """The profile of packets by profile_idc and flags; cameras set more of these than RFC 6184 lists."""
    number, flags = profile[0], profile[1]
    if number == 66 or (number == 77 and flags & 0x80):
        return (
            _Profile.PROFILE_CONSTRAINED_BASELINE
            if flags & 0x40 or number == 77
            else _Profile.PROFILE_BASELINE
        )
    if number == 77:
        return _Profile.PROFILE_MAIN
    if number == 100:
        return _Profile.PROFILE_CONSTRAINED_HIGH if flags & 0x0C == 0x0C else _Profile.PROFILE_HIGH
    return None


def _is_h264(codec: Any) -> bool:
    return (
        codec.mimeType.lower() == "video/h264" and str(codec.parameters.get("packetization-mode", "0")) == "1"
    )


def _profile(codec: Any) -> Any:
    try:
        return sdp.parse_h264_profile_level_id(str(codec.parameters.get("profile-level-id", "42E01F")))[0]
    except ValueError:
        return None
