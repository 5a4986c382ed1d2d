"""Camera: its state machine against a source and threads under the test's control."""

from dataclasses import replace

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.config import CameraConfig
from camd.errors import SourceError
from camd.media import Capabilities, Encoding, Format, Frame, Mode, Packet
from camd.media.backoff import BACKOFF
from camd.media.camera import LINGER, PATIENCE, SILENT, Camera
from camd.media.codecs import Codecs
from camd.state import EVERYONE, Spec, State
from camd.testing import FakeSource, jpeg_packet

MODES = (Mode("mjpeg", 640, 480, (30.0,)), Mode("yuyv422", 1280, 720, (10.0,)))
CONTROLS = (Spec("control/gain", int, default=1, min=0, max=9, read="Device_r", write="Device_rw", persist=True),)


class Processing:
    def __init__(self, brightness=50, contrast=50, saturation=50, sharpness=50, rotate=0, **others):
        adjusted = (brightness, contrast, saturation, sharpness) != (50, 50, 50, 50)
        self.reasons = ("the picture is adjusted",) * adjusted + ("rotated",) * bool(rotate)
        self.rotate = rotate
        self.masks = ()

    def apply(self, frame):
        return frame

    def output_size(self, width, height):
        return (height, width) if self.rotate % 180 else (width, height)


class Decoder:
    def __init__(self, format):
        pass

    def decode(self, packet):
        return Frame("image", packet.pts, packet.wall, packet.grabbed)


CODECS = Codecs(
    encoders={"mjpeg": lambda quality: lambda frame: Packet(b"q%d" % quality, "mjpeg", frame.pts, 0, 0)},
    decode=lambda packet, format: Frame("image", packet.pts, packet.wall, packet.grabbed),
    decoder=Decoder,
    processing=Processing,
    scale=lambda frame, width, height: frame,
    card=lambda camera, reason, when, width, height: Packet(
        f"{camera}: {reason} {width}x{height}".encode(), "mjpeg", 0, when, 0, card=True
    ),
)


class Reactor(Clock):
    def callFromThread(self, f, *args):
        f(*args)


class ManualThreads:
    """Device calls run at once; capture loops wait for the test."""

    def __init__(self):
        self.loops = []
        self.encoded = 0

    def io(self, f, *args):
        return maybeDeferred(f, *args)

    def encode(self, f, *args):
        self.encoded += 1
        return maybeDeferred(f, *args)

    def capture(self, f):
        self.loops.append((f.__self__, Deferred()))
        return self.loops[-1][1]


class CameraTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = Reactor()
        self.threads = ManualThreads()
        self.state = State()
        self.events = []
        self.source = FakeSource(capabilities=Capabilities("Fake", MODES, CONTROLS, {"gain": 3}))
        self.camera = self.make()
        self.got = []

    def make(self, **settings):
        return Camera(
            CameraConfig("cam1", "fake:", **settings), self.source, self.state, self.threads, CODECS, self.reactor,
            self.events.append,
        )

    def value(self, name):
        return self.state[f"cameras/cam1/{name}"].value

    def watch(self, encoding=Encoding("mjpeg")):
        return self.camera.stream(encoding).subscribe(lambda item: self.got.append(item.data), kind="test")

    def opened(self, format=Format("mjpeg", 640, 480, 30.0)):
        self.threads.loops[-1][0]._tell_opened(format)

    def picture(self, item=None):
        self.threads.loops[-1][0]._hand_over(item or jpeg_packet())

    def closed(self, result=None):
        self.threads.loops[-1][1].callback(result)

    def failed(self, error):
        self.threads.loops[-1][1].errback(error)

    def test_idle_when_nobody_watches(self):
        self.camera.start()
        self.assertEqual((self.value("state"), self.value("online"), self.value("device")), ("idle", True, "Fake"))
        self.assertEqual(self.threads.loops, [])
        self.assertEqual(self.value("gain"), 3)

    def test_opened_by_demand_and_closed_after_a_linger(self):
        self.camera.start()
        subscription = self.watch()
        self.assertEqual(self.value("state"), "opening")
        self.opened()
        self.picture()
        self.assertEqual((self.value("state"), self.value("size"), self.value("fps")), ("streaming", "640x480", 30.0))
        self.assertEqual(self.got, [jpeg_packet().data])
        subscription.close()
        self.reactor.advance(LINGER - 1)
        self.assertFalse(self.threads.loops[0][0]._stopping.is_set())
        self.watch().close()  # somebody came in between: the wait begins anew
        self.reactor.advance(LINGER - 1)
        self.assertFalse(self.threads.loops[0][0]._stopping.is_set())
        self.reactor.advance(1)
        self.assertTrue(self.threads.loops[0][0]._stopping.is_set())
        self.closed()
        self.assertEqual(self.value("state"), "idle")

    def test_jpeg_goes_through_untouched(self):
        self.camera.start()
        self.watch()
        self.opened()
        packet = jpeg_packet()
        self.picture(packet)
        self.assertIs(self.camera.stream().last, packet)
        self.assertEqual((self.threads.encoded, self.value("outputs")["mjpeg"]), (0, "pass-through"))

    def test_one_encode_for_all_and_none_for_nobody(self):
        self.camera.start()
        first, second = self.watch(), self.watch()
        self.opened(Format("bgr", 640, 480, 30.0))
        self.picture(Frame("image", 0, 0, 0))
        self.assertEqual((self.threads.encoded, self.got), (1, [b"q85", b"q85"]))
        first.close()
        second.close()
        self.picture(Frame("image", 0, 0, 0))
        self.assertEqual(self.threads.encoded, 1)

    def test_another_quality_is_encoded(self):
        self.camera.start()
        self.watch(Encoding("mjpeg", 10))
        self.opened()
        self.picture()
        self.assertEqual((self.got, self.threads.encoded), ([b"q10"], 2))

    def test_an_adjusted_picture_is_encoded(self):
        self.camera.start()
        self.watch()
        self.opened()
        self.successResultOf(self.state["cameras/cam1/brightness"].set(70, EVERYONE))
        self.picture()
        self.assertEqual(self.got, [b"q85"])
        self.assertEqual(self.value("outputs")["mjpeg"], "encoding, because the picture is adjusted")

    def test_absent_shows_the_card_and_comes_back(self):
        self.source.away = SourceError("not there", state="absent")
        self.camera.start()
        self.watch()
        self.assertEqual((self.value("state"), self.value("online")), ("absent", False))
        self.assertEqual(self.got, [b"cam1: not there 1280x720"])
        self.source.away = None
        self.reactor.advance(1)
        self.assertEqual(self.value("state"), "opening")
        self.opened()
        self.picture()
        self.assertEqual((self.value("state"), self.value("reason")), ("streaming", ""))

    def test_unplugged_while_streaming(self):
        self.camera.start()
        self.watch()
        self.opened()
        self.picture()
        self.source.away = SourceError("gone", state="absent")
        self.failed(SourceError("gone", state="absent"))
        self.assertEqual(self.value("state"), "absent")
        self.assertEqual(self.got[-1], b"cam1: gone 640x480")
        self.assertEqual(self.camera.statistics.reconnects, {"absent": 1})
        for _ in range(3):
            self.reactor.advance(1)
        self.assertEqual(len(self.got), 5)  # a card a second, for its clock
        self.assertEqual([event.data["state"] for event in self.events], ["streaming", "absent"])

    def test_failures_are_tried_again_more_slowly(self):
        self.source.away = SourceError("busy")
        self.camera.start()
        waits = []
        for _ in range(5):
            call = self.camera._retry._due
            waits.append(round(call.getTime() - self.reactor.seconds(), 3))
            self.reactor.advance(waits[-1])
        self.assertEqual(waits, [*BACKOFF, BACKOFF[-1]])
        self.source.away = None
        self.reactor.advance(BACKOFF[-1])
        self.assertEqual(self.value("state"), "idle")

    def test_a_device_that_hangs_is_stalled_and_shows_the_card(self):
        self.camera.start()
        self.watch()
        self.opened()
        self.picture()
        self.reactor.pump([1, 1])
        self.assertEqual(self.value("state"), "stalled")
        self.reactor.advance(1)
        self.assertIn(b"no picture", self.got[-1])
        self.picture()  # it was only slow
        self.assertEqual(self.value("state"), "streaming")

    def test_a_slow_camera_is_not_stalled_between_its_pictures(self):
        self.camera.start()
        self.watch()
        self.opened(Format("mjpeg", 640, 480, 0.1))
        self.reactor.pump([1] * 11)
        self.assertEqual(self.value("state"), "opening")
        for _ in range(2):
            self.picture()
            self.reactor.pump([1] * 11)
            self.assertEqual(self.value("state"), "streaming")
        self.reactor.pump([1] * 45)
        self.assertEqual(self.value("state"), "stalled")

    def test_a_camera_that_is_configured_to_be_slow_may_take_its_time_to_open(self):
        self.camera.settings.wanted = replace(self.camera.settings.wanted, fps=0.1)
        self.camera.start()
        self.watch()
        self.reactor.pump([1] * 40)
        self.assertEqual(self.value("state"), "opening")
        self.reactor.pump([1] * 15)
        self.assertEqual(self.value("state"), "stalled")

    def silent(self, start):
        """Start while the device answers, or while it does not; then it is silent, and then it answers."""
        answer = Deferred()
        if start == "well":
            self.camera.start()
        self.threads.io = lambda f, *args: answer
        if start == "silent":
            self.camera.start()
        self.reactor.pump([1] * int(SILENT))
        self.assertTrue(self.camera.online)
        self.reactor.pump([1, 1])
        self.assertEqual((self.value("state"), self.value("online")), ("stalled", False))
        self.assertEqual(self.value("reason"), "the device does not answer")
        self.threads.io = lambda f, *args: maybeDeferred(f, *args)
        answer.callback(self.source.capabilities)
        self.assertEqual((self.value("state"), self.value("online"), self.value("reason")), ("idle", True, ""))

    def test_a_device_that_does_not_answer_the_first_look_is_not_ready(self):
        self.silent("silent")

    def test_an_idle_device_that_does_not_answer_is_not_ready(self):
        self.silent("well")

    def test_an_open_that_does_not_return_is_no_stream(self):
        self.camera.start()
        self.watch()
        self.reactor.pump([1] * int(SILENT + 2))
        self.assertEqual((self.value("state"), self.value("online")), ("stalled", False))
        self.assertIn(b"does not answer", self.got[-1])
        self.opened()
        self.picture()
        self.assertEqual((self.value("state"), self.value("reason")), ("streaming", ""))

    def test_an_unplugged_idle_camera_is_noticed(self):
        self.camera.start()
        self.source.away = SourceError("gone", state="absent")
        self.reactor.advance(1)
        self.assertEqual(self.value("state"), "absent")

    def test_controls_act_while_idle_and_are_reapplied(self):
        self.camera.start()
        gain = self.state["cameras/cam1/gain"]
        self.assertEqual(self.successResultOf(gain.set(7, EVERYONE)), 7)
        self.assertEqual(self.source.values["gain"], 7)
        self.source.values["gain"] = 0  # the device forgot
        self.watch()
        self.opened()
        self.assertEqual(self.source.values["gain"], 7)

    def test_a_new_size_reopens_the_device(self):
        self.camera.start()
        self.watch()
        self.opened()
        answer = self.state["cameras/cam1/size"].set("1280x720", EVERYONE)
        self.assertNoResult(answer)
        self.closed()
        self.assertEqual(len(self.threads.loops), 2)
        settings = self.threads.loops[1][0]._settings
        self.assertEqual((settings.width, settings.height), (1280, 720))
        self.opened(Format("yuyv422", 1280, 720, 10.0))
        self.assertEqual(self.successResultOf(answer), "1280x720")

    def test_a_new_size_that_fails_is_taken_back(self):
        self.camera.start()
        self.watch()
        self.opened()
        answer = self.state["cameras/cam1/size"].set("1280x720", EVERYONE)
        self.closed()
        self.failed(SourceError("no bandwidth"))
        self.failureResultOf(answer, SourceError)
        self.assertIsNone(self.camera.settings.wanted.width)

    def test_settings_of_an_idle_camera_are_kept_for_later(self):
        self.camera.start()
        self.assertEqual(self.successResultOf(self.state["cameras/cam1/size"].set("640x480", EVERYONE)), "640x480")
        self.assertEqual(self.camera.settings.wanted.width, 640)

    def test_switched_off(self):
        camera = self.make(enabled=False)
        camera.start()
        self.watch()
        self.assertEqual(self.value("state"), "disabled")
        self.assertEqual(self.threads.loops, [])

    def test_stop_closes_the_device(self):
        self.camera.start()
        self.watch()
        self.opened()
        stopped = self.camera.stop()
        self.assertTrue(self.threads.loops[0][0]._stopping.is_set())
        self.assertNoResult(stopped)
        self.closed()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_does_not_wait_for_a_device_that_hangs(self):
        self.camera.start()
        self.watch()
        self.opened()
        stopped = self.camera.stop()
        self.reactor.advance(PATIENCE)
        self.successResultOf(stopped)
        self.closed()  # later, and nobody minds

    def test_clients_and_drops_are_counted(self):
        self.camera.start()
        self.watch().pauseProducing()
        self.opened()
        for number in range(3):
            self.picture(jpeg_packet(number))
        self.assertEqual(self.camera.pipeline.clients(), {"test": 1})
        self.assertEqual(self.camera.drops()["client"], 2)
        self.reactor.advance(1)
        self.assertEqual((self.value("clients"), self.value("drops"), self.value("measured_fps")), (1, 2, 3))
