"""Fragmented MP4 (ISO/IEC 14496-12), written: an init segment, then fragments of any number of samples.

A fragment is complete in itself: it says when it begins, so nothing has to be known of the next picture, and
a picture can leave as a fragment of its own in the moment it exists. That is also why nothing drifts: each
fragment's decode time comes from the pts of its first sample (`Track.ticks`), durations are never summed. The
duration of a fragment's last sample is only how long it is shown if nothing follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, pack

from .boxes import box, full_box
from .nal import Buffer
from .track import Track

#: What a segment of HLS begins with; its fragments follow.
SEGMENT_TYPE = box(b"styp", b"msdh", pack(">I", 0), b"msdhmsix")

#: The duration, in seconds, of a picture whose successor is not known yet, for those who watch live. Longer than
#: any usual gap: a player of Media Source Extensions that meets a gap of more than twice the duration throws
#: everything away up to the next key frame ("coded frame processing"), so with the distance of two pictures a
#: camera that slows down at night would show a still. Too long does no harm, the next picture cuts it short;
#: only `buffered` ends that much after the last picture. Between 3 and 6 distances Chromium may not get going.
HOLD = 1.0

_MATRIX = pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
#: Seconds from the year 1904, and from 1900 (NTP), to 1970.
_FROM_1904, _FROM_1900 = 2082844800, 2208988800
#: The time of a "prft" is that of the capture (ISO/IEC 14496-12:2020 section 8.16.5).
_CAPTURED = 24

_SYNC, _NOT_SYNC = 0x02000000, 0x01010000
_EVERY_SAMPLE_HAS = 0x000701  # where the data is; duration, size, flags
_COMPOSITION = 0x000800
_PRFT = Struct(">I4sIIQQ").pack
_MOOF = Struct(">I4sI4sII").pack
_TRAF = Struct(">I4sI4sII").pack
_TIME = Struct(">I4sIQI4sIII").pack
_ENTRY = Struct(">III").pack
_MDAT = Struct(">I4s").pack


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, or one packet of sound.

    pieces: its bytes, to be joined (`nal.sample(nal.split(data), codec)`, or `(jpeg,)`). duration: ticks.
    offset: ticks from when it is decoded to when it is shown; not 0 in streams with B pictures only.
    """

    pieces: Sequence[Buffer]
    duration: int
    keyframe: bool = True
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples of one track. time: decode time of the first one, ticks since the track's start;
    entry: which of the track's sample entries describes them, from 1 on."""

    track: Track
    time: int
    samples: Sequence[Sample]
    entry: int = 1


def content_type(*tracks: Track) -> str:
    """For the HTTP header and for MediaSource: video/mp4; codecs="avc1.42C01F"."""
    kind = "video" if any(track.is_video for track in tracks) else "audio"
    return f'{kind}/mp4; codecs="{",".join(track.codec for track in tracks)}"'


def init_segment(*tracks: Track, wall: float | None = None, hidden: float = 0.0) -> bytes:
    """What comes before the first fragment: "ftyp" and "moov". wall: when it was taken, UTC seconds. hidden: so
    many seconds at the beginning of each track are decoded and not shown (an edit list). Pure."""
    created = 0 if wall is None else int(wall) + _FROM_1904
    header = full_box(b"mvhd", 1, 0, pack(">QQIQIH10x", created, created, 1000, 0, 1 << 16, 1 << 8), _MATRIX,
                      pack(">24xI", 1 + max(track.number for track in tracks)))
    defaults = [full_box(b"trex", 0, 0, pack(">IIIII", track.number, 1, 0, 0, 0)) for track in tracks]
    return b"".join([
        box(b"ftyp", b"iso6", pack(">I", 0), b"iso6iso5isommp41"),
        box(b"moov", header, *(_track_box(track, created, hidden) for track in tracks), box(b"mvex", *defaults)),
    ])


