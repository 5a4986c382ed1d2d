"""Calls and Device: what hangs is given up and replaced, within limits; a clock and threads of the test's."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.errors import SourceError
from camd.media import Capabilities, Format
from camd.media.calls import LIMIT, MOST, Calls
from camd.media.camera import Camera
from camd.media.device import LOOK, OVERDUE
from camd.state import EVERYONE, State
from camd.testing import FakeSource, jpeg_packet

from .test_camera import CODECS, CONTROLS, MODES, Reactor


class CallsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.jobs: list[Deferred] = []
        self.returned = 0
        self.calls = Calls(self.run_job, self.clock, "camera cam1", self.back)

    def run_job(self, f: Any, *args: Any) -> Deferred:
        self.jobs.append(Deferred())
        return self.jobs[-1]

    def back(self) -> None:
        self.returned += 1

    def test_an_answer_in_time(self) -> None:
        answer = self.calls(len, "x")
        self.clock.advance(LIMIT - 1)
        self.jobs[0].callback(1)
        self.assertEqual(self.successResultOf(answer), 1)
        self.assertEqual((self.clock.getDelayedCalls(), self.calls.given_up), ([], 0))

    def test_a_failure_in_time(self) -> None:
        answer = self.calls(len, "x")
        self.jobs[0].errback(SourceError("no"))
        self.failureResultOf(answer, SourceError)

    def test_one_that_hangs_is_given_up_and_comes_back(self) -> None:
        answer = self.calls(len, "x")
        self.clock.advance(LIMIT)
        error = self.failureResultOf(answer, SourceError).value
        self.assertEqual((error.state, str(error)), ("stalled", "the device has not answered for 10 s; it is asked again"))
        self.assertEqual((self.calls.hanging, self.calls.given_up, self.returned), (1, 1, 0))
        self.jobs[0].errback(SourceError("much too late"))
        self.assertEqual((self.calls.hanging, self.calls.given_up, self.returned), (0, 1, 1))

    def test_no_more_than_some_hang(self) -> None:
        for _ in range(MOST):
            answer = self.calls(len, "x", limit=2)
            self.clock.advance(2)
            error = self.failureResultOf(answer, SourceError).value
        self.assertIn("3 calls to it hang; unplug it", str(error))
        self.assertIn("3 calls to it hang", str(self.failureResultOf(self.calls(len, "x"), SourceError).value))
        self.assertEqual(len(self.jobs), MOST)
        self.jobs[1].callback(None)
        self.calls(len, "x")
        self.assertEqual(len(self.jobs), MOST + 1)


class Threads:
    """Jobs that wait for the test; `hangs` decides which of them."""

    def __init__(self) -> None:
        self.loops: list[tuple[Any, Deferred]] = []
        self.hung: list[tuple[Any, Deferred]] = []
        self.hangs = False

    def io(self, f: Any, *args: Any) -> Deferred:
        job: Deferred = Deferred()
        if self.hangs:
            self.hung.append((f, job))
        else:
            try:
                job.callback(f(*args))
            except SourceError as error:
                job.errback(error)
        return job

    def capture(self, f: Any) -> Deferred:
        self.loops.append((f.__self__, Deferred()))
        return self.loops[-1][1]


class DeviceTests(SynchronousTestCase):
    """Through the camera: what it does about a device that hangs."""

    def setUp(self) -> None:
        self.reactor, self.threads, self.state = Reactor(), Threads(), State()
        self.sources = [self.make()]
        self.camera = Camera(
            CameraConfig("cam1", "fake:"), self.sources[0], self.state, self.threads, CODECS, self.reactor,
            renew=self.renew,
        )  # fmt: skip
        self.camera.start()

    def make(self) -> FakeSource:
        return FakeSource(capabilities=Capabilities("Fake", MODES, CONTROLS, {"gain": 3}))

    def renew(self) -> FakeSource:
        self.sources.append(self.make())
        return self.sources[-1]

    def value(self, name: str) -> Any:
        return self.state[f"cameras/cam1/{name}"].value

    def watch(self) -> None:
        self.camera.stream().subscribe(lambda item: None, kind="test")

    def capture(self, number: int = -1) -> Any:
        return self.threads.loops[number][0]

    def stream(self) -> None:
        self.capture()._tell_opened(Format("mjpeg", 640, 480, 30.0))
        self.capture()._hand_over(jpeg_packet())

    def pass_time(self, seconds: float) -> None:
        self.reactor.pump([1] * int(seconds))

    def test_a_read_that_hangs_is_left_to_its_thread_and_another_one_streams(self) -> None:
        self.watch()
        self.stream()
        self.pass_time(OVERDUE)
        self.assertEqual((self.value("state"), len(self.threads.loops)), ("stalled", 1))
        self.pass_time(3)
        self.assertEqual((len(self.threads.loops), len(self.sources)), (2, 2))
        self.assertIs(self.capture()._source, self.sources[1])
        self.assertEqual(self.camera.device.calls.hanging, 1)
        self.stream()
        self.assertEqual((self.value("state"), self.value("reason")), ("streaming", ""))
        # What the old one says at last is nobody's business, and the stream goes on.
        self.capture(0)._hand_over(jpeg_packet())
        self.threads.loops[0][1].callback(None)
        self.assertEqual(self.camera.device.calls.hanging, 0)
        self.assertEqual((self.value("state"), self.camera.statistics.frames), ("streaming", 2))

    def test_viewers_that_come_and_go_do_not_put_it_off(self) -> None:
        self.watch()
        self.stream()
        for _ in range(int(OVERDUE) + 3):
            self.camera._demanded()
            self.pass_time(1)
        self.assertEqual(len(self.threads.loops), 2)

    def test_an_open_that_hangs(self) -> None:
        self.watch()
        self.pass_time(OVERDUE + 3)
        self.assertEqual(len(self.threads.loops), 2)
        self.stream()
        self.assertEqual(self.value("state"), "streaming")

    def test_a_close_that_hangs(self) -> None:
        subscription = self.camera.stream().subscribe(lambda item: None, kind="test")
        self.stream()
        subscription.close()
        self.pass_time(6)
        self.assertTrue(self.capture()._stopping.is_set())
        self.pass_time(OVERDUE + 2)
        self.assertEqual((self.camera.device.calls.hanging, self.value("state")), (1, "idle"))

    def test_when_three_hang_it_says_what_helps_and_asks_no_more(self) -> None:
        self.watch()
        for _ in range(MOST):
            self.pass_time(OVERDUE + 3)
        self.assertEqual((len(self.threads.loops), self.value("state")), (MOST, "stalled"))
        self.assertEqual(
            self.value("reason"),
            "the device does not answer: 3 calls to it hang; unplug it and plug it in again, or restart camd",
        )
        self.pass_time(100)
        self.assertEqual(len(self.threads.loops), MOST)
        self.threads.loops[1][1].errback(SourceError("gone", "absent"))  # unplugged: it returns
        self.assertEqual(len(self.threads.loops), MOST + 1)
        self.stream()
        self.assertEqual(self.value("state"), "streaming")

    def test_a_slow_camera_is_no_hanging_one(self) -> None:
        self.watch()
        self.capture()._tell_opened(Format("mjpeg", 640, 480, 0.2))
        self.pass_time(45)
        self.assertEqual(len(self.threads.loops), 1)
        self.pass_time(10)
        self.assertEqual(len(self.threads.loops), 2)

    def test_a_look_that_hangs(self) -> None:
        self.threads.hangs = True
        self.pass_time(1 + LOOK)
        self.assertEqual((self.value("state"), self.camera.device.calls.hanging), ("stalled", 1))
        self.assertEqual(len(self.sources), 2)
        self.threads.hangs = False
        self.pass_time(2)
        self.assertEqual((self.value("state"), self.value("online")), ("idle", True))

    def test_a_control_that_hangs_is_answered_and_the_next_one_goes_on(self) -> None:
        self.watch()
        self.stream()
        gain = self.state["cameras/cam1/gain"]
        self.threads.hangs = True
        first = gain.set(5, EVERYONE)
        for _ in range(int(LIMIT)):
            self.pass_time(1)
            self.capture()._hand_over(jpeg_packet())
        self.assertIn("has not answered for 10 s", str(self.failureResultOf(first, SourceError).value))
        self.threads.hangs = False
        self.assertEqual(self.successResultOf(gain.set(6, EVERYONE)), 6)
        self.assertEqual((self.value("state"), len(self.sources)), ("streaming", 1))  # it is well enough
