"""The playlist of HTTP Live Streaming (RFC 8216, and its second edition for parts and blocking reloads)."""

from __future__ import annotations

from datetime import UTC, datetime

from ..media.segments import Segment, Segments, whole_seconds

CONTENT_TYPE = b"application/vnd.apple.mpegurl"
#: Segments whose parts are listed, too, beside the current one: those that a player at the edge may still need.
_IN_PARTS = 3


def playlist(segments: Segments, query: str) -> bytes:
    """What there is now. query: "?..." behind every address, or "". Pure."""
    target = whole_seconds(segments.longest)
    part = segments.longest_part
    shown, complete = segments.shown, len(segments.complete)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        f"#EXT-X-TARGETDURATION:{target}",
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * part:.3f},HOLD-BACK={3 * target}",
        f"#EXT-X-PART-INF:PART-TARGET={part:.3f}",
        f"#EXT-X-MEDIA-SEQUENCE:{shown[0].number if shown else 0}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{segments.discontinuities}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    before = None
    for index, segment in enumerate(shown):
        if segment.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.init is not before:
            lines.append(f'#EXT-X-MAP:URI="{segment.init_number}.mp4{query}"')
            before = segment.init
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(segment.wall)}")
        if index >= complete - _IN_PARTS:
            lines += _parts(segment, query)
        if segment is not segments.current:
            lines += [f"#EXTINF:{segment.duration:.6f},", f"{segment.number}.m4s{query}"]
    if (current := segments.current) is not None:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{current.number}.{len(current.parts)}.m4s{query}"')
    return "\n".join([*lines, ""]).encode()


def _parts(segment: Segment, query: str) -> list[str]:
    return [
        f'#EXT-X-PART:DURATION={part.duration:.6f},URI="{segment.number}.{index}.m4s{query}"'
        + (",INDEPENDENT=YES" if part.keyframe else "")
        for index, part in enumerate(segment.parts)
    ]


def _date(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