def _track_box(track: Track, created: int, hidden: float) -> bytes:
    handler, media = (b"vide", full_box(b"vmhd", 0, 1, bytes(8)))
    if not track.is_video:
        handler, media = (b"soun", full_box(b"smhd", 0, 0, bytes(4)))
    tables = box(
        b"stbl",
        full_box(b"stsd", 0, 0, pack(">I", 1 + len(track.further)), track.entry, *track.further),
        # The samples are in the fragments.
        full_box(b"stts", 0, 0, bytes(4)), full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)), full_box(b"stco", 0, 0, bytes(4)),
    )
    here = box(b"dinf", full_box(b"dref", 0, 0, pack(">I", 1), full_box(b"url ", 0, 1)))
    edit = ()
    if hidden > 0:  # of a duration that nobody knows yet, hence 0 (ISO/IEC 14496-12 section 8.6.6)
        edit = (box(b"edts", full_box(b"elst", 1, 0, pack(">IQqI", 1, 0, track.ticks(hidden), 1 << 16))),)
    return box(
        b"trak",
        full_box(b"tkhd", 1, 3, pack(">QQI4xQ8xHHHxx", created, created, track.number, 0, 0, 0,
                                     0 if track.is_video else 1 << 8),
                 _MATRIX, pack(">II", track.width << 16, track.height << 16)),
        *edit,
        box(b"mdia",
            full_box(b"mdhd", 1, 0, pack(">QQIQHH", created, created, track.timescale, 0, 0x55C4, 0)),
            full_box(b"hdlr", 0, 0, pack(">I4s12x", 0, handler), b"camd\0"),
            box(b"minf", media, here, tables)),
    )  # language 0x55C4: "und"


def fragment(sequence: int, *runs: Run, wall: float | None = None) -> bytes:
    """One fragment: "moof" and "mdat", and before them "prft" if wall is given.

    sequence: 1, 2, ... for the reader of one stream; the tracks' numbers differ. wall: when the first sample
    was captured, UTC seconds, for who measures delay. The samples are copied once. Pure; about 6 us and the
    copy for one sample.
    """
    return b"".join(fragment_pieces(sequence, *runs, wall=wall))


def fragment_pieces(sequence: int, *runs: Run, wall: float | None = None) -> list[Buffer]:
    """The same in pieces, for who writes them one after the other: nothing is copied."""
    forms = [_form(run) for run in runs]
    chosen = [pack(">I", run.entry) if run.entry > 1 else b"" for run in runs]  # 8.8.7
    size = 24 + sum(
        64 + len(entry) + width * len(run.samples)
        for run, (_, width), entry in zip(runs, forms, chosen, strict=True)
    )
    at = first = size + 8  # offsets count from the "moof"
    head: list[bytes] = []
    body: list[Buffer] = []
    if wall is not None:
        ntp = int((wall + _FROM_1900) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        head.append(_PRFT(32, b"prft", 1 << 24 | _CAPTURED, runs[0].track.number, ntp, runs[0].time))
    head.append(_MOOF(size, b"moof", 16, b"mfhd", 0, sequence & 0xFFFFFFFF))
    for run, (flags, width), entry in zip(runs, forms, chosen, strict=True):
        count = len(run.samples)
        head.append(_TRAF(64 + len(entry) + width * count, b"traf", 16 + len(entry), b"tfhd",
                          0x020002 if entry else 0x020000, run.track.number))
        head.append(entry)
        head.append(_TIME(20, b"tfdt", 1 << 24, run.time, 20 + width * count, b"trun", flags, count, at))
        for sample in run.samples:
            length = sum(map(len, sample.pieces))
            head.append(_ENTRY(sample.duration, length, _SYNC if sample.keyframe else _NOT_SYNC))
            if width == 16:
                head.append(pack(">i", sample.offset))
            body += sample.pieces
            at += length
    return [*head, _MDAT(8 + at - first, b"mdat"), *body]


def _form(run: Run) -> tuple[int, int]:
    """Version and flags of a "trun", and bytes for each sample in it."""
    if any(sample.offset for sample in run.samples):
        return 1 << 24 | _EVERY_SAMPLE_HAS | _COMPOSITION, 16
    return _EVERY_SAMPLE_HAS, 12
