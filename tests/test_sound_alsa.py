"""Microphones by ALSA: its own file plugin in place of a device, what goes wrong with one, and their clock."""

from __future__ import annotations

import errno
import os
from array import array
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.media import SourceSettings
from camd.media.sound import RATE, SAMPLE
from camd.sources import alsa
from camd.sources.alsa import BLOCK, AlsaMicrophone, camd_microphones, microphones
from camd.sources.asound import AlsaError, Pcm
from camd.sources.sample_clock import SampleClock

SETTINGS = SourceSettings("cam1", "/dev/video0")


class AlsaTests(SynchronousTestCase):
    """A device of this name gives what stands in a file."""

    def setUp(self) -> None:
        if not Path("/usr/share/alsa/alsa.conf").exists():
            raise SkipTest("ALSA is not here: apt install libasound2")
        folder = Path(self.mktemp())
        folder.mkdir()
        self.ramp = array("h", range(-8000, 8000))
        (folder / "ramp.raw").write_bytes(self.ramp.tobytes())
        (folder / "asound.conf").write_text(f"""
            </usr/share/alsa/alsa.conf>
            pcm.ramp {{ type file; slave.pcm null; file /dev/null; infile "{folder.resolve()}/ramp.raw"; format raw }}
        """)
        os.environ["ALSA_CONFIG_PATH"] = str(folder / "asound.conf")
        self.addCleanup(os.environ.pop, "ALSA_CONFIG_PATH")

    def test_what_it_hears(self) -> None:
        microphone = camd_microphones()["alsa"]("ramp")
        self.addCleanup(microphone.close)
        format = microphone.open(SETTINGS)
        self.assertEqual((format.codec, format.fps), ("pcm", RATE / BLOCK))
        heard = array("h")
        while len(heard) < len(self.ramp):
            block = microphone.read(0.25)
            self.assertEqual((block.codec, len(block.data)), ("pcm", BLOCK * SAMPLE))
            self.assertLess(block.pts, block.grabbed)
            heard.frombytes(block.data)
        self.assertEqual(heard[: len(self.ramp)], self.ramp)
        self.assertEqual(microphone.dropped(), 0)
        microphone.close()
        microphone.close()
        self.assertRaises(SourceError, microphone.read, 0.25)

    def test_a_device_that_is_not_there(self) -> None:
        for name in ("nothing", "hw:17", "plughw:CARD=Nothing,DEV=0"):
            with self.assertRaisesRegex(SourceError, "there is no microphone") as caught:
                AlsaMicrophone(name).open(SETTINGS)
            self.assertEqual(caught.exception.state, "absent")

    def test_a_camera_without_a_microphone(self) -> None:
        with self.assertRaisesRegex(SourceError, "no microphone in the camera"):
            AlsaMicrophone("auto").open(SourceSettings("cam1", "//user:secret@10.0.0.20/stream1"))


class NameTests(SynchronousTestCase):
    def test_names_that_are_none(self) -> None:
        for name in ("", "file:x", "tee:hw,x", "null", "a b", "file:'|id'", "plug:'file:x'", "{type null}", "../x",
                     "_ucm0001.hw:1", "hw:1:2"):
            self.assertRaisesRegex(SourceError, "no ALSA device", AlsaMicrophone, name)

    def test_names_of_devices(self) -> None:
        for name in ("default", "hw:1", "hw:1,0", "plughw:CARD=C920,DEV=0", "sysdefault:CARD=C920", "dsnoop:1", "auto"):
            AlsaMicrophone(name)

    def test_hardware_is_opened_with_its_conversion(self) -> None:
        opened = []

        def pcm(name: str, *args: object) -> Pcm:
            opened.append(name)
            raise AlsaError(errno.EBUSY, "busy")

        self.patch(alsa, "Pcm", pcm)
        with self.assertRaisesRegex(SourceError, "another program uses the microphone hw:1"):
            AlsaMicrophone("hw:1").open(SETTINGS)
        self.assertEqual(opened, ["plughw:1"])


