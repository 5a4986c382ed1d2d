"""AAC and Opus: packets with the times of the sound in them; and the beep that they are tried with."""

from __future__ import annotations

from array import array
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from camd.encoders import sound
from camd.encoders.sound import SoundEncoder, camd_encoders
from camd.errors import CamdError, SourceError
from camd.media import Packet, SourceSettings
from camd.media.sound import AAC_CONFIGURATION, RATE, SAMPLE, SAMPLES
from camd.sources.beep import BLOCK, LENGTH, LOUDNESS, Beep
from camd.sources.sample_clock import SampleClock


def blocks(count: int, size: int = 700, start: float = 50.0, data: bytes | None = None) -> list[Packet]:
    made = []
    for number in range(count):
        pts = start + number * size / RATE
        made.append(Packet(data or bytes(size * SAMPLE), "pcm", pts, pts + 1e9, pts + 0.1))
    return made


def decode(codec: str, packets: list[Packet]) -> list[tuple[float, array]]:
    """The time of each piece of sound, and its samples."""
    import av

    context = av.CodecContext.create(codec, "r")
    context.sample_rate, context.layout = RATE, "mono"
    if codec == "aac":
        context.extradata = AAC_CONFIGURATION
    resampler = av.AudioResampler("s16", "mono", RATE)
    heard = []
    for packet in packets:
        for frame in context.decode(av.Packet(packet.data)):
            for plain in resampler.resample(frame):
                heard.append((packet.pts, array("h", bytes(plain.planes[0])[: plain.samples * SAMPLE])))
    return heard


class SoundEncoderTests(SynchronousTestCase):
    def test_both_codecs_are_there(self) -> None:
        self.assertEqual(sorted(camd_encoders()), sorted(SAMPLES))

    def test_blocks_of_any_length_become_packets_of_one(self) -> None:
        for codec, size in SAMPLES.items():
            encoder = camd_encoders()[codec]()
            packets = [packet for block in blocks(100) for packet in encoder.encode(block)]
            self.assertApproximates(len(packets), 100 * 700 / size, 3)
            for before, after in pairwise(packets):
                self.assertApproximates(after.pts - before.pts, size / RATE, 1e-9)
                self.assertApproximates(after.wall - after.pts, 1e9, 1e-4)
            self.assertTrue(all(packet.codec == codec and packet.keyframe for packet in packets))

    def test_time_follows_a_gap(self) -> None:
        encoder = SoundEncoder("opus")
        early = [packet for block in blocks(10, 960) for packet in encoder.encode(block)]
        late = [packet for block in blocks(10, 960, 60.0) for packet in encoder.encode(block)]
        self.assertLess(early[-1].pts, 50.2)
        self.assertApproximates(late[-1].pts, 60 + 9 * 960 / RATE, 0.01)

    def test_a_microphone_with_a_clock_of_its_own_is_heard_without_breaks(self) -> None:
        """Quartzes are some 100 ppm apart: in a minute that is a third of a packet."""
        for off in (-1e-4, 1e-4):
            clock = SampleClock(RATE)
            for codec, size in SAMPLES.items():
                encoder, made = SoundEncoder(codec), []
                for number in range(1500):
                    heard = 1000 + number * 0.04 / (1 + off)
                    pts = clock.at(1920, heard + number % 7 * 0.0005)
                    made += encoder.encode(Packet(bytes(1920 * SAMPLE), "pcm", pts, pts, pts))
                steps = [round(after.pts * RATE) - round(before.pts * RATE) for before, after in pairwise(made)]
                self.assertEqual(set(steps), {size})
                self.assertApproximates(made[-1].pts, heard, 0.05)  # what is not whole yet, and 11 ms
                self.assertEqual(made[-1].pts, made[-1].wall)

    def test_a_clock_that_runs_away_is_followed(self) -> None:
        """Ten seconds of a microphone that is one percent too slow, or too fast."""
        for off in (-0.01, 0.01):
            encoder = SoundEncoder("opus")
            made = []
            for number in range(500):
                pts = 1000 + number * 0.02 / (1 + off)
                made += encoder.encode(Packet(bytes(960 * SAMPLE), "pcm", pts, pts, pts))
            self.assertApproximates(made[-1].pts, pts, 0.025)
            steps = [round(after.pts * RATE) - round(before.pts * RATE) for before, after in pairwise(made)]
            self.assertGreaterEqual(min(steps), 960)
            self.assertLess(len(steps) - steps.count(960), 12)

    def test_one_that_is_not_there_keeps_nothing(self) -> None:
        encoder = SoundEncoder("opus")
        self.patch(sound, "_CODECS", {"opus": ("no such encoder", "s16", 48_000, {})})
        for block in blocks(50, 960):
            with self.assertRaises(CamdError):
                encoder.encode(block)
        self.assertLess(len(encoder._blocks), 3)

    def test_a_sound_is_where_it_was(self) -> None:
        """The tone begins in the decoded sound when it began before the microphone."""
        for codec in SAMPLES:
            beep = Beep(clock=lambda: self.now, wall=lambda: self.now + 0.75, wait=self.wait)
            self.now = 100.0
            beep.open(SourceSettings("cam1", ""))
            encoder = SoundEncoder(codec)
            packets = [packet for _ in range(50) for packet in encoder.encode(beep.read(0.25))]
            onset = next(
                pts + index / RATE
                for pts, samples in decode(codec, packets)
                for index, sample in enumerate(samples)
                if abs(sample) > LOUDNESS / 4
            )
            self.assertApproximates(onset, 100.25, 0.003)

    def wait(self, seconds: float) -> None:
        self.now += seconds


class BeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now, self.ahead = 10.0, 1000.5
        self.beep = Beep(clock=lambda: self.now, wall=lambda: self.now + self.ahead, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def heard(self, seconds: float) -> array:
        return array("h", b"".join(self.beep.read(0.25).data for _ in range(round(seconds * RATE / BLOCK))))

    def test_a_beep_at_each_full_second(self) -> None:
        self.beep.open(SourceSettings("cam1", ""))
        sound = self.heard(2)
        loud = [index / RATE for index, sample in enumerate(sound) if abs(sample) > LOUDNESS / 2]
        self.assertApproximates(loud[0], 0.5, 0.001)
        self.assertTrue(all(0.5 <= at % 1 <= 0.5 + LENGTH for at in loud))
        self.assertApproximates(self.now, 12, 1e-6)  # in real time

    def test_times(self) -> None:
        self.beep.open(SourceSettings("cam1", ""))
        first, second = self.beep.read(0.25), self.beep.read(0.25)
        self.assertEqual((first.pts, first.wall, first.codec), (10.0, 1010.5, "pcm"))
        self.assertApproximates(second.pts, 10.02, 1e-9)
        self.assertEqual(len(first.data), BLOCK * SAMPLE)

    def test_it_follows_the_clock_on_the_wall(self) -> None:
        self.beep.open(SourceSettings("cam1", ""))
        self.heard(0.1)
        self.ahead += 0.25
        loud = [index / RATE for index, sample in enumerate(self.heard(1)) if abs(sample) > LOUDNESS / 2]
        self.assertApproximates(loud[0], 0.15, 0.03)

    def test_who_reads_late_misses_something(self) -> None:
        self.beep.open(SourceSettings("cam1", ""))
        self.beep.read(0.25)
        self.now += 5
        late = self.beep.read(0.25)
        self.assertLess(self.now - late.pts, 0.1)
        self.assertApproximates(self.beep.dropped(), 250, 2)

    def test_no_longer_than_allowed(self) -> None:
        self.beep.open(SourceSettings("cam1", ""))
        self.assertIsNone(self.beep.read(0.005))
        self.assertApproximates(self.now, 10.005, 1e-9)

    def test_closed(self) -> None:
        self.assertRaises(SourceError, self.beep.read, 0.25)
