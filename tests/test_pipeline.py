"""Pipeline: what is passed through, what is made, and that nothing is made twice or for nobody."""

from collections import Counter

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media import Encoding, Format, Frame, Gop, Packet
from camd.media.codecs import Codecs
from camd.media.pipeline import MOST_STREAMS, MOST_VIDEOS, Pipeline
from camd.media.rendition import Rendition, fitted
from camd.media.renditions import box
from camd.media.statistics import Statistics


#: The begin of one of 1280x720.
JPEG = b"\xff\xd8\xff\xc0\0\x11\x08\x02\xd0\x05\0"


class Image:
    def __init__(self, width, height):
        self.shape = height, width, 3


class Processing:
    def __init__(self, reasons=(), turned=False, masks=()):
        self.reasons = tuple(reasons) + ("masked",) * bool(masks)
        self.masks = masks
        self.turned = turned

    def apply(self, frame):
        return frame

    def output_size(self, width, height):
        return (height, width) if self.turned else (width, height)


class Encoder:
    made = 0

    def __init__(self, settings):
        Encoder.made += 1
        self.settings = settings
        self.count = 0
        self.closed = False

    def encode(self, frame, keyframe):
        key = keyframe or self.count == 0
        self.count += 1
        data = b"%dx%d %d" % (*frame.size, self.settings.bitrate)
        return Packet(data, "h264", frame.pts, 0, frame.grabbed, keyframe=key)

    def close(self):
        self.closed = True


