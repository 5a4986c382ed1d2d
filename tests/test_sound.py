"""Sound: its life by demand, silence where the microphone gives none, and the hot configuration of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.errors import CamdError, SourceError, Unsupported
from camd.media import Encoding, Format, Packet
from camd.media.calls import MOST
from camd.media.camera import Camera
from camd.media.cameras import Cameras
from camd.media.sound import BEHIND, LINGER, QUIET, RATE, SAMPLE, TICK, Sound
from camd.state import State
from camd.testing import FakeSource

from .test_camera import CODECS, ManualThreads, Reactor

FORMAT = Format("pcm", 0, 0, 50.0)


class Echo:
    """An encoder whose packets are what came, two of each block."""

    def encode(self, block: Packet) -> list[Packet]:
        return [Packet(b"%d" % half, "aac", block.pts + half / 100, block.wall, block.grabbed) for half in (0, 1)]


class SoundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.threads, self.state = Reactor(), ManualThreads(), State()
        self.reactor.advance(100)
        self.made: list[FakeSource] = []
        self.addresses: list[str] = []
        self.got: list[Packet] = []
        self.ended: list[None] = []
        self.cameras = Cameras(
            self.state, {"fake": FakeSource}, self.make, microphones={"fake": self.microphone}, make_sound=self.sound
        )
        self.configure("fake:one")

    def make(self, config: CameraConfig, source: Any) -> Camera:
        return Camera(config, source, self.state, self.threads, CODECS, self.reactor)

    def sound(self, config: CameraConfig, microphone: Any) -> Sound:
        encoders = {"aac": Echo}
        return Sound(config, microphone, encoders, self.state, self.threads, self.reactor, self.reactor.seconds)

    def microphone(self, address: str) -> FakeSource:
        if address == "broken":
            raise SourceError("it is broken")
        self.addresses.append(address)
        self.made.append(FakeSource(format=FORMAT))
        return self.made[-1]

    def configure(self, sound: str, **others: Any) -> None:
        self.cameras.configure({"cam1": CameraConfig("cam1", "fake:", sound=sound, **others)})
        self.camera = self.cameras["cam1"]

    def value(self, name: str) -> Any:
        return self.state[f"cameras/cam1/sound/{name}"].value

    def listen(self) -> Any:
        stream = self.camera.stream(Encoding("aac"))
        return stream.subscribe(self.got.append, kind="test", on_end=lambda: self.ended.append(None))

    def block(self, pts: float | None = None, seconds: float = 0.02) -> None:
        pts = self.reactor.seconds() - 0.02 if pts is None else pts
        data = bytes(round(seconds * RATE) * SAMPLE)
        self.threads.loops[-1][0]._hand_over(Packet(data, "pcm", pts, pts, pts))

    def blocks(self, seconds: float) -> None:
        """Time goes by, and the microphone hears."""
        for _ in range(round(seconds * 50)):
            self.reactor.advance(0.02)
            self.block()

    def closed(self) -> None:
        self.threads.loops[-1][1].callback(None)

    def failed(self, error: Exception) -> None:
        self.threads.loops[-1][1].errback(error)

    # -- without

    def test_a_camera_without_sound_says_so(self) -> None:
        self.configure("")
        self.assertIsNone(self.camera.sound)
        self.assertRaisesRegex(Unsupported, "names no microphone", self.camera.stream, Encoding("aac"))
        self.assertNotIn("cameras/cam1/sound/status", self.state)

    def test_a_codec_that_nobody_makes(self) -> None:
        self.assertRaisesRegex(Unsupported, "opus", self.camera.stream, Encoding("opus"))

    # -- by demand

    def test_nobody_listens(self) -> None:
        self.assertEqual((self.value("status"), self.threads.loops), ("idle", []))

    def test_it_hears_while_somebody_listens(self) -> None:
        listener = self.listen()
        self.assertEqual(self.value("status"), "on")
        self.blocks(0.1)
        self.assertEqual([packet.data for packet in self.got], [b"0", b"1"] * 5)
        listener.close()
        self.blocks(LINGER - 1)
        self.assertEqual(self.value("status"), "on")  # the microphone is still open
        self.blocks(1.1)
        self.closed()
        self.assertEqual(self.value("status"), "idle")
        self.assertEqual(len(self.got), 10)

    def test_who_comes_back_in_time_finds_it_open(self) -> None:
        self.listen().close()
        self.blocks(LINGER / 2)
        self.listen()
        self.blocks(LINGER)
        self.assertEqual((len(self.threads.loops), self.value("status")), (1, "on"))

    def test_an_encoder_that_fails_is_made_anew(self) -> None:
        made: list[Echo] = []

        class Broken(Echo):
            def __init__(self) -> None:
                made.append(self)

            def encode(self, block: Packet) -> list[Packet]:
                if len(made) < 3:
                    raise CamdError("out of order")
                return super().encode(block)

        self.camera.sound._encoders = {"aac": Broken}
        told = []
        stage = self.camera.stream(Encoding("aac"))
        self.patch(stage, "log", SimpleNamespace(warn=lambda *args, **values: told.append(values)))
        self.listen()
        self.blocks(0.1)
        self.assertEqual((len(made), len(self.got), len(told)), (3, 6, 1))

    def test_two_listeners_have_one_encode(self) -> None:
        self.listen()
        self.listen()
        before = self.threads.encoded
        self.block()
        self.assertEqual((self.threads.encoded - before, len(self.got)), (1, 4))

    def test_a_camera_that_is_switched_off_hears_nothing(self) -> None:
        self.configure("fake:one", enabled=False)
        self.listen()
        self.assertEqual((self.value("status"), self.threads.loops), ("off", []))
        for _ in range(10):
            self.reactor.advance(TICK)
        self.assertGreater(len(self.got), 0)  # silence, for who waits for it
        self.configure("fake:one")
        self.assertEqual((self.value("status"), len(self.threads.loops)), ("on", 1))
        self.cameras.stop()
        self.assertEqual(self.value("status"), "off")

    # -- without a word of the microphone

    def test_silence_takes_the_place_of_what_does_not_come(self) -> None:
        self.listen()
        for _ in range(30):
            self.reactor.advance(TICK)
        self.assertApproximates(self.got[0].pts, 100 - BEHIND, 1e-6)
        self.assertLess(self.reactor.seconds() - self.got[-1].pts, 2 * QUIET + TICK)
        self.assertEqual([one.pts for one in self.got], sorted(one.pts for one in self.got))

    def test_sound_that_was_given_as_silence_does_not_come_twice(self) -> None:
        self.listen()
        for _ in range(5):
            self.reactor.advance(TICK)
        self.got.clear()
        self.block(self.reactor.seconds() - 1)
        self.assertEqual((self.got, self.camera.sound.drops()["capture"]), ([], 1))

    def test_a_microphone_that_fails_is_tried_again(self) -> None:
        self.listen()
        self.failed(SourceError("the device is busy"))
        self.assertEqual((self.value("status"), self.value("reason")), ("backoff", "the device is busy"))
        self.reactor.advance(1)
        self.assertEqual((len(self.threads.loops), self.value("status")), (2, "backoff"))
        self.block()
        self.assertEqual((self.value("status"), self.value("reason")), ("on", ""))

    def test_a_failing_one_is_left_alone_when_nobody_listens(self) -> None:
        listener = self.listen()
        self.failed(SourceError("busy"))
        listener.close()
        for _ in range(20):
            self.reactor.advance(0.4)
            if not self.threads.loops[-1][1].called:
                self.failed(SourceError("busy"))
        self.assertEqual(self.value("status"), "idle")
        count = len(self.threads.loops)
        self.reactor.advance(60)
        self.assertEqual(len(self.threads.loops), count)

    def test_one_that_hangs_is_left_to_its_thread(self) -> None:
        self.listen()
        for _ in range(200):
            self.reactor.advance(TICK)
        self.assertEqual(self.value("status"), "backoff")
        self.assertIn("has not answered", self.value("reason"))
        self.assertGreater(len(self.threads.loops), 1)
        self.assertEqual(len(self.made), 2)

    def test_one_that_always_hangs_takes_no_more_threads(self) -> None:
        """Cameras need them, too."""
        self.listen()
        for _ in range(2000):
            self.reactor.advance(TICK)
        self.assertEqual(len(self.threads.loops), MOST)
        self.assertIn(f"{MOST} calls to it hang", self.value("reason"))
        self.threads.loops[0][1].callback(None)
        for _ in range(20):
            self.reactor.advance(TICK)
        self.assertEqual(len(self.threads.loops), MOST + 1)

    # -- the configuration changes

    def test_another_microphone_keeps_the_listeners(self) -> None:
        self.listen()
        self.blocks(0.1)
        self.configure("fake:two")
        self.assertEqual(self.addresses, ["one", "two"])
        self.closed()
        self.assertEqual((len(self.threads.loops), self.ended), (2, []))
        self.got.clear()
        self.blocks(0.1)
        self.assertEqual(len(self.got), 10)

    def test_another_device_of_the_camera_has_another_microphone(self) -> None:
        """That of "auto" is in the camera."""
        self.listen()
        self.blocks(0.1)
        self.cameras.configure({"cam1": CameraConfig("cam1", "fake:other", sound="fake:one")})
        self.assertEqual(self.addresses, ["one", "one"])
        self.closed()
        self.assertEqual((len(self.threads.loops), self.ended), (2, []))

    def test_a_kind_that_nobody_provides(self) -> None:
        self.configure("shell:x")
        self.listen()
        with self.assertRaisesRegex(SourceError, "no microphone of the kind 'shell'; there are: fake"):
            self.threads.loops[-1][0]._source.open(None)

    def test_one_that_cannot_be_made(self) -> None:
        self.configure("fake:broken")
        self.listen()
        with self.assertRaisesRegex(SourceError, "it is broken"):
            self.threads.loops[-1][0]._source.open(None)

    def test_sound_that_is_taken_away_tells_its_listeners(self) -> None:
        self.listen()
        self.configure("")
        self.assertEqual(self.ended, [None])
        self.assertIsNone(self.camera.sound)
        self.assertNotIn("cameras/cam1/sound/status", self.state)
        self.closed()

    def test_nothing_is_left_of_sound_that_was_taken_away(self) -> None:
        self.configure("fake:one", enabled=False)
        before = len(self.reactor.getDelayedCalls())
        self.listen()
        self.configure("", enabled=False)
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)

    def test_a_camera_that_goes_takes_its_sound_along(self) -> None:
        self.listen()
        self.cameras.configure({})
        self.assertEqual(self.ended, [None])
