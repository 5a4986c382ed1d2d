"""Copies: brings what is finished into the bucket, one file after the other, the oldest first."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from camd.errors import CamdError, Gone
from camd.state import Spec

from .bucket import Bucket, S3Error
from .copy import Changed, Upload, copy
from .figures import Figures
from .journal import NAME, Journal
from .options import Options
from .work import Work, look

if TYPE_CHECKING:
    from camd.app import App

#: Between two looks at what is finished (seconds).
EVERY = 5.0
#: After a failure the next try comes so much later (seconds), twice as much each time.
SOONEST, LATEST = 5.0, 300.0
#: The end of camd waits so long for what is being copied (seconds).
LAST_WORDS = 1.0
_SPECS = (
    Spec(
        "s3/state",
        str,
        "off",
        choices=("off", "idle", "copying", "waiting"),
        read="System_r",
        doc="Off, nothing to do, copying, or waiting for another try.",
    ),
    Spec("s3/reason", str, "", read="System_r", doc="Why it waits."),
    Spec(
        "s3/lag",
        int,
        0,
        unit="s",
        read="System_r",
        doc="How long ago the oldest was finished that is not copied yet.",
    ),
    Spec("s3/waiting", int, 0, read="System_r", doc="How many files are not copied yet."),
)


class Copies(Service):
    """Reactor thread only, but for what it gives to the pool `io`: one thing at a time."""

    log = Logger()

    def __init__(self, app: App):
        self._app = app
        self._figures = Figures()
        app.metrics.register(self._figures)
        self._journal = Journal(app.config.data_dir / NAME)
        self._options: Options
        self._bucket: Bucket | None = None
        self._again_at = 0.0
        self._delay = SOONEST
        self._round: Deferred[None] | None = None
        self._watch: Any = None
        self._ticker = LoopingCall(self.look)
        self._ticker.clock = app.reactor
        self._ending = False

    async def startService(self) -> None:
        super().startService()
        state = self._app.state
        self._shown = {spec.name: state.declare(spec) for spec in _SPECS}
        self._options = Options(state, self._app.config.data_dir, self._changed)
        await self._app.threads.io(self._journal.read)
        self._watch = state.observe("files/last", self._file)
        self._ticker.start(EVERY)

    async def stopService(self) -> None:
        super().stopService()
        self._ending = True
        if self._ticker.running:
            self._ticker.stop()
        if self._watch is not None:
            self._watch.close()
        if self._bucket is not None:
            self._bucket.close()
        if self._round is not None:
            ended: Deferred[None] = Deferred()
            self._round.addCallback(lambda _: None if ended.called else ended.callback(None))
            with suppress(TimeoutError):  # a thread that is connecting cannot be told
                await ended.addTimeout(LAST_WORDS, self._app.reactor)

    def _changed(self) -> None:
        """Other settings: another try at once, with them."""
        self._again_at, self._delay = 0.0, SOONEST
        bucket, self._bucket = self._bucket, None
        if bucket is not None:
            bucket.close()

    def _file(self, last: Any) -> None:
        """A user has brought a file."""
        change = last.value or {}
        self._bring()
        if self._options["files"] and change.get("change") in ("added", "replaced"):
            self._journal.files[change["path"].strip("/")] = time.time()

    def look(self) -> Deferred[None]:
        """Copy what is finished, one round at a time; never fails."""
        if self._round is None:
            round = ensureDeferred(self._copy_all())
            round.addErrback(lambda failure: self.log.failure("copying to S3", failure))
            if not round.called:
                self._round = round.addCallback(self._over)
            return round
        return self._round

    def _over(self, _: None) -> None:
        self._round = None

    async def _copy_all(self) -> None:
        while not self._ending:
            if self._bucket is None:
                self._bucket = self._options.bucket()
            if self._bucket is None:
                self._show("off", None, 0)
                return
            self._bring()
            work = await self._next()
            if work is None or self._app.reactor.seconds() < self._again_at:
                return
            if not await self._copy(self._bucket, work):
                return

    def _bring(self) -> None:
        """The journal is about the place that is set now; another one begins with nothing."""
        place = " ".join(self._options[name] for name in ("endpoint", "bucket", "prefix"))
        if self._journal.place != place:
            self._journal.forget(place)

    async def _next(self) -> Work | None:
        """What is next, and shown is how late it is."""
        journal, recordings = self._journal, self._app.recordings
        found = None
        if recordings.is_open and not self._app.place.hangs:
            found = await recordings.index.read(look, journal.after, frozenset(journal.done))
            if found.after < 0:
                journal.after, journal.done, found = 0, set(), None
            else:
                journal.after = found.after
                journal.done = {id for id in journal.done if id > found.after}
        work = found.work if found is not None else None
        count = (found.waiting if found is not None else 0) + len(journal.files)
        if work is None and journal.files:
            name, since = next(iter(journal.files.items()))
            work = Work(f"files/{name}", name, since=since)
        waits = work is not None and self._app.reactor.seconds() < self._again_at
        self._show("idle" if work is None else "waiting" if waits else "copying", work, count)
        return work

    def _show(self, state: str, work: Work | None, count: int) -> None:
        lag = max(0, round(time.time() - work.since)) if work is not None and work.since else 0
        self._figures.lag = lag
        values = {"state": state, "lag": lag, "waiting": count}
        if state != "waiting":
            values["reason"] = ""
        for name, value in values.items():
            self._shown[f"s3/{name}"].publish(value)

    async def _copy(self, bucket: Bucket, work: Work) -> bool:
        """Whether the next one may come."""
        try:
            sent = await self._app.threads.io(
                self._copy_now, bucket, f"{self._options['prefix']}{work.key}", work
            )
        except (FileNotFoundError, Gone):
            self._figures.missed += 1
            self.log.warn("{name} was deleted before it was copied", name=work.name)
        except Changed as error:
            self._figures.missed += 1
            self.log.error("{error}", error=error)
        except (CamdError, OSError) as error:
            if bucket is self._bucket and not self._ending:
                self._failed(error)
            return False
        else:
            self._figures.bytes += sent
            self._figures.copied += 1
        self._delay = SOONEST
        if bucket is self._bucket:  # for another one, it is still to be done
            self._settle(work)
            await self._app.threads.io(self._journal.write)
        return True

    def _failed(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, S3Error) else f"{type(error).__name__}: {error}"
        self._figures.failures += 1
        self._again_at = self._app.reactor.seconds() + self._delay
        self.log.warn("copying to S3 waits for {delay} s: {reason}", delay=self._delay, reason=reason)
        self._delay = min(LATEST, self._delay * 2)
        self._shown["s3/state"].publish("waiting")
        self._shown["s3/reason"].publish(reason[:1000])

    def _settle(self, work: Work) -> None:
        if work.id:
            self._journal.done.add(work.id)
        else:
            self._journal.files.pop(work.name, None)

    def _copy_now(self, bucket: Bucket, key: str, work: Work) -> int:
        """Blocks."""
        journal = self._journal

        def note(upload: Upload | None) -> None:
            journal.upload = upload
            journal.write()

        with work.open(self._app) as file:
            return copy(bucket, key, file, work.digest, journal.upload, note)