class PipelineTests(SynchronousTestCase):
    def setUp(self):
        self.jobs = Counter()
        self.now = 0.0
        Encoder.made = 0

        def counted(name, f):
            def work(*args):
                self.jobs[name] += 1
                return f(*args)

            return work

        class Decoder:
            def __init__(inner, format):
                self.jobs["decoders"] += 1

            def decode(inner, packet):
                self.jobs["decode video"] += 1
                return Frame(Image(1280, 720), packet.pts, 0, 0)

        codecs = Codecs(
            encoders={
                "mjpeg": lambda quality: counted("jpeg", lambda frame: Packet(b"q%d" % quality, "mjpeg", frame.pts, 0, 0)),
                "h264": Encoder,
            },
            decode=counted("decode", lambda packet, format: Frame(Image(1280, 720), packet.pts, 0, 0)),
            decoder=Decoder,
            processing=Processing,
            scale=counted("scale", lambda frame, width, height: Frame(Image(width, height), frame.pts, 0, 0)),
            card=None,
        )
        self.statistics = Statistics()
        self.pipeline = Pipeline(codecs, self, self.statistics, lambda: None, lambda: None, lambda: self.now)
        self.got = []

    def encode(self, f, *args):
        return maybeDeferred(f, *args)

    def watch(self, *args, policy=None, fps=None, **kwargs):
        encoding = Encoding(*args, **kwargs)
        policy = policy or (Gop() if encoding.codec in ("h264", "hevc") else None)
        return self.pipeline.stream(encoding).subscribe(self.got.append, policy, fps=fps)

    def opened(self, codec, fps=30.0):
        self.pipeline.opened(Format(codec, 1280, 720, fps))

    def feed(self, codec, count=1, start=0, card=False):
        for number in range(start, start + count):
            self.now = number / 30
            if codec == "bgr":
                self.pipeline.source.publish(Frame(Image(1280, 720), number / 30, 0, number / 30))
            else:
                key = codec not in ("h264", "hevc") or number % 10 == 0
                self.pipeline.source.publish(
                    Packet((JPEG if codec == "mjpeg" else b"") + b"%d" % number, codec, number / 30, 0, number / 30, keyframe=key, card=card)
                )

    def test_video_of_the_camera_goes_out_untouched(self):
        self.opened("h264")
        self.watch("h264")
        self.feed("h264", 20)
        self.assertEqual([packet.data for packet in self.got], [b"%d" % n for n in range(20)])
        self.assertEqual(self.jobs, {"decoders": 1})
        self.assertEqual(self.pipeline.outputs()["h264"], "pass-through")

    def test_video_is_decoded_only_for_pixels_and_once(self):
        self.opened("h264")
        self.watch("h264")
        self.watch("mjpeg")
        self.watch("mjpeg", rendition="sub")
        self.feed("h264", 10)
        self.assertEqual((self.jobs["decode video"], self.jobs["jpeg"]), (10, 20))

    def test_a_newcomer_who_wants_pixels_of_a_video_begins_at_its_key_frame(self):
        self.opened("h264")
        self.watch("h264")
        self.feed("h264", 5)
        self.watch("bgr")
        self.feed("h264", 1, start=5)
        self.assertEqual(self.jobs["decode video"], 6)

    def test_one_encode_for_all_viewers_of_a_rendition(self):
        self.opened("mjpeg")
        for _ in range(3):
            self.watch("h264")
        self.feed("mjpeg", 4)
        self.assertEqual((self.jobs["decode"], self.statistics.encodes), (0, {"h264": 4}))
        self.assertEqual(self.pipeline.outputs()["h264"], "encoding, because the camera gives mjpeg")

    def test_a_newcomer_gets_a_key_frame_made_but_not_more_than_one_a_second(self):
        self.opened("bgr")
        self.watch("h264")
        self.feed("bgr", 60)
        del self.got[:]
        self.watch("h264")
        self.feed("bgr", 1, start=60)
        self.assertEqual([packet.keyframe for packet in self.got], [True, True])
        del self.got[:]
        self.feed("bgr", 3, start=61)
        self.watch("h264")
        self.feed("bgr", 1, start=64)
        self.assertEqual(Counter(packet.keyframe for packet in self.got), {False: 2 * 4 + 4, True: 1})

    def test_the_sub_rendition_is_smaller_and_slower(self):
        self.pipeline.render(Rendition("sub", (640, 360), 15.0))
        self.opened("bgr")
        self.watch("h264", rendition="sub")
        self.feed("bgr", 30)
        self.assertEqual((len(self.got), self.jobs["scale"]), (15, 15))
        self.assertTrue(self.got[0].data.startswith(b"640x360"))

    def test_another_bitrate_makes_a_new_encoder_for_the_same_viewers(self):
        self.opened("bgr")
        self.watch("h264")
        self.feed("bgr", 2)
        rendition = self.pipeline.rendition("main")
        self.pipeline.render(Rendition("main", video=rendition.video.__class__(bitrate=300_000)))
        self.feed("bgr", 1, start=2)
        self.assertEqual((Encoder.made, self.got[-1].data, self.got[-1].keyframe), (2, b"1280x720 300000", True))

    def test_the_card_and_the_way_back(self):
        self.opened("h264")
        self.watch("h264")
        self.feed("h264", 3)
        self.feed("mjpeg", 2, start=40, card=True)
        self.assertEqual([(p.card, p.keyframe) for p in self.got[3:]], [(True, True), (True, False)])
        self.opened("h264")
        self.feed("h264", 6, start=48)
        self.assertEqual([p.data for p in self.got[5:]], [b"50", b"51", b"52", b"53"])

    def test_single_pictures_are_encoded_as_they_are(self):
        """Nobody makes pixels of them, and they keep their colours; a card goes to the same encoder."""
        self.pipeline.render(Rendition("sub", (640, 360)))
        for codec in ("yuyv422", "mjpeg"):
            self.opened(codec)
            main, encoders = self.watch("h264"), Encoder.made
            self.feed(codec, 3)
            self.feed("mjpeg", 1, start=3, card=True)
            self.assertEqual((self.jobs.pop("decode", 0), Encoder.made - encoders, len(self.got)), (0, 1, 4))
            self.assertEqual(self.pipeline.video_settings(Encoding("h264")).matrix, "bt601")
            sub = self.watch("h264", rendition="sub")  # smaller ones are made of pixels
            self.feed(codec, 1, start=4)
            self.assertEqual((self.jobs.pop("decode"), self.jobs.pop("scale"), len(self.got)), (1, 1, 6))
            self.assertEqual(self.pipeline.video_settings(Encoding("h264", rendition="sub")).matrix, "bt709")
            main.close()
            sub.close()
            self.got.clear()

    def test_single_pictures_that_something_is_done_to_become_pixels(self):
        """At once, with another encoder; and when that is over, they go as they are again."""
        self.opened("yuyv422")
        self.watch("h264")
        self.feed("yuyv422", 2)
        self.pipeline.process(masks=("left",))
        self.feed("yuyv422", 2, start=2)
        self.assertEqual((self.jobs["decode"], Encoder.made, self.got[2].keyframe), (2, 2, True))
        self.pipeline.process()
        self.feed("yuyv422", 2, start=4)
        self.assertEqual((self.jobs["decode"], Encoder.made, self.got[4].keyframe), (2, 3, True))

    def test_a_slower_picture_is_cheaper(self):
        self.opened("mjpeg")
        self.pipeline.stream(Encoding("bgr")).subscribe(self.got.append, fps=5)
        self.feed("mjpeg", 60)
        self.assertEqual((len(self.got), self.jobs["decode"]), (10, 10))

    def test_switching_all_off_returns_to_pass_through(self):
        self.opened("mjpeg")
        self.watch("mjpeg")
        self.pipeline.process(reasons=["rotated"], turned=True)
        self.feed("mjpeg", 1)
        self.assertEqual((self.got[-1].data, self.pipeline.size(Encoding("mjpeg"))), (b"q85", (720, 1280)))
        self.assertEqual(self.pipeline.outputs()["mjpeg"], "encoding, because rotated")
        self.pipeline.process()
        self.feed("mjpeg", 1, start=1)
        self.assertEqual((self.got[-1].data, self.pipeline.outputs()["mjpeg"]), (JPEG + b"1", "pass-through"))

    def test_hevc_is_the_cheapest_video_where_the_camera_gives_it(self):
        self.pipeline.render(Rendition("sub", (640, 360)))
        self.opened("hevc")
        self.assertEqual(self.pipeline.video().codec, "hevc")
        self.assertEqual(self.pipeline.video("sub").codec, "h264")
        self.watch("hevc")
        self.feed("hevc", 3)
        self.assertEqual((len(self.got), self.jobs), (3, {"decoders": 1}))
        self.pipeline.process(reasons=["masked"])
        self.assertEqual(self.pipeline.video().codec, "h264")

    def test_hevc_ends_when_something_has_to_be_done_to_the_picture(self):
        self.opened("hevc")
        ended = []
        stage = self.pipeline.stream(Encoding("hevc"))
        stage.derive(lambda packet: packet).subscribe(self.got.append, Gop(), on_end=lambda: ended.append(1))
        self.feed("hevc", 3)
        self.pipeline.process(masks=("mask",))
        self.feed("hevc", 20, start=10)
        self.assertEqual((len(self.got), ended, self.pipeline.source.running), (3, [1], False))
        error = self.assertRaises(Invalid, self.pipeline.stream, Encoding("hevc"))
        self.assertIn("masked", error.reason)
        for wish in ({"fps": 5.0}, {"size": (64, 64)}, {"bitrate": 100_000}):
            self.assertRaises(Invalid, self.pipeline.stream, Encoding("hevc", **wish))

    def test_hevc_ends_when_the_camera_turns_to_another_codec(self):
        self.opened("hevc")
        ended = []
        self.pipeline.stream(Encoding("hevc")).subscribe(self.got.append, Gop(), on_end=lambda: ended.append(1))
        self.opened("h264")
        self.feed("h264", 3)
        self.assertEqual((self.got, ended), ([], [1]))

    def test_what_waits_for_slow_clients_is_not_seen_once_it_is_masked(self):
        self.opened("h264")
        slow = [self.watch("h264"), self.watch("mjpeg"), self.watch("bgr")]
        for subscription in slow:
            subscription.pauseProducing()
        self.feed("h264", 20)
        self.pipeline.process(masks=("mask",))
        for subscription in slow:
            subscription.resumeProducing()
        self.assertEqual(self.got, [])

    def test_what_waits_for_an_encoder_is_not_seen_once_it_is_masked(self):
        self.opened("bgr")
        self.watch("mjpeg")
        self.watch("h264")
        jobs, self.pipeline._threads = [], self
        self.encode = lambda f, *args: jobs.append((Deferred(), f, args)) or jobs[-1][0]
        self.feed("bgr", 2)  # one is being encoded, the other one waits
        self.pipeline.process(masks=("mask",))
        while jobs:
            job, f, args = jobs.pop(0)
            job.callback(f(*args))
        self.assertEqual(self.got, [])

    def test_video_goes_on_with_a_key_frame_after_a_picture_that_nobody_got(self):
        self.opened("bgr")
        self.watch("h264")
        self.feed("bgr", 2)
        encode, job = self.encode, Deferred()
        self.encode = lambda f, *args: job.addCallback(lambda _: f(*args))
        self.feed("bgr", 1, start=2)
        self.encode = encode
        self.pipeline.closed()
        job.callback(None)
        self.feed("bgr", 2, start=3)
        self.assertEqual([packet.keyframe for packet in self.got], [True, False, True, False])

    def test_masked_video_is_made_of_no_picture_without_the_mask(self):
        self.opened("bgr")
        self.watch("h264")
        self.feed("bgr", 3)
        self.pipeline.process(masks=("mask",))
        self.feed("bgr", 2, start=3)
        self.assertEqual([packet.keyframe for packet in self.got], [True, False, False, True, False])

    def test_pictures_in_memory_are_kept_only_while_somebody_wants_them(self):
        self.opened("bgr")
        self.watch("h264")
        self.watch("mjpeg", size=(320, 180)).close()
        self.feed("bgr", 1)
        one = self.watch("mjpeg", size=(160, 90))
        self.feed("bgr", 1, start=1)
        one.close()
        idle = [stream for stream in self.pipeline.streams if not stream.running]
        self.assertEqual([type(stream.last) for stream in idle if isinstance(stream.last, Frame)], [])
        self.assertIsInstance(self.pipeline.newest(Encoding("mjpeg", size=(160, 90))), Packet)

    def test_too_many_different_ones_are_refused_and_idle_ones_make_room(self):
        watching = [self.watch("mjpeg", quality) for quality in range(1, MOST_STREAMS)]  # and the pictures they are made of
        self.assertRaises(Invalid, self.watch, "mjpeg", 99)
        watching[0].close()
        self.watch("mjpeg", 99)

    def test_the_renditions_can_always_be_had(self):
        self.opened("bgr")
        for quality in range(1, MOST_STREAMS):
            self.watch("mjpeg", quality)
        for codec in ("mjpeg", "h264", "bgr"):
            for rendition in ("main", "sub"):
                self.watch(codec, rendition=rendition)
        self.watch("bgr", size=(160, 160))
        self.assertRaises(Invalid, self.watch, "mjpeg", 99)

    def test_the_limit_is_none_for_what_is_done_to_the_picture(self):
        self.opened("mjpeg")
        for number in range(MOST_STREAMS):
            self.pipeline.stream(Encoding("mjpeg", fps=30.0 + number)).subscribe(self.got.append)
        self.pipeline.process(masks=("mask",))
        self.feed("mjpeg")
        self.assertEqual({packet.data for packet in self.got}, {b"q85"})

    def test_not_too_many_encoders(self):
        self.opened("bgr")
        idle = [Encoding("h264", bitrate=100_000 + number) for number in range(MOST_VIDEOS + 2)]
        for encoding in idle:
            self.pipeline.stream(encoding)
        watching = [self.watch("h264", bitrate=encoding.bitrate) for encoding in idle[:MOST_VIDEOS]]
        self.assertRaises(Invalid, self.pipeline.stream, idle[-1])
        self.assertRaises(Invalid, self.pipeline.stream, Encoding("h264", fps=3))
        self.watch("h264", bitrate=idle[0].bitrate)
        self.watch("h264")
        watching[1].close()
        self.watch("h264", size=(64, 64))

    def test_what_is_not_encoded_does_not_count(self):
        self.opened("h264")
        for number in range(MOST_VIDEOS + 2):
            self.pipeline.stream(Encoding("h264", fps=60.0 + number)).subscribe(self.got.append, Gop())
        self.watch("h264", bitrate=100_000)

    def test_what_there_is_not(self):
        for wrong in ({"codec": "vp9"}, {"codec": "mjpeg", "quality": 0}, {"codec": "bgr", "size": (1, 1)},
                      {"codec": "mjpeg", "rendition": "third"}, {"codec": "h264", "bitrate": 1}):
            self.assertRaises(Invalid, self.pipeline.stream, Encoding(**wrong))

    def test_boxes(self):
        self.assertEqual((box("640x360"), box("")), ((640, 360), None))
        for wrong in ("640", "x", "15x16", "16x16385", "-16x16", " 16x16", "١٦x16", "16x16x16", "1" * 5000 + "x16"):
            self.assertRaises(Invalid, box, wrong)

    def test_fitted(self):
        self.assertEqual(fitted(1280, 720, None), (1280, 720))
        self.assertEqual(fitted(1280, 720, (640, 640)), (640, 360))
        self.assertEqual(fitted(640, 480, (640, 360)), (480, 360))
        self.assertEqual(fitted(320, 240, (640, 360)), (320, 240))