class TroubleTests(SynchronousTestCase):
    def fails(self, error: OSError) -> SourceError:
        def pcm(*args: object) -> Pcm:
            raise error

        self.patch(alsa, "Pcm", pcm)
        with self.assertRaises(SourceError) as caught:
            AlsaMicrophone("hw:1").open(SETTINGS)
        return caught.exception

    def test_what_helps(self) -> None:
        self.assertIn("group audio", str(self.fails(AlsaError(errno.EACCES, "denied"))))
        self.assertIn("libasound2", str(self.fails(OSError("libasound.so.2: cannot open shared object file"))))
        self.assertIn("ill (EINVAL)", str(self.fails(AlsaError(errno.EINVAL, "ill"))))
        self.assertEqual(self.fails(AlsaError(errno.ENODEV, "gone")).state, "absent")

    def test_one_that_is_unplugged(self) -> None:
        class Unplugged:
            overruns = 3

            def read(self, frames: int, timeout: float) -> tuple[bytes, int]:
                raise AlsaError(errno.ENODEV, "No such device")

            def close(self) -> None:
                pass

        self.patch(alsa, "Pcm", lambda *args: Unplugged())
        microphone = AlsaMicrophone("hw:1")
        microphone.open(SETTINGS)
        self.assertRaisesRegex(SourceError, "no microphone hw:1", microphone.read, 0.25)
        microphone.close()
        self.assertEqual(microphone.dropped(), 3)

    def test_a_call_that_was_interrupted_is_made_again(self) -> None:
        library = SimpleNamespace(snd_pcm_wait=lambda *args: -errno.EINTR)
        pcm = Pcm.__new__(Pcm)
        pcm._library, pcm._pcm, pcm._frame, pcm.overruns = library, None, 2, 0
        self.assertEqual(pcm.read(1920, 0.25), (b"", 0))
        self.assertEqual(pcm.overruns, 0)


class FindingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())

    def test_devices_that_hear(self) -> None:
        (self.root / "card1").mkdir(parents=True)
        (self.root / "card1" / "id").write_text("C920\n")
        (self.root / "pcm").write_text(
            "00-03: HDMI 0 : HDMI 0 : playback 1\n"
            "01-00: USB Audio : USB Audio : capture 1\n"
            "02-00: Line : Line : playback 1 : capture 1\n"
        )
        self.assertEqual(microphones(self.root), ["hw:C920,0", "hw:2,0"])
        self.assertEqual(microphones(self.root / "nothing"), [])

    def test_the_microphone_in_the_camera(self) -> None:
        usb = self.root / "usb1" / "1-2"
        for interface in ("1-2:1.0", "1-2:1.2"):
            (usb / interface).mkdir(parents=True)
        other = self.root / "usb1" / "1-3" / "1-3:1.0"
        other.mkdir(parents=True)
        for link, target in {"video/video4": usb / "1-2:1.0", "sound/card0": other, "sound/card3": usb / "1-2:1.2"}.items():
            (self.root / link).mkdir(parents=True)
            (self.root / link / "device").symlink_to(target.resolve())
        (self.root / "sound" / "controlC0").mkdir()
        self.patch(alsa.nodes, "find", lambda address: address)
        found = alsa._of_camera("/dev/video4", self.root / "video", self.root / "sound")
        self.assertEqual(found, "hw:3")
        self.assertRaises(SourceError, alsa._of_camera, "/dev/video5", self.root / "video", self.root / "sound")


class SampleClockTests(SynchronousTestCase):
    def test_uneven_readings_become_even(self) -> None:
        clock = SampleClock(1000)
        times = [clock.at(10, number / 100 + (number % 3) / 100) for number in range(300)]
        steps = [after - before for before, after in pairwise(times)]
        self.assertLess(max(steps) - min(steps), 2e-4)

    def test_a_clock_that_runs_fast_does_not_run_away(self) -> None:
        clock = SampleClock(1000)
        for number in range(100_000):
            measured = number * 0.01 * 0.9999
            got = clock.at(10, measured)
        self.assertApproximates(got, measured, 0.001)

    def test_a_gap(self) -> None:
        clock = SampleClock(1000)
        clock.at(10, 5.0)
        self.assertEqual(clock.at(10, 7.0), 7.0)
        self.assertApproximates(clock.at(10, 7.01), 7.01, 1e-9)
