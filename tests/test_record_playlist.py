"""HTTP Live Streaming of what was recorded: nothing is copied, and all of it comes out again."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from camd.record import changes
from camd.record.playlist import segments_of
from camd.record.video import Video

from .edge_case import Answer
from .test_record_play import PlayCase, given, pictures
from .video_case import EACH_HALF, video


@dataclass
class Segment:
    """As the playlist has it."""

    uri: str
    offset: int
    size: int
    length: float
    date: str
    map: str
    discontinuity: bool


def parse(text: str) -> list[Segment]:
    found: list[Segment] = []
    told: dict[str, str] = {}
    broken = False
    for line in text.splitlines():
        if line == "#EXT-X-DISCONTINUITY":
            broken = True
        elif line.startswith("#"):
            name, _, value = line.partition(":")
            told[name] = value
        else:
            size, _, offset = told["#EXT-X-BYTERANGE"].partition("@")
            found.append(Segment(line, int(offset), int(size), float(told["#EXTINF"].rstrip(",")),
                                 told["#EXT-X-PROGRAM-DATE-TIME"], told["#EXT-X-MAP"], broken))  # fmt: skip
            broken = False
    return found


class PlaylistTests(PlayCase):
    def playlist(self, start: int, end: int, by: str = "viewer") -> Answer:
        return self.ask("GET", f"/api/recordings/index.m3u8?camera=cam1&start={start}&end={end}", by=by)

    def part(self, uri: str, offset: int, size: int) -> bytes:
        wanted = f"bytes={offset}-{offset + size - 1}"
        answer = self.ask("GET", f"/api/recordings/{uri}", by="viewer", range=wanted)
        self.assertEqual((answer.status, len(answer.body)), (206, size))
        return answer.body

    def film_of(self, segment: Segment) -> bytes:
        """What a player has for it: its description, and it."""
        uri, size, offset = re.fullmatch('URI="([^"]*)",BYTERANGE="(\\d+)@(\\d+)"', segment.map).groups()
        return self.part(uri, int(offset), int(size)) + self.part(segment.uri, segment.offset, segment.size)

    def test_all_of_it_comes_out(self) -> None:
        packets = self.record(600)
        answer = self.playlist(1000_000, 1030_000)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/vnd.apple.mpegurl")
        text = answer.body.decode()
        segments = parse(text)
        self.assertEqual([round(one.length, 3) for one in segments], [6.0, 6.0, 6.0, 2.0])
        self.assertEqual([one.date for one in segments[:2]], 
                         ["1970-01-01T00:16:40.000Z", "1970-01-01T00:16:46.000Z"])  # fmt: skip
        self.assertEqual(sum((pictures(self.film_of(one)) for one in segments), []), given(packets))
        self.assertEqual([one.discontinuity for one in segments], [False] * 4)
        for line in ("#EXT-X-TARGETDURATION:6", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-ENDLIST"):
            self.assertIn(line, text.splitlines())

    def test_a_part_of_it(self) -> None:
        self.record(600)
        text = self.playlist(1007_000, 1013_000).body.decode()
        self.assertEqual([one.date[-9:] for one in parse(text)], ["6:46.000Z", "6:52.000Z"])
        self.assertIn("#EXT-X-START:TIME-OFFSET=1.000,PRECISE=YES", text)

    def test_files_are_timelines_of_their_own(self) -> None:
        packets = [*self.record(60), *self.record(60, 3.0, size=(160, 90)), *self.record(60, 9.0)]
        segments = parse(self.playlist(1000_000, 1030_000).body.decode())
        self.assertEqual([one.discontinuity for one in segments], [False, True, True])
        self.assertEqual(len({one.map for one in segments}), 3)
        self.assertEqual(sum((pictures(self.film_of(one)) for one in segments), []), given(packets))

    def test_what_is_damaged_is_left_out(self) -> None:
        packets = [*self.record(300), *self.record(60, 12.0)]
        path = self.media / self.rows()[0]["filename"]
        whole = path.read_bytes()
        at = -1
        for _ in range(4):
            at = whole.index(b"trun", at + 1)
        path.write_bytes(whole[: at + 8] + bytes(4) + whole[at + 12 :])  # the fourth second has no pictures
        segments = parse(self.playlist(1000_000, 1030_000).body.decode())
        self.assertEqual([one.discontinuity for one in segments], [False, True, True])
        self.assertEqual([round(one.length, 3) for one in segments], [3.0, 6.0, 2.0])
        self.assertEqual(segments[1].date[-9:], "6:44.000Z")
        expected = given(packets[:90] + packets[120:])
        self.assertEqual(sum((pictures(self.film_of(one)) for one in segments), []), expected)
        self.assertEqual(self.app.recordings.damages.counts, {"cam1": 1})
        with path.open("r+b") as file:
            file.write(bytes(64))
        segments_of.cache_clear()
        (one,) = parse(self.playlist(1000_000, 1030_000).body.decode())
        self.assertEqual(pictures(self.film_of(one)), given(packets[300:]))

    def test_a_camera_whose_clock_trembles(self) -> None:
        """Every segment begins with a key frame, and is as long as it should be."""
        dice = random.Random(3)
        shaken = [
            replace(one, pts=one.pts + (shift := dice.uniform(0.0, 0.02)), wall=one.wall + shift)
            for one in video(1200)
        ]
        self.set(mode="continuous")
        self.play(shaken)
        self.set(mode="off")
        path = self.media / str(self.rows()[0]["filename"])
        found = segments_of(path, path.stat().st_size)
        self.assertEqual({round(one.end - one.begin) for one in found.all[:-1]}, {6})
        with path.open("rb") as file:
            seen = Video(file)
            keys = [seen.pictures(number)[0].keyframe for number in range(len(seen.places))]
            self.assertGreaterEqual(sum(keys), 40)
            every = [one.keyframe for number in range(len(keys)) for one in seen.pictures(number)]
        self.assertEqual(sum(every), sum(keys))

    def test_a_file_without_key_frames_in_between(self) -> None:
        path = self.media / self.rows_of(1500, options=EACH_HALF.replace("g=15", "g=5000"))
        found = segments_of(path, path.stat().st_size)
        self.assertEqual([round(one.end - one.begin) for one in found.all], [20, 20, 10])
        self.assertEqual(found.all[0].offset + sum(one.size for one in found.all), path.stat().st_size)

    def rows_of(self, count: int, **options: object) -> str:
        self.record(count, **options)
        return str(self.rows()[-1]["filename"])

    def test_what_grows_is_listed_as_far_as_it_is_known(self) -> None:
        self.set(mode="continuous")
        packets = self.film(100)
        self.assertEqual(self.playlist(1000_000, 1030_000).status, 404)  # the index knows that it has begun
        name = self.rows()[0]["filename"]
        size = (self.media / name).stat().st_size
        self.recordings.index.commit_now([(changes.grow, (name, 3000, size))])
        (segment,) = parse(self.playlist(1000_000, 1030_000).body.decode())
        self.assertEqual(pictures(self.film_of(segment)), given(packets[:90]))

    def test_what_is_refused(self) -> None:
        self.record(60)
        for start, end, status in ((5, 5, 422), (0, 6 * 3600_000 + 1, 422), (5, 6, 404)):
            self.assertEqual(self.playlist(start, end).status, status, (start, end))
        self.assertEqual(self.playlist(1000_000, 1001_000, by="nobody").status, 403)
        self.assertEqual(
            self.ask("GET", "/api/recordings/index.m3u8?camera=door&start=1&end=9", by="limited").status, 404
        )
        (self.media / self.rows()[0]["filename"]).unlink()
        self.assertEqual(self.playlist(1000_000, 1001_000).status, 404)
