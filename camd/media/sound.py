"""Sound: what the microphone of one camera hears, coded once for all who listen.

    off                 the camera is switched off
    idle ◄────► on      nobody listened for LINGER seconds, and the microphone is closed; somebody does
                │
             backoff    it fails; tried again, more slowly each time

Whatever the microphone does, pictures are not disturbed. While it gives nothing, who listens gets silence: a
player that was promised two tracks would wait for the second one, and show no picture meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config import CameraConfig
from ..errors import SourceError, Unsupported
from ..state.permission import Permission
from ..state.spec import Spec
from ..state.state import State
from .backoff import Backoff
from .device import Device
from .frame import Format, Packet
from .policy import Gop
from .source import SourceSettings
from .stage import Stage
from .statistics import Statistics
from .stream import Stream
from .timer import Timer

if TYPE_CHECKING:
    from ..threads import Threads

#: All sound is 48 kHz and mono: what every codec, browser and microphone understands.
RATE, CHANNELS = 48_000, 1
#: Bytes of one sample: signed 16 bit, in the order of this machine.
SAMPLE = 2
#: Samples of one packet: AAC-LC's frame, and 20 ms of Opus.
SAMPLES = {"aac": 1024, "opus": 960}
#: AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) of AAC-LC, 48 kHz, mono.
AAC_CONFIGURATION = bytes.fromhex("1188")
#: The microphone is closed this long after the last listener left (seconds).
LINGER = 5.0
#: A stopping daemon waits this long for it to close (seconds).
PATIENCE = 1.0
#: How often a microphone in use is looked at (seconds).
TICK = 0.1
#: Silence is given when nothing came for so long, and until so long ago (seconds).
QUIET, BEHIND = 0.4, 0.2
#: Sound that was heard this much earlier than it may be was given as silence already (seconds).
_OVERLAP = 0.01


class Microphone(Protocol):
    """A device that hears. Used by one capture thread, like a Source; raises SourceError with a text for people."""

    def open(self, settings: SourceSettings) -> Format:
        """Start. settings: of the camera that it belongs to. Returns Format("pcm", 0, 0, blocks a second)."""

    def read(self, timeout: float) -> Packet | None:
        """Wait for the next block ("pcm", see Packet), at most `timeout` seconds; None when there was none."""

    def close(self) -> None:
        """Let the device go. Never raises; may be called twice."""

    def dropped(self) -> int:
        """Blocks that were lost before `read` since `open`, as far as one knows."""


class SoundEncoder(Protocol):
    """Codes sound; blocks. Used by one thread at a time."""

    def encode(self, packet: Packet) -> list[Packet]:
        """The packets that this block completes, perhaps none."""


class SoundStage(Stage):
    """Publishes Packets of one codec of what comes from upstream as "pcm"; in order, one job in flight."""

    def __init__(self, upstream: Stream, threads: Threads, make: Callable[[], SoundEncoder]):
        super().__init__(upstream, self._encode)
        self.policy = Gop
        self._threads = threads
        self._make = make
        self._encoder: SoundEncoder | None = None
        self._trouble = ""  # what was said last about it

    def _encode(self, block: Packet) -> Deferred[list[Packet]]:
        if self._encoder is None:
            self._encoder = self._make()
        return self._threads.encode(self._encoder.encode, block)

    def _finished(self, result: Any, feed: Any, era: int) -> None:
        self._trouble = ""
        for packet in result:
            super()._finished(packet, feed, era)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._encoder = None
        if str(error) != self._trouble:  # else it would be said 25 times a second
            self._trouble = str(error)
            self.log.warn("sound dropped: {error}", error=error)

    def _stop(self) -> None:
        super()._stop()
        self._encoder = None


class Sound:
    """Reactor thread only; the microphone is used from the capture pool.

    microphone(config): makes the one that the configuration names; encoders: "aac", "opus" -> function() ->
    SoundEncoder; clock: CLOCK_MONOTONIC, that of the packets. source: the Stream of "pcm" Packets.
    """

    log = Logger()

    def __init__(
        self,
        config: CameraConfig,
        microphone: Callable[[CameraConfig], Microphone],
        encoders: Mapping[str, Callable[[], SoundEncoder]],
        state: State,
        threads: Threads,
        reactor: Any,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.status = "off"
        self.reason = ""
        self.statistics = Statistics()
        self.source = Stream(self._demanded, self._released)
        self._config = config
        self._encoders = encoders
        self._state = state
        self._threads = threads
        self._reactor = reactor
        self._clock = clock
        self._running = False
        self._streams: dict[str, SoundStage] = {}
        self._until = 0.0  # where what was published ends, on the clock
        renew = lambda: microphone(self._config)  # noqa: E731
        self._device = Device(
            renew(), renew, threads, reactor, f"{config.id}, sound", self.statistics, lambda: None
        )
        self._backoff = Backoff()
        self._linger = Timer(reactor, self._quieten)
        self._retry = Timer(reactor, self._open)
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self._names = status, reason = f"cameras/{config.id}/sound/status", f"cameras/{config.id}/sound/reason"
        state.declare(Spec(status, str, default="off", choices=("off", "idle", "on", "backoff"),
                           read=Permission.Device_r, doc="What the microphone is doing; on: it hears."))
        state.declare(Spec(reason, str, default="", read=Permission.Device_r, doc="Why it is not well."))

    def stream(self, codec: str) -> Stream:
        """The sound as "aac" or "opus": subscribe to hear it. Raises Unsupported without an encoder for it."""
        stage = self._streams.get(codec)
        if stage is None:
            make = self._encoders.get(codec)
            if make is None:
                raise Unsupported(f"nothing here codes sound as {codec}")
            stage = self._streams[codec] = SoundStage(self.source, self._threads, make)
        return stage

    @property
    def blocks(self) -> int:
        """Blocks that the microphone gave, since the start."""
        return self.statistics.frames

    def drops(self) -> dict[str, int]:
        """Blocks and packets lost since the start, by stage as in Camera.drops()."""
        return {
            "device": self.statistics.lost + self._device.lost,
            "capture": self.statistics.missed + self._device.missed,
            "encode": sum(stage.skipped for stage in self._streams.values()),
            "client": sum(one.drops for stage in self._streams.values() for one in stage.with_derived()),
        }

    # ---------------------------------------------------------------- start and stop

    def start(self) -> None:
        """From now on the microphone is there for who wants to listen, unless the camera is switched off. Never
        fails: what is wrong becomes status and reason."""
        if not self._config.enabled:
            return
        self._running = True
        self._become("idle")
        if self.source.running:
            self._demanded()

    def stop(self) -> Deferred[None]:
        """Fires when the microphone is closed, or after PATIENCE: it may hang for ever. Listeners stay."""
        self._switch_off()
        if self._ticker.running:
            self._ticker.stop()
        return self._device.stop(PATIENCE)

    def end(self) -> Deferred[None]:
        """The camera has no sound any more: so are its listeners told, and its state is gone."""
        stopped = self.stop()
        self.source.end()
        for name in self._names:
            self._state.remove(name)
        return stopped

    def reconfigure(self, config: CameraConfig) -> None:
        """Take another configuration; listeners stay."""
        before, self._config = self._config, config
        if (config.sound, config.source) != (before.sound, before.source):  # that of "auto" is in the camera
            self._device.exchange()
            if self._retry.is_running:
                self._retry.start(0)
        if config.enabled and not before.enabled:
            self.start()
        elif before.enabled and not config.enabled:
            self._switch_off()

    def _switch_off(self) -> None:
        """From now on there is silence."""
        self._running = False
        self._device.close()
        self._rest("off")

    # ---------------------------------------------------------------- demand

    def _demanded(self) -> None:
        self._linger.cancel()
        self._until = max(self._until, self._clock() - BEHIND)
        if not self._ticker.running:
            self._ticker.start(TICK, now=False)
        if not self._retry.is_running:
            self._open()

    def _released(self) -> None:
        if self._running:
            self._linger.start(LINGER)
        else:
            self._quieten()

    def _quieten(self) -> None:
        """Nobody listens any more."""
        self._retry.cancel()
        self._device.close()
        if not self._device.is_open:
            self._rest("idle" if self._running else "off")

    # ---------------------------------------------------------------- the device

    def _open(self) -> None:
        if not self._running or self._device.is_open:
            return
        if self._device.calls.refuse:  # each that hangs keeps a thread
            return self._failed(Failure(self._device.calls.refusal()))
        if self.status != "backoff":
            self._become("on")
        settings = SourceSettings(self._config.name or self._config.id, self._config.address)
        self._device.open(settings, lambda format: None, self._arrived, self._ended)

    def _arrived(self, block: Packet) -> None:
        self._device.heard = self._reactor.seconds()
        self.statistics.frames += 1
        self.statistics.bytes += len(block.data)
        if self.status != "on":
            self._backoff.reset()
            self._become("on")
        if block.pts < self._until - _OVERLAP:
            self.statistics.missed += 1
            return
        self._publish(block)

    def _publish(self, block: Packet) -> None:
        self._until = block.pts + len(block.data) / (SAMPLE * RATE)
        self.source.publish(block)

    def _ended(self, failure: Failure | None) -> None:
        """The device is closed, or given up."""
        if failure is not None:
            self._failed(failure)
        elif self._running and self.source.running:
            self._open()
        else:
            self._rest("idle" if self._running else "off")

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, SourceError):
            self.log.failure("unexpected failure of the sound of {camera}", failure, camera=self._config.id)
        if self._running and self.source.running:
            self._become("backoff", str(error))
            self._retry.start(self._backoff.after(error))
        else:
            self._rest("idle" if self._running else "off")

    def _tick(self) -> None:
        self._device.check()
        now = self._clock()
        if not self.source.running or now - self._until < QUIET:
            return
        begin = max(self._until, now - 1.0)
        samples = round((now - BEHIND - begin) * RATE)
        wall = time.time() - (now - begin)
        self._publish(Packet(bytes(SAMPLE * samples), "pcm", begin, wall, now))

    def _rest(self, status: str) -> None:
        self._linger.cancel()
        self._retry.cancel()
        if self._ticker.running and not self.source.running:
            self._ticker.stop()
        self._become(status)

    def _become(self, status: str, reason: str = "") -> None:
        if (status, reason) == (self.status, self.reason):
            return
        if reason:
            self.log.warn("no sound of camera {camera}: {reason}", camera=self._config.id, reason=reason)
        self.status, self.reason = status, reason
        for name, value in zip(self._names, (status, reason), strict=True):
            self._state[name].publish(value)
