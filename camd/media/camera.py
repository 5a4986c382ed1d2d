"""Camera: one source under its state machine, with its streams, controls and counters.

    disabled                         switched off
    absent ◄─┐                       the device is not there; looked for every second
       │     │
    opening ─┴─► backoff             it is there but failed; tried again, more slowly each time
       │  ▲          │
       ▼  └──────────┘
     idle ◄────► streaming           somebody watches; nobody did for LINGER seconds
                     │
                     ▼
                  stalled            open, but silent: closed and tried again; or it hangs, and is
                                     left to its thread while another one tries

While somebody watches and no picture comes, the source stream carries a placeholder card, so that
every client stays connected and sees why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config import CameraConfig
from ..errors import SourceError, Unsupported
from ..state.event import Event
from ..state.state import State
from .appearance import Appearance
from .backoff import Backoff
from .codecs import Codecs
from .condition import Condition
from .controls import Controls
from .device import Device
from .frame import SOUND, Encoding, Format, Frame, Packet
from .meter import Meter
from .pipeline import Pipeline
from .placeholder import Placeholder
from .profiles import Profiles
from .ptz import Ptz
from .rendition import Rendition
from .renditions import Renditions
from .settings import Settings
from .source import Capabilities, Source
from .statistics import Statistics
from .stream import Deliver, Stream, Subscription
from .timer import Timer

if TYPE_CHECKING:
    from ..threads import Threads
    from .sound import Sound

#: The source is closed this long after its last subscriber left (seconds).
LINGER = 5.0
#: How often a camera that is not streaming is looked at, and measured values are published.
TICK = 1.0
#: A device that takes longer to answer than this is silent (seconds).
SILENT = 10.0
#: A stopping daemon waits this long for the device to close (seconds).
PATIENCE = 1.0
#: Without a picture for this long a client sees the card (seconds).
CARD_AFTER = 1.0
#: The card of a camera that was never open.
CARD_SIZE = (1280, 720)


class Camera:
    """One camera. Reactor thread only; its device is used from the capture and io pools."""

    log = Logger()

    def __init__(
        self,
        config: CameraConfig,
        source: Source,
        state: State,
        threads: Threads,
        codecs: Codecs,
        reactor: Any,
        on_event: Callable[[Event], None] = lambda event: None,
        renew: Callable[[], Source] | None = None,
    ):
        self.id = config.id
        self.config = config
        self.sound: Sound | None = None  # given by Cameras
        self.statistics = Statistics()
        self.pipeline = Pipeline(codecs, threads, self.statistics, self._demanded, self._released)
        self.meter = Meter()
        no_picture = lambda: self.status != "streaming"  # noqa: E731
        self._placeholder = Placeholder(codecs.card, threads.io, self.pipeline.source, no_picture)
        fresh = renew or (lambda: source)
        self.device = Device(source, fresh, threads, reactor, self.id, self.statistics, self.look)
        self._reactor = reactor
        self._linger = Timer(reactor, self.device.close)
        self._retry = Timer(reactor, self._look)
        self._backoff = Backoff()
        self._looking = self._look_again = False
        self._asked = 0.0  # clock time of the last call that the device has to return from
        self._heard = 0.0  # clock time of the newest picture, or of the demand that waits for one
        self._running = False
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self._reopened: Deferred[bool] | None = None
        self._starts_again: Deferred[None] | None = None
        prefix = f"cameras/{self.id}/"
        self.settings = Settings(config, state, self._restart, self._set_quality)
        self.condition = Condition(self.id, self.settings.publish, on_event)
        self.appearance = Appearance(prefix, state, self._process)
        self.renditions = Renditions(prefix, state, self._render)
        self.controls = Controls(prefix, state, self.device, self.appearance.change)
        self.profiles = Profiles(prefix, state, self.controls)
        self.ptz = Ptz(prefix, state, reactor, lambda position: self.appearance.change(view=position))

    # ---------------------------------------------------------------- what others use

    def stream(self, encoding: Encoding = Encoding("mjpeg")) -> Stream:
        """The stream of that encoding: subscribe to see pictures, or to hear. Encoding("bgr") has Frames."""
        if encoding.codec not in SOUND:
            return self.pipeline.stream(encoding)
        if self.sound is None:
            raise Unsupported(f"the camera {self.id} has no sound: its configuration names no microphone")
        return self.sound.stream(encoding.codec)

    def frames(
        self,
        deliver: Deliver,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        kind: str = "plugin",
        on_end: Callable[[], None] | None = None,
    ) -> Subscription:
        """Call deliver(Frame) for every picture, or at most `fps` a second, until the Subscription is closed.

        Frame.image is BGR, uint8, height x width x 3, read-only, as everybody sees it (turned, masked), and
        fitted into `size` (width, height), never enlarged. deliver runs in the reactor thread: what
        takes longer than a few milliseconds belongs into `app.threads.encode`."""
        stream = self.pipeline.stream(Encoding("bgr", size=size))
        return stream.subscribe(deliver, kind=kind, on_end=on_end, fps=fps)

    def newest(self, encoding: Encoding = Encoding("mjpeg")) -> Frame | Packet | None:
        """The newest picture that is there already. Asking keeps an open device open."""
        if self._linger.is_running:
            self._linger.start(LINGER)
        return self.pipeline.newest(encoding)

    @property
    def name(self) -> str:
        return self.config.name or self.id

    @property
    def status(self) -> str:
        """disabled, absent, opening, idle, streaming, stalled or backoff."""
        return self.condition.status

    @property
    def reason(self) -> str:
        """Why the camera is not well, for people; "" if it is."""
        return self.condition.reason

    @property
    def online(self) -> bool:
        """Openable: it streams, or it would if somebody watched."""
        return self.condition.online

    @property
    def measured_fps(self) -> float:
        """Pictures in the last second."""
        return self.meter.fps

    @property
    def age(self) -> float | None:
        """Seconds since the newest picture; None while not streaming."""
        return self._reactor.seconds() - self._heard if self.status == "streaming" else None

    def drops(self) -> dict[str, int]:
        """Pictures lost since the start, by stage."""
        return {
            "device": self.statistics.lost + self.device.lost,
            "capture": self.statistics.missed + self.device.missed,
            **self.pipeline.drops(),
        }

    # ---------------------------------------------------------------- start and stop

    def start(self) -> None:
        """Begin to look for the device. Never fails: what is wrong becomes state and reason."""
        self._running = True
        if not self.config.enabled:
            self.condition.become("disabled", "switched off in the configuration")
            return
        self.condition.become("opening")
        self._look()
        self._ticker.start(TICK, now=False)

    def reconfigure(self, config: CameraConfig, is_other: bool = False) -> None:
        """Take another configuration, and open the device anew if that is needed; streams and their clients
        stay. is_other: the source was exchanged for another one."""
        before, self.config = self.config, config
        reopens = self.settings.reconfigure(before, config)
        if is_other or config.enabled != before.enabled:
            again = self._starts_again = self.stop()
            again.addBoth(lambda _: self._start_again(again))
        elif reopens:
            self._restart().addErrback(lambda failure: None)  # the state tells

    def _start_again(self, stopped: Deferred[None]) -> None:
        if self._starts_again is stopped:  # not stopped once more meanwhile
            self._look_again = self._looking
            self.start()
            if self.pipeline.source.running and not self.config.enabled:
                self._show_card()

    def stop(self) -> Deferred[None]:
        """Fires when the device is closed, or after PATIENCE: a device may hang for ever."""
        self._running, self._starts_again = False, None
        self.ptz.close()
        if self._ticker.running:
            self._ticker.stop()
        self._linger.cancel()
        self._retry.cancel()
        return self.device.stop(PATIENCE)

    # ---------------------------------------------------------------- demand

    def _demanded(self) -> None:
        self._heard = self._reactor.seconds()
        self._linger.cancel()
        if self.status == "idle" and self._running:  # else it is on its way out
            self._open()
        elif self.status not in ("streaming", "opening"):
            self._show_card()

    def _released(self) -> None:
        if self.device.is_open and self._running:
            self._linger.start(LINGER)

    def _restart(self) -> Deferred[bool]:
        """The settings changed: open the device with them. Fires with True when it is open again,
        with False if it is not in use."""
        if not self.device.is_open:
            return succeed(False)
        self.device.close()
        if self._reopened is None:
            self._reopened = Deferred()
        answer: Deferred[bool] = Deferred()
        self._reopened.chainDeferred(answer)
        return answer

    # ---------------------------------------------------------------- the device

    def look(self) -> None:
        """Something about the device has changed: look at it now, unless it streams or is being opened."""
        if self._running and self.status in ("absent", "backoff", "stalled", "idle"):
            self._look()

    def _look(self) -> None:
        """Look at the device without streaming, and learn what it offers."""
        if self._looking:
            return
        self._looking, self._asked = True, self._reactor.seconds()
        self.device.probe().addCallbacks(self._found, self._failed).addBoth(self._looked)

    def _looked(self, _: Any) -> None:
        self._looking = False
        if self._look_again and self._running:
            self._look_again = False
            self._look()

    def _found(self, capabilities: Capabilities) -> Deferred[None] | None:
        if not self._running:
            return None
        self.settings.declare(capabilities)
        self.controls.declare(capabilities)
        self.ptz.equip(self.controls)
        return ensureDeferred(self.controls.reapply()).addBoth(self._ready)

    def _ready(self, _: Any) -> None:
        if not self.device.is_open and self._running:
            self.condition.become("idle")
            if self.pipeline.source.running:
                self._open()
            else:
                self._settle(False)

    def _check_present(self) -> None:
        if self._looking:
            return
        self._looking, self._asked = True, self._reactor.seconds()
        self.device.present().addCallbacks(self._answered, self._failed).addBoth(self._looked)

    def _answered(self, _: Any) -> None:
        """The idle device is there; if it had been silent, it is well again."""
        if self.status == "stalled":
            self._ready(None)

    def _open(self) -> None:
        self.condition.become("opening")
        self._asked = self._reactor.seconds()
        if self._heard < self._reactor.seconds() - CARD_AFTER:
            self._heard = self._reactor.seconds()
        self.device.open(self.settings.wanted, self._opened, self._arrived, self._ended)

    def _opened(self, format: Format) -> None:
        self.pipeline.opened(format)
        self.settings.opened(format)
        self._publish_outputs()
        ensureDeferred(self.controls.reapply()).addErrback(self._log_failure)
        self._settle(True)

    def _arrived(self, item: Frame | Packet) -> None:
        self._heard = self.device.heard = self._reactor.seconds()
        self.statistics.frames += 1
        if isinstance(item, Packet):
            self.statistics.bytes += len(item.data)
        if self.status != "streaming":
            self._backoff.reset()
            self.condition.become("streaming")
        self.pipeline.source.publish(item)

    def _ended(self, failure: Failure | None) -> None:
        """The device is closed, or given up."""
        self.pipeline.closed()
        if failure is not None:
            self._failed(failure)
        else:
            self._ready(None)

    def _failed(self, failure: Failure) -> None:
        """An attempt on the device failed: say so, show it, and plan the next attempt."""
        if not self._running:
            return
        error = failure.value
        status = error.state if isinstance(error, SourceError) else "backoff"
        if not isinstance(error, SourceError):
            self.log.failure("unexpected failure of camera {camera}", failure, camera=self.id)
        if self.status in ("streaming", "stalled"):
            self.statistics.reconnects[status] += 1
        news = self.condition.become(status, str(error))
        self._settle(failure)
        if news and self.pipeline.source.running:
            self._show_card()
        if not self._retry.is_running:
            self._retry.start(self._backoff.after(error))

    def _settle(self, outcome: bool | Failure) -> None:
        """Answer those who asked for a restart."""
        reopened, self._reopened = self._reopened, None
        if reopened is not None:
            reopened.callback(outcome)

    # ---------------------------------------------------------------- every second

    def _tick(self) -> None:
        self._measure()
        self.device.check()
        self.controls.tick(self.status == "streaming")
        silent = self._reactor.seconds() - self._heard
        waits = self.status == "opening" or (self.status == "idle" and self._looking)
        if self.status == "streaming" and silent > self.device.silence:
            self.condition.become("stalled", f"no picture for {silent:.0f} s")  # the capture loop may hang
        elif waits and self._reactor.seconds() - self._asked > max(SILENT, self.device.silence):
            self.condition.become("stalled", "the device does not answer")
        if self.pipeline.source.running:
            if self.status != "streaming" and silent >= CARD_AFTER:
                self._show_card()
        elif self.status == "idle":
            self._check_present()

    def _measure(self) -> None:
        self.meter.read(self.statistics.frames, TICK)
        clients, drops = sum(self.pipeline.clients().values()), sum(self.drops().values())
        self.settings.publish(clients=clients, drops=drops, measured_fps=self.meter.steady)

    # ---------------------------------------------------------------- what clients see

    def _show_card(self) -> None:
        size = self.pipeline.picture_size or self.config.size or CARD_SIZE
        self._placeholder.show(self.name, self.condition.reason or "waiting for the camera", *size)

    def _process(self, **values: Any) -> None:
        self.pipeline.process(**values)
        self._publish_outputs()

    def _render(self, rendition: Rendition) -> None:
        self.pipeline.render(rendition)
        self._publish_outputs()

    def _publish_outputs(self) -> None:
        self.settings.publish(outputs=self.pipeline.outputs())

    def _set_quality(self, quality: int) -> None:
        self.pipeline.quality = quality

    def _log_failure(self, failure: Failure) -> None:
        self.log.failure("camera {camera}", failure, camera=self.id)
