"""Recordings: what others use of all this: start and stop, look, tag, delete, and play."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList, TimeoutError, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config import Config
from ..errors import CamdError, Conflict, Gone, Invalid, SourceError, Unsupported
from ..media.camera import Camera
from ..state.event import Event
from ..state.state import State
from . import changes, queries
from .damages import Damages
from .entries import PAGE, Filter, Gap, Page, Record, Tag
from .index import Index
from .playback import Playback
from .playlist import playlist
from .recorder import Recorder
from .repair import Repair, Report
from .retention import Retention, Rule
from .segment_file import StorageError
from .storage import Storage
from .thumbnails import Thumbnail, Thumbnails

if TYPE_CHECKING:
    from ..threads import Threads

#: Times of the schedule come, and cameras go: recorders are looked at so often (seconds).
TICK = 1.0
#: Who starts by hand waits so long for the first pictures, and the end for the last ones (seconds).
PATIENCE = 5.0
#: A range that is played is not longer (milliseconds).
LONGEST_RANGE = 24 * 3600_000
#: And in a playlist, which has a line for each of its segments, not longer than this.
LONGEST_PLAYLIST = 6 * 3600_000
#: Files that are played in one go, each of which is looked into first: a day of files of a minute, and some.
MOST_FILES = 2000


class Recordings:
    """Reactor thread only. on_event: tells an Event to everybody; is_synchronised: whether the wall clock has
    been right since the start, asked in any thread; wall: Unix seconds."""

    log = Logger()

    def __init__(
        self,
        config: Config,
        state: State,
        threads: Threads,
        reactor: Any,
        on_event: Callable[[Event], None],
        is_synchronised: Callable[[], bool] = lambda: True,
        wall: Callable[[], float] = time.time,
    ):
        self.recorders: dict[str, Recorder] = {}
        self.storage = Storage(config, state, on_event, is_synchronised)
        self.index = Index(config.data_dir / "index.db", threads, reactor, wall)
        self.retention = Retention(self.index, self.storage, threads, reactor, self._rules, wall)
        self.thumbnails = Thumbnails(self.storage, threads)
        self.retention.on_removed = self.thumbnails.forget
        self.damages = Damages()
        self.is_open = False
        self._config = config
        self._state = state
        self._threads = threads
        self._reactor = reactor
        self._on_event = on_event
        self._wall = wall
        self._since = changes.Since()
        self._closing: set[Deferred[None]] = set()
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self.storage.on_change = self._tick

    # -- start and stop

    async def start(self) -> None:
        """Open the index, finish what a crash left unfinished, and look at the room. The files that nobody
        knows are taken up afterwards, beside everything else."""
        try:
            await self.index.open()
        except CamdError as error:  # the cameras can do without
            self.storage.block(str(error))
            return
        repair = await self._threads.io(self._repair)
        self._since = await self.index.read(queries.since)
        self.is_open = True
        await self.thumbnails.start()
        await self.retention.start()
        self._ticker.start(TICK, now=False)
        if repair is not None and repair.strangers:
            self._threads.io(repair.adopt_all).addCallbacks(self._adopted, self._not_adopted)

    def _repair(self) -> Repair | None:
        try:
            self.storage.prepare_now()
            repair = Repair(self.index, self.storage.root, self.now())
            report = repair.run()
        except OSError as error:
            self.log.error("{root}: {error}", root=self.storage.root, error=error.strerror or error)
            return None
        if report.refused:
            self.log.error("{reason}", reason=report.refused)
        if report.cut or report.defect or report.missing or report.removed:
            self.log.warn(
                "recordings after the last end: {cut} repaired, {defect} defect, {missing} missing, "
                "{removed} removed",
                cut=report.cut,
                defect=report.defect,
                missing=report.missing,
                removed=report.removed,
            )
        return repair

    def _adopted(self, report: Report) -> None:
        self.log.info(
            "{adopted} unknown files were taken up, {foreign} are none of camd's",
            adopted=report.adopted,
            foreign=report.foreign,
        )

    def _not_adopted(self, failure: Failure) -> None:
        failure.trap(CamdError)
        if self.is_open:
            self.log.error("unknown files are left until the next start: {error}", error=failure.value)

    async def stop(self) -> None:
        if self._ticker.running:
            self._ticker.stop()
        self.retention.stop()
        for recorder in self.recorders.values():
            self._close(recorder, "camd was stopped")
        try:
            await DeferredList(list(self._closing)).addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            self.log.error(
                "{root} does not answer; its files are repaired at the next start", root=self.storage.root
            )
        self.recorders.clear()
        if self.is_open:
            self.is_open = False
            await self.index.close()

    def _close(self, recorder: Recorder, gap: str = "") -> None:
        closing = recorder.close(gap)
        self._closing.add(closing)
        closing.addBoth(lambda _: self._closing.discard(closing))

    def follow(self, cameras: Mapping[str, Camera]) -> None:
        """The cameras are these now."""
        for id in [id for id, recorder in self.recorders.items() if cameras.get(id) is not recorder.camera]:
            self._close(self.recorders.pop(id))
        for id, camera in cameras.items():
            if id not in self.recorders and self.is_open:
                self.recorders[id] = Recorder(
                    camera,
                    self._state,
                    self._threads,
                    self._reactor,
                    self.index,
                    self.storage,
                    self._on_event,
                    self._wall,
                )

    def configure(self, config: Config) -> None:
        """Another configuration is in force."""
        self.storage.configure(config)
        if self.is_open:
            ensureDeferred(self._threads.io(self.storage.prepare_now)).addBoth(
                lambda _: self.retention.look()
            )

    def clock_was_set(self, by: float, was_right: bool) -> None:
        """The wall clock was set by so many seconds. was_right: it was right before, and what it said
        stays."""
        if not self.is_open or was_right:
            return
        now = self._wall()
        right = {
            recorder.file
            for recorder in self.recorders.values()
            if recorder.file and abs(now - self._reactor.seconds() - recorder.clock) < abs(by) / 2
        }
        before = round((now - by) * 1000)
        self.index.note(changes.shift, self._since, round(by * 1000), before, right)

    def clock_is_right(self) -> None:
        """For the first time since the start."""
        if self.is_open:
            self.index.note(changes.trust, self._since)

    def hear(self, event: Event) -> None:
        """Something happened."""
        recorder = self.recorders.get(event.camera or "")
        if recorder is not None:
            recorder.hear(event)

    def _read(self, question: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self._check_open()
        return self.index.read(question, *args)

    def _write(self, change: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self._check_open()
        return self.index.write(change, *args)

    def _check_open(self) -> None:
        if not self.is_open:
            raise Unsupported(f"Nothing is recorded: {self.storage.blocked or 'the index is not open'}")

    def _tick(self) -> None:
        for recorder in list(self.recorders.values()):
            recorder.tick()

    def _rules(self) -> dict[str, Rule]:
        return {
            id: Rule(recorder.settings["retention_days"], recorder.settings["max_bytes"])
            for id, recorder in self.recorders.items()
        }

    def now(self) -> int:
        """Unix milliseconds."""
        return round(self._wall() * 1000)

    # -- recording

    def __getitem__(self, camera: str) -> Recorder:
        """The recorder of a camera; raises Gone."""
        try:
            return self.recorders[camera]
        except KeyError:
            raise Gone(f"There is no camera {camera!r}") from None

    def trigger(self, camera: str) -> None:
        """An event for the mode `event`, by whoever wants one."""
        self[camera]
        self._on_event(Event("trigger", camera, end=self._wall()))

    async def keep_picture(self, camera: str) -> Record:
        """A snapshot that stays. Raises CamdError."""
        return await self.one(await self[camera].keep_picture())

    async def begin_by_hand(self, camera: str, duration: float | None = None) -> Record:
        """Start, and wait for the file. Raises Conflict if that was done already, StorageFull without room,
        and SourceError if the camera gives nothing."""
        recorder = self[camera]
        if recorder.kind == "manual":
            error = Conflict("It is recorded already")
            error.code = "RECORDING_IN_PROGRESS"
            raise error
        if self.storage.blocked:
            raise StorageError(self.storage.blocked)
        recorder.start(duration)
        try:
            return await self.one(await recorder.when_begun().addTimeout(PATIENCE, self._reactor))
        except TimeoutError:
            recorder.stop()
            raise SourceError(f"The camera gave no picture within {PATIENCE:.0f} s") from None

    async def end_by_hand(self, camera: str) -> Record | None:
        """Stop; the record that is finished by that, None if nothing was recorded. Raises Gone."""
        recorder = self[camera]
        file = recorder.file
        recorder.stop()
        await recorder.settled()
        # A question among the changes: it is answered after those that came before it.
        return await self._write(queries.named, file) if file else None

    # -- looking

    async def find(self, wanted: Filter, limit: int = PAGE, cursor: str = "", skip: int = 0) -> Page:
        """The newest records of those wanted; the next page with the cursor of the one before."""
        return await self._read(queries.find, wanted, limit, cursor, skip)

    async def one(self, id: int) -> Record:
        """Raises Gone."""
        return await self._read(queries.one, id)

    async def gaps(self, cameras: frozenset[str] | None, start: int, end: int) -> list[Gap]:
        """Unix milliseconds; cameras None: all."""
        return await self._read(queries.gaps, cameras, start, end)

    async def tags(self, cameras: frozenset[str] | None, start: int, end: int) -> list[Tag]:
        """Unix milliseconds; cameras None: all."""
        return await self._read(queries.tags, cameras, start, end)

    async def one_tag(self, id: int) -> Tag:
        """Raises Gone."""
        return await self._read(queries.one_tag, id)

    def path(self, record: Record) -> Path:
        """Where its file is."""
        return self.storage.root / record.filename

    # -- changing

    async def tag(self, tag: Tag) -> int:
        """Mark a moment; returns the number of the tag."""
        return await self._write(changes.tag, tag)

    async def tag_moment(
        self, moment: int, title: str, note: str, camera: str, category: int | None, by: str
    ) -> int:
        """The same in single values, for who does not know Tag."""
        return await self.tag(Tag(0, moment, title, note, camera, category, by))

    async def category(self, name: str) -> int:
        """The number of the category of that name, which is made if it is not there."""
        return await self._write(changes.category_named, name, self.now())

    async def untag(self, id: int) -> None:
        """Raises Gone."""
        await self._write(changes.untag, id)

    async def delete(self, id: int) -> Record:
        """Delete a record and its file, tags or not. Raises Gone, and Conflict while it is written."""
        record = await self.one(id)
        if record.state == "recording":
            raise Conflict("It is being recorded: stop first")
        if not await self.retention.remove([record]):
            raise Conflict("The file cannot be deleted; the log says why")
        return record

    # -- playing

    async def play(self, camera: str, start: int, end: int) -> Playback:
        """The video of this time as one MP4, ready to be read. Raises Invalid, and Gone if there is none."""
        pieces = await self._pieces(camera, start, end, LONGEST_RANGE)
        return await self._threads.io(Playback, pieces, start, end, self.damages.note)

    async def playlist(self, camera: str, start: int, end: int) -> bytes:
        """The same as a playlist of HTTP Live Streaming."""
        pieces = await self._pieces(camera, start, end, LONGEST_PLAYLIST)
        return await self._threads.io(playlist, pieces, start, end, self.damages.note)

    async def _pieces(self, camera: str, start: int, end: int, longest: int) -> list[tuple[Path, Record]]:
        if end <= start:
            raise Invalid("end", "Value must be after start")
        if end - start > longest:
            raise Invalid("end", f"At most {longest // 3600_000} hours are played in one go")
        records = await self._read(queries.in_range, camera, start, end, MOST_FILES + 1)
        if len(records) > MOST_FILES:
            raise Invalid("end", f"At most {MOST_FILES} files are played in one go, which end at {records[-1].start}")
        if not records:
            raise Gone("There is no recording of this time")
        return [(self.path(record), record) for record in records]

    async def thumbnail(
        self, record: Record, at: int | None = None, is_wanted: Callable[[], bool] = lambda: True
    ) -> Thumbnail:
        """A small picture of a recording, or of a moment in it; see `Thumbnails.of`."""
        self._check_open()
        return await self.thumbnails.of(record, at, is_wanted)
