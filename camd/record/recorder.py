"""Recorder: records one camera, when that is wanted.

    Stream ──Keep──► Recorder ──► Cutter ──► jobs ──► Writer (a thread)
                        │ Ring, while an event is waited for

While the disk is busy one more fragment waits; then the Subscription is paused, and its policy keeps what
comes. What that has no room for is a gap in the index, and so is every time in which the camera gives
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import Invalid
from ..media.camera import Camera
from ..media.frame import INTER, SOUND, Packet
from ..media.policy import Keep, Lost
from ..media.stream import Stream, Subscription
from ..state.event import Event
from ..state.state import State
from . import queries
from .changes import begin, end_gap, lose
from .choice import choose
from .cutter import HOLE, Chunk, Cutter
from .index import Index
from .intent import Intent
from .ring import Ring
from .schedule import Schedule
from .settings import RecordingSettings
from .soundtrack import Soundtrack
from .storage import Storage
from .timelapse import Timelapse, keep_picture
from .writer import End, Outcome, Writer

if TYPE_CHECKING:
    from ..threads import Threads

#: Jobs that wait while the disk is busy before the stream is paused.
MOST_JOBS = 2
_NOTHING_COMES = "the camera gives no pictures"


class Recorder:
    """Reactor thread only. wall: Unix seconds.

    kind: what is recorded for now, "" for nothing; file, record_id: what is written; clock: its wall clock less its
    pictures'; written: bytes since the start; rate: bytes a second, of late; lost: pictures without room.
    """

    log = Logger()

    def __init__(
        self,
        camera: Camera,
        state: State,
        threads: Threads,
        reactor: Any,
        index: Index,
        storage: Storage,
        on_event: Callable[[Event], None],
        wall: Callable[[], float] = time.time,
    ):
        self.camera = camera
        self.written = 0
        self.kind = ""
        self.file = ""
        self.record_id: int | None = None
        self.rate = self.clock = 0.0
        self.lost = 0
        self._threads = threads
        self._reactor = reactor
        self._index = index
        self._storage = storage
        self._on_event = on_event
        self._wall = wall
        self._intent = Intent()
        self._cutter = Cutter(300, storage.largest_segment)
        self._writer = Writer(camera.id, lambda: storage.root, lambda: storage.is_synchronised())
        self._timelapse = Timelapse(camera, threads, reactor, index, storage)
        self._soundtrack = Soundtrack(camera, self._take)
        self._ring: Ring | None = None
        self._source: Stream | None = None
        self._subscription: Subscription | None = None
        self._jobs: list[Chunk | End] = []
        self._busy = False
        self._idle: list[Deferred[None]] = []
        self._begun: list[Deferred[int]] = []
        self._heard = 0.0
        self._since = 0.0
        self._newest = self._known = float("-inf")
        self._has_gap = False
        self._closed = False
        self.settings = RecordingSettings(camera.id, state, self._set, self._command, self.keep_picture)
        self._watches = (
            state.observe(f"cameras/{camera.id}/outputs", lambda _: self._listen()),
            # Something is masked now that may be seen on what waits for an event.
            state.observe(f"cameras/{camera.id}/masks", lambda _: self._ring and self._ring.clear()),
        )
        for name in ("schedule", "events", "post", "mode"):
            self._set(name)
        if not self.kind:  # what the last run of camd left open
            index.note(end_gap, camera.id, round(wall() * 1000))

    # ---------------------------------------------------------------- what others ask for

    def start(self, duration: float | None = None) -> None:
        """Record until `stop`, or for so many seconds, whatever the mode."""
        self._intent.start(self._reactor.seconds(), duration)
        self.update()

    def stop(self) -> None:
        self._intent.stop()
        self.update()

    def pause(self) -> None:
        """Record nothing until `resume`, `start` or `stop`."""
        self._intent.paused = True
        self.update()

    def resume(self) -> None:
        self._intent.paused = False
        self.update()

    @property
    def seconds(self) -> float:
        """How long the file is that is written now."""
        return self._cutter.seconds

    def when_begun(self) -> Deferred[int]:
        """Fires with the number of the record that is written now, or is next."""
        begun: Deferred[int] = Deferred(lambda one: self._begun.remove(one))
        self._begun.append(begun)
        if self.file:
            known = self._index.write(queries.named, self.file)
            known.addCallbacks(lambda record: self._tell_begun(record.id), lambda failure: None)
        return begun

    def _tell_begun(self, id: int) -> None:
        self.record_id = id
        begun, self._begun = self._begun, []
        for one in begun:
            one.callback(id)

    def hear(self, event: Event) -> None:
        """An event of this camera."""
        self._intent.hear(event, self._reactor.seconds())
        self.update()

    def close(self, gap: str = "") -> Deferred[None]:
        """End; fires when everything is on disk. gap: why something will be missing from here on, "" if
        nothing is wanted any more."""
        if not self._closed:
            wanted, self._closed = self.kind, True
            for watch in self._watches:
                watch.close()
            self._timelapse.stop()
            self._leave()
            if wanted and wanted != "timelapse":
                self._end(gap if wanted != "manual" else "")
        return self.settled()

    def settled(self) -> Deferred[None]:
        """Fires when nothing waits for the disk."""
        if not self._busy and not self._jobs:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        return done

    # ---------------------------------------------------------------- what is wanted

    async def keep_picture(self) -> int:
        """A snapshot that stays; its number. Raises CamdError."""
        work = (self._threads, self._reactor, self._index, self._storage)
        return await keep_picture(self.camera, "snapshot", *work)

    def _command(self, state: str) -> None:
        if state == "recording":
            self.resume() if self._intent.paused else self.start()
        else:
            self.stop() if state == "stopped" else self.pause()

    def _set(self, name: str) -> None:
        value = self.settings[name]
        if name == "mode":
            self._intent.choose(value)
        elif name == "schedule":
            self._intent.schedule = Schedule(value)
        elif name == "events":
            self._intent.kinds = frozenset(value)
        elif name == "post":
            self._intent.post = value
        self.update()

    def update(self) -> None:
        """Look at what is wanted now, and make it so."""
        if self._closed:
            return
        now = self._reactor.seconds()
        wanted = self._intent.kind(now, datetime.fromtimestamp(self._wall()))
        if not self.camera.config.enabled:  # nothing is missing of a camera that is switched off
            wanted = ""
        kind = "" if self._storage.blocked else wanted
        self._cutter.length = self.settings["segment"]
        self._cutter.largest = self._storage.largest_segment
        if kind != self.kind:
            self._change(kind, now, wanted)
        pre = self.settings["pre"] if self._intent.waits_for_events and not self.kind else 0
        if pre and not self._storage.blocked:
            if self._ring is None or self._ring.seconds != pre:
                self._ring = Ring(pre)
        else:
            self._ring = None
        self._timelapse.interval = self.settings["interval"] if self.kind == "timelapse" else 0.0
        self._listen()
        self._publish(wanted)

    def _change(self, kind: str, now: float, wanted: str) -> None:
        self._soundtrack.flush()
        before, self.kind = self.kind, kind
        if before and before != "timelapse" and (not kind or kind == "timelapse"):
            self._end(self._storage.blocked if wanted else "")
        if not wanted and self._has_gap:
            self._index.note(end_gap, self.camera.id, round(self._wall() * 1000))
        if not before:
            self._since, self._has_gap = now, False
            self._known = self._newest
        if kind:
            self._cutter.kind = kind
            ring, self._ring = self._ring, None
            for packet in ring or ():
                self._add(packet)
        if bool(before) != bool(kind):
            data = {"state": "recording" if kind else "stopped"}
            self._on_event(Event("recording", self.camera.id, data=data))

    def _publish(self, wanted: str) -> None:
        state = "paused" if self._intent.paused else "recording" if wanted else "stopped"
        reason = self._storage.blocked if wanted else ""
        if wanted and not reason and self._has_gap:
            reason = self.camera.reason or _NOTHING_COMES
        self.settings.publish(state=state, kind=self.kind, reason=reason, file=self.file)

    # ---------------------------------------------------------------- the stream

    def _listen(self) -> None:
        """Subscribe to what is to be recorded, or to nothing; the stream may be another one than before."""
        wanted = not self._closed and (self._ring is not None or self.kind not in ("", "timelapse"))
        values = self.settings.values
        self._soundtrack.listen(wanted)
        self._cutter.with_sound = self._soundtrack.is_on
        source = choose(self.camera, values["rendition"], values["codec"]) if wanted else None
        if source is self._source and (source is None) == (self._subscription is None):
            return
        old = self._subscription
        self._source, self._subscription = source, None
        if source is not None:
            self._heard = self._reactor.seconds()
            self._subscription = source.subscribe(self._arrived, Keep(), kind="recording", on_end=self._leave)
            self._flow()
        if old is not None:
            old.close()

    def _leave(self) -> None:
        subscription, self._subscription, self._source = self._subscription, None, None
        self._soundtrack.listen(False)
        if subscription is not None:
            subscription.close()

    def _arrived(self, item: Any) -> None:
        if isinstance(item, Lost):
            self._lost(item)
            return
        if not isinstance(item, Packet) or item.card or not (item.codec in INTER or item.codec == "mjpeg"):
            return
        self._heard = self._reactor.seconds()
        self._soundtrack.add(item)

    def _take(self, packet: Packet) -> None:
        if self.kind:
            self._add(packet)
        elif self._ring is not None:
            self._ring.add(packet)

    def _add(self, packet: Packet) -> None:
        if packet.codec in SOUND:
            self._cutter.hear(packet)
            return
        if packet.pts <= self._known:  # a subscription begins with the last key frame, which may be recorded
            return
        self._known, self._newest = float("-inf"), packet.pts
        if self._cutter.is_hole(packet):
            self._end(self.camera.reason or _NOTHING_COMES)
        try:
            chunk = self._cutter.add(packet)
        except Invalid as error:
            self.log.warn("camera {id}: a picture is not recorded: {error}", id=self.camera.id, error=error)
            return
        if self._cutter.segment is not None:
            self._has_gap = False
        if chunk is not None:
            self._do(chunk)

    def _lost(self, lost: Lost) -> None:
        self.lost += lost.count
        self._soundtrack.flush()
        self._end("")
        start, end = (round(item.wall * 1000) for item in (lost.first, lost.last))
        reason = f"{lost.count} pictures found no room: the disk is too slow"
        self._index.note(lose, self.camera.id, start, max(start, end), reason)
        self.log.warn("camera {camera}: {reason}", camera=self.camera.id, reason=reason)

    def _end(self, gap: str) -> None:
        """The segment is over. gap: why something is missing from here on, if it is."""
        chunk = self._cutter.end()
        if chunk is not None:
            self._jobs.append(chunk)
        self._has_gap = self._has_gap or bool(gap)
        self._do(End(gap))

    def tick(self) -> None:
        """Once a second: times come, and cameras go."""
        now = self._reactor.seconds()
        if self.kind not in ("", "timelapse") and now - max(self._heard, self._since) > HOLE:
            if self._cutter.segment is not None and not self._busy:
                self._soundtrack.flush()
                self._end(self.camera.reason or _NOTHING_COMES)
            elif not self._has_gap and not self._busy:
                start = round((self._wall() - (now - self._since)) * 1000)
                self._index.note(lose, self.camera.id, start, None, self.camera.reason or _NOTHING_COMES)
                self._has_gap = True
        self.update()

    # ---------------------------------------------------------------- the disk

    def _do(self, job: Chunk | End) -> None:
        self._jobs.append(job)
        if self._busy:
            self._flow()
            return
        jobs, self._jobs = self._jobs, []
        self._busy = True
        self._threads.record(self._writer.work, jobs).addCallbacks(self._done, self._failed)

    def _flow(self) -> None:
        """Let pictures come as long as there is room for them."""
        going = len(self._jobs) < MOST_JOBS
        for producer in (self._soundtrack, self._subscription):
            if producer is not None:
                producer.resumeProducing() if going else producer.pauseProducing()

    def _done(self, outcome: Outcome) -> None:
        self._busy = False
        for change, args in outcome.changes:
            if change is begin:
                self._index.write(change, *args).addCallbacks(self._tell_begun, self._not_begun)
            else:
                self._index.note(change, *args)
        self.written += outcome.written
        if outcome.seconds:
            rate = outcome.written / outcome.seconds
            self.rate += 0.2 * (rate - self.rate) if self.rate else rate
        self._storage.note_written(outcome.written)
        if self.file != outcome.file:
            self.file, self.clock = outcome.file, outcome.clock
            self.settings.publish(file=self.file)
        if outcome.trouble is not None:
            self._jobs.clear()
            self._cutter.end()
            self._storage.block(str(outcome.trouble))
            self._has_gap = True
            self.update()
        self._go_on()

    def _not_begun(self, failure: Failure) -> None:
        self.log.failure("the index did not take a file of camera {camera}", failure, camera=self.camera.id)

    def _failed(self, failure: Failure) -> None:
        self._busy = False
        self.log.failure("recording of camera {camera}", failure, camera=self.camera.id)
        self._jobs.clear()
        self._cutter.end()
        self._go_on()

    def _go_on(self) -> None:
        if self._jobs and not self._busy:
            self._do(self._jobs.pop())
        self._flow()
        if not self._busy and not self._jobs:
            idle, self._idle = self._idle, []
            for done in idle:
                done.callback(None)
