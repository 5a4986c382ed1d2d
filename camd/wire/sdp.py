"""SDP (RFC 8866) as an RTSP server describes its streams with."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CONTENT_TYPE = "application/sdp"
#: What the payload types above 95 are here: one number for each format, so that a trace is easy to read.
H264, H265, AAC, OPUS, METADATA = 96, 98, 97, 99, 107
JPEG = 26


@dataclass(frozen=True, slots=True)
class Track:
    """One m= section. media: "video", "audio" or "application"; encoding: of a=rtpmap; format: of a=fmtp."""

    media: str
    payload_type: int
    encoding: str
    format: str = ""
    attributes: tuple[str, ...] = ()


def h264(sps: bytes, pps: bytes, fps: float = 0.0) -> Track:
    """H.264 (RFC 6184). sps, pps: NAL units, without start codes; fps: 0 if not known."""
    return Track("video", H264, "H264/90000",
                 f"packetization-mode=1;profile-level-id={sps[1:4].hex().upper()};"
                 f"sprop-parameter-sets={_base64(sps)},{_base64(pps)}", _rate(fps))


def h265(vps: bytes, sps: bytes, pps: bytes, fps: float = 0.0) -> Track:
    """H.265 (RFC 7798). vps, sps, pps: NAL units, without start codes."""
    return Track("video", H265, "H265/90000",
                 f"sprop-vps={_base64(vps)};sprop-sps={_base64(sps)};sprop-pps={_base64(pps)}", _rate(fps))


def jpeg(fps: float = 0.0) -> Track:
    """JPEG (RFC 2435), whose payload type is assigned."""
    return Track("video", JPEG, "JPEG/90000", "", _rate(fps))


def aac(rate: int, channels: int, config: bytes) -> Track:
    """AAC (RFC 3640, mode AAC-hbr). config: AudioSpecificConfig."""
    return Track("audio", AAC, f"MPEG4-GENERIC/{rate}/{channels}",
                 "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
                 f"config={config.hex().upper()}")


def opus(stereo: bool) -> Track:
    """Opus (RFC 7587), whose rate and channels in a=rtpmap are the same for all."""
    return Track("audio", OPUS, "opus/48000/2", f"sprop-stereo={stereo:d}")


def metadata() -> Track:
    """ONVIF's metadata stream: XML documents (ONVIF Streaming Specification, section "Metadata stream")."""
    return Track("application", METADATA, "vnd.onvif.metadata/90000")


def describe(tracks: Sequence[Track], name: str, session: int, version: int = 1, address: str = "0.0.0.0",
             controls: Iterable[str] | None = None) -> bytes:
    """The description of a live session.

    name: shown by players; session, version: of o=, the version grows with each change; address: ours, as
    the client sees it; controls: the URL of each track, by default "trackID=0" and so on, to be read
    relative to Content-Base.
    """
    kind = "IP6" if ":" in address else "IP4"
    anywhere = "::" if kind == "IP6" else "0.0.0.0"
    lines = [
        "v=0",
        f"o=- {session} {version} IN {kind} {address.partition('%')[0]}",
        f"s={_text(name) or '-'}",
        f"c=IN {kind} {anywhere}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    for track, control in zip(tracks, controls or _controls(len(tracks)), strict=True):
        number = track.payload_type
        lines += (f"m={track.media} 0 RTP/AVP {number}", f"a=rtpmap:{number} {track.encoding}")
        if track.format:
            lines.append(f"a=fmtp:{number} {track.format}")
        lines += (f"a={attribute}" for attribute in track.attributes)
        lines.append(f"a=control:{control}")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _controls(count: int) -> list[str]:
    return [f"trackID={number}" for number in range(count)]


def _rate(fps: float) -> tuple[str, ...]:
    return (f"framerate:{round(fps, 3):g}",) if fps else ()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(name: str) -> str:
    """On one line: a name must not begin another."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())
