"""Recording in memory time: the real App, whose recordings go to a real folder, and packets made before."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import camd.app
from camd.media import Packet
from camd.record.recordings import Recordings
from camd.record.storage import Space, Storage
from camd.state import EVERYONE

from .video_case import VideoCase, video

#: The wall clock at the start of each test, as in `video`.
WALL = 1000.0


class RecordCase(VideoCase):
    """The clock moves with the packets that are played. free: what the disk has, None for the real one."""

    free: int | None = None
    total = 1 << 40

    def setUp(self) -> None:
        self.offset = WALL
        wall = lambda: self.offset + self.clock.seconds()  # noqa: E731
        self.patch(camd.app, "Recordings", functools.partial(Recordings, wall=wall))
        real = Storage.look_now
        self.patch(
            Storage,
            "look_now",
            lambda storage: real(storage) if self.free is None else Space(self.total, self.free),
        )
        super().setUp()
        self.recordings = self.app.recordings
        self.begin()
        self.addCleanup(lambda: self.get(self.recordings.stop()))

    def begin(self) -> None:
        self.get(self.recordings.start())
        self.recordings.follow(self.app.cameras)

    def again(self) -> None:
        """camd ends in the middle of everything, and starts again."""
        for recorder in self.recordings.recorders.values():
            recorder._closed = True
            recorder._leave()
        self.recordings.recorders.clear()
        self.get(self.recordings.stop())
        self.begin()

    @property
    def media(self) -> Path:
        return self.folder / "media"

    def set(self, **values: Any) -> None:
        """Of the recording of cam1."""
        for name, value in values.items():
            self.successResultOf(self.app.state[f"cameras/cam1/recording/{name}"].set(value, EVERYONE))

    def value(self, name: str) -> Any:
        return self.app.state[f"cameras/cam1/recording/{name}"].value

    def play(self, packets: list[Packet], id: str = "cam1") -> list[Packet]:
        """Each in its moment."""
        for packet in packets:
            self.clock.rightNow = max(self.clock.rightNow, packet.pts)
            self.publish([packet], id)
        return packets

    def film(self, count: int, start: float = 0.0, **options: Any) -> list[Packet]:
        return self.play(video(count, start, **options))

    def rows(
        self, question: str = "SELECT * FROM records ORDER BY timestamp_start, id"
    ) -> list[dict[str, Any]]:
        def ask(connection: Any) -> list[dict[str, Any]]:
            cursor = connection.execute(question)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return self.recordings.index.read_now(ask)

    def gaps(self) -> list[tuple[int, int | None, str]]:
        return [
            (row["timestamp_start"], row["timestamp_end"], row["reason"])
            for row in self.rows("SELECT * FROM gaps ORDER BY timestamp_start")
        ]
