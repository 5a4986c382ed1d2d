"""Pictures from the device to the client: untouched where possible, right in colour where not, and never
lost for all because of one."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
from twisted.trial.unittest import SynchronousTestCase

from . import colours, rest
from .daemon import Daemon
from .fakecam import FakeCamera, frames
from .mjpeg_reader import MjpegReader, Picture
from .waiting import wait_for
from .websocket import WebSocket

_NUMBERS = """
[cameras.yuyv]
source = "v4l2:/dev/video0"

[cameras.clip]
source = "file:{folder}/limited.mkv"

[cameras.full]
source = "file:{folder}/full.mkv"

[cameras.painted]
source = "test:"
size = "640x360"
fps = 15
"""


def is_frame(picture: Picture) -> bool:
    return picture.data in frames()


def is_card(picture: Picture) -> bool:
    return picture.data not in frames()


class JpegCameraTests(SynchronousTestCase):
    """A camera that gives 1280x720 JPEGs, 30 a second, and no configuration."""

    timeout = 120
    clients = 10
    count = 90  #: pictures that each client counts
    rate = (20.0, 40.0)  #: frames a second; other things run on this computer too

    def setUp(self) -> None:
        self.camera = FakeCamera()
        self.daemon = self.camera.daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url

    def untouched(self) -> None:
        """Nobody has encoded anything."""
        status = rest.status(self.url)
        self.assertEqual((status["camera"]["encodes"], status["threads"]["encode"]), (0, 0))
        self.assertEqual(status["camera"]["outputs"]["mjpeg"], "pass-through")

    def test_a_snapshot_is_one_of_the_cameras_frames(self) -> None:
        answers = [rest.fetch(self.url + "cam/cam1/snapshot.jpg")]  # opens the camera
        with MjpegReader(self.url + "stream") as reader:
            reader.pictures(2)
            for path in ("snapshot", "snapshot.jpg", "camera.jpeg", "image", "?action=snapshot"):
                answers.append(rest.fetch(self.url + path))
            answers.append(rest.fetch(self.url + "cam/cam1/snapshot.jpg?max_age=0.001"))
        for answer in answers:
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "image/jpeg"))
            self.assertIn(answer.body, frames())
            self.assertLess(float(answer.headers["X-Camd-Frame-Age"]), 1.5)
            self.assertLess(abs(time.time() - float(answer.headers["X-Timestamp"])), 5)
        self.untouched()
        libraries = Path(f"/proc/{self.daemon.pid}/maps").read_text()
        for name in ("cv2", "numpy", "libav"):
            self.assertNotIn(name, libraries)

    def test_every_client_gets_every_frame(self) -> None:
        with MjpegReader(self.url + "cam/cam1/stream.mjpg", self.clients) as reader:
            reader.pictures(5)
            since = [len(client.pictures) for client in reader.clients]
            reader.pictures(self.count)
            runs = [client.pictures[start:] for client, start in zip(reader.clients, since)]
        taken = [{picture.taken for picture in run} for run in runs]
        first, last = max(map(min, taken)), min(map(max, taken))
        expected = sorted({moment for moments in taken for moment in moments if first <= moment <= last})
        self.assertGreaterEqual(len(expected), self.count - 3)
        for run in runs:
            run = [picture for picture in run if first <= picture.taken <= last]
            self.assertEqual([picture.taken for picture in run], expected)  # all of them, in order, once
            self.in_the_cameras_order(run)
            low, high = self.rate
            self.assertGreater((len(run) - 1) / (run[-1].arrived - run[0].arrived), low)
            self.assertLess((len(run) - 1) / (run[-1].arrived - run[0].arrived), high)
        self.untouched()
        self.assertEqual(rest.camera(self.url)["drops"]["client"], 0)

    def in_the_cameras_order(self, run: list[Picture]) -> None:
        """Each picture is the file that belongs to its moment: what the device itself lost is skipped."""
        numbers = [frames().index(picture.data) for picture in run]
        for (before, after), (one, next_one) in zip(pairwise(run), pairwise(numbers)):
            steps = round((after.taken - before.taken) * 30)
            self.assertEqual((next_one - one) % len(frames()), steps % len(frames()))

    def test_unplugged_and_plugged_in_again(self) -> None:
        with MjpegReader(self.url + "stream", self.clients) as reader:
            reader.next(is_frame)
            self.camera.fault("unplug")
            start = time.monotonic()
            cards = reader.next(is_card, what="the card")
            self.assertLess(max(card.arrived for card in cards) - start, 2.0)
            self.assertEqual(colours.unpack(cards[0].data).shape, (720, 1280, 3))
            self.reported_as_away()
            later = reader.next(lambda picture: is_card(picture) and picture.data != cards[0].data)
            self.assertEqual(len(later), self.clients)  # the clock on the card goes on
            self.camera.fault("")
            start = time.monotonic()
            back = reader.next(is_frame, what="the camera's return")
            self.assertLess(max(picture.arrived for picture in back) - start, 10.0)
            reader.pictures(10)
            self.assertEqual(reader.ended, 0)
        self.assertEqual(rest.fetch(self.url + "ready").status, 200)
        self.untouched()

    def reported_as_away(self) -> None:
        camera = rest.camera(self.url)
        self.assertEqual((camera["connected"], camera["state"]), (False, "absent"))
        self.assertIn("is not there", camera["reason"])
        ready = rest.fetch(self.url + "ready")
        self.assertEqual(ready.status, 503)
        self.assertIn("is not there", ready.json["reasons"]["cam1"])
        health = rest.fetch(self.url + "health")
        self.assertEqual((health.status, health.json["status"]), (200, "degraded"))
        self.assertIn("is not there", health.json["checks"]["camera cam1"])
        snapshot = rest.fetch(self.url + "snapshot")
        self.assertEqual((snapshot.status, snapshot.headers["Content-Type"]), (503, "image/jpeg"))
        self.assertNotIn(snapshot.body, frames())

    def test_unplugged_while_nobody_watches(self) -> None:
        wait_for(lambda: rest.fetch(self.url + "ready").status == 200)
        with WebSocket(self.url) as script:
            self.camera.fault("unplug")
            script.change("cameras/cam1/online", False)
            self.assertEqual(rest.fetch(self.url + "ready").status, 503)
            with MjpegReader(self.url + "stream") as reader:
                reader.next(is_card)
                self.camera.fault("")
                reader.next(is_frame)
            script.change("cameras/cam1/online", True)

    def test_a_silent_camera(self) -> None:
        with MjpegReader(self.url + "stream", 2) as reader:
            reader.next(is_frame)
            self.camera.fault("stall")
            reader.next(is_card, what="the card")
            camera = wait_for(lambda: (found := rest.camera(self.url))["state"] == "stalled" and found)
            self.assertIn("no picture for", camera["reason"])
            self.camera.fault("")
            reader.next(is_frame)
            self.assertEqual(reader.ended, 0)
        self.assertIn('camd_camera_reconnects_total{camera="cam1",reason="stalled"}', self.metrics())
        self.untouched()

    def metrics(self) -> str:
        return rest.fetch(self.url + "metrics").body.decode()

    def test_damaged_frames_reach_nobody(self) -> None:
        with MjpegReader(self.url + "stream", 2) as reader:  # which takes nothing that is not whole
            reader.next(is_frame)
            self.camera.fault("corrupt 3")
            reader.next(lambda picture: not is_frame(picture), what="a frame with noise in it")
            reader.pictures(20)
            self.assertEqual(reader.ended, 0)
        self.assertGreater(rest.camera(self.url)["drops"]["device"], 0)
        self.untouched()

    def test_a_client_that_does_not_read_delays_nobody_and_returns_to_the_present(self) -> None:
        with MjpegReader(self.url + "stream", 2) as reader:
            lazy = reader.add(receive_buffer=4096)
            reader.next(is_frame)
            reader.pause(lazy)
            before = self.memory()
            others = reader.clients[:2]
            seen = [len(client.pictures) for client in others]
            reader.until(lambda: rest.camera(self.url)["drops"]["client"] > 30, what="drops")
            for client, start in zip(others, seen):
                run = client.pictures[start:]
                self.in_the_cameras_order(run)
                self.assertLess(max(b.arrived - a.arrived for a, b in pairwise(run)), 1.0)
            self.assertLess(self.memory() - before, 4 * 1024 * 1024)
            reader.resume(lazy)
            reader.next(lambda picture: time.time() - picture.taken < 1, what="a picture of now for all")
        self.untouched()

    def memory(self) -> int:
        """Resident bytes of the daemon."""
        pages = int(Path(f"/proc/{self.daemon.pid}/statm").read_text().split()[1])
        return pages * 4096

    def test_a_client_that_leaves_lets_the_camera_sleep(self) -> None:
        with WebSocket(self.url) as script:
            with MjpegReader(self.url + "stream") as reader:
                reader.next(is_frame)
                script.change("cameras/cam1/state", "streaming")
            script.change("cameras/cam1/state", "idle")
            frames_before = rest.camera(self.url)["frames"]
            self.assertIn(rest.fetch(self.url + "snapshot").body, frames())
            self.assertGreater(rest.camera(self.url)["frames"], frames_before)

    def test_another_quality_is_encoded_once_for_all_who_want_it(self) -> None:
        with MjpegReader(self.url + "stream?quality=20", 3) as reader:
            reader.pictures(3)
            small = reader.clients[0].pictures[-1].data
            self.assertLess(len(small), min(map(len, frames())) / 1.5)
            self.assertEqual(len({client.pictures[2].data for client in reader.clients}), 1)
        camera = rest.camera(self.url)
        self.assertLessEqual(camera["encodes"], camera["frames"])


class EncodedCameraTests(SynchronousTestCase):
    """Cameras that give no JPEG: the colours are right, and each frame is encoded once or not at all."""

    timeout = 120
    clients = 3

    def setUp(self) -> None:
        self.camera = FakeCamera(f"/dev/video0=yuyv:{{folder}}/bars.yuyv@{colours.WIDTH}x{colours.HEIGHT}")
        folder = self.camera.folder
        (folder / "bars.yuyv").write_bytes(colours.yuyv422())
        colours.write_video(folder / "limited.mkv", full=False)
        colours.write_video(folder / "full.mkv", full=True)
        self.daemon = self.camera.daemon(_NUMBERS.format(folder=folder))
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url

    def numbers(self) -> dict[str, tuple[int, int]]:
        """Frames and encodes of each camera."""
        return {one["id"]: (one["frames"], one["encodes"]) for one in rest.status(self.url)["cameras"]}

    def fields(self, camera: str) -> list[Any]:
        if camera != "painted":
            return colours.bars()
        from camd.sources.scene import colour_bar

        return [(s.colour, (s.x, s.y, s.width, s.height)) for s in colour_bar(640, 360)]

    def test_colours(self) -> None:
        for camera in ("yuyv", "clip", "full", "painted"):
            snapshot = rest.fetch(f"{self.url}cam/{camera}/snapshot.jpg?quality=95")
            self.assertEqual(snapshot.status, 200, camera)
            self.assertLess(colours.error(snapshot.body, self.fields(camera)), 5, camera)

    def test_colours_of_video(self) -> None:
        """Raw pictures go to the encoder as they are, others by way of pixels, and each says what matrix it has."""
        for camera, matrix in (("yuyv", 6), ("clip", 1), ("full", 1), ("painted", 1)):
            with av.open(f"{self.url}cam/{camera}/stream.mp4", timeout=20) as video:
                picture = next(video.decode(video=0))
            self.assertEqual((picture.colorspace, picture.color_range), (matrix, 1), camera)
            _done, still = cv2.imencode(".png", picture.to_ndarray(format="bgr24"))
            self.assertLess(colours.error(still.tobytes(), self.fields(camera)), 6, camera)

    def test_one_encode_a_frame_and_none_for_nobody(self) -> None:
        names = ("yuyv", "clip", "painted")
        with WebSocket(self.url) as script:
            readers = {name: MjpegReader(f"{self.url}cam/{name}/stream.mjpg", self.clients) for name in names}
            for reader in readers.values():
                self.addCleanup(reader.close)
            for reader in readers.values():
                reader.pictures(20)
            watched = self.numbers()
            for name, reader in readers.items():
                got = min(len(client.pictures) for client in reader.clients)
                arrived, encodes = watched[name]
                self.assertLessEqual(encodes, arrived, name)
                self.assertGreaterEqual(encodes, got, name)
                self.assertEqual(len({client.pictures[3].data for client in reader.clients}), 1, name)
                reader.close()
            wait_for(lambda: not any(one["clients"] for one in rest.status(self.url)["cameras"]))
            # The devices stay open for a while, but nothing is encoded of what they give.
            left, jobs = self.numbers(), rest.status(self.url)["threads"]["encode"]
            for name in names:
                script.change(f"cameras/{name}/state", "idle")
            idle = self.numbers()
        for name in names:
            self.assertGreater(idle[name][0], left[name][0] + 10, name)
            self.assertLessEqual(idle[name][1], left[name][1] + 1, name)  # one may have been under way
        self.assertLessEqual(rest.status(self.url)["threads"]["encode"], jobs + len(names))
        self.assertEqual(idle["full"], (0, 0))  # watched by nobody at any time

    def test_the_adjusted_picture_of_a_camera_without_such_controls(self) -> None:
        with MjpegReader(self.url + "cam/clip/stream.mjpg", 2) as reader:
            reader.pictures(1)
            before = colours.brightness(reader.clients[0].pictures[-1].data)
            self.assertIn("values", rest.ask(self.url, {"cameras/clip/brightness": 80}))
            reader.next(lambda picture: colours.brightness(picture.data) > before + 30)
            self.assertIn("values", rest.ask(self.url, {"cameras/clip/brightness": 50}))
            reader.next(lambda picture: abs(colours.brightness(picture.data) - before) < 2)


class ControlTests(SynchronousTestCase):
    """A control acts on the device whatever the stream does; another program reads it there."""

    timeout = 60

    def setUp(self) -> None:
        self.camera = FakeCamera("/dev/video0=yuyv:640x480", shared=True)
        self.daemon = self.camera.daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        wait_for(lambda: rest.camera(self.url)["state"] == "idle")

    def set(self, **values: int) -> None:
        wanted = {f"cameras/cam1/{name}": value for name, value in values.items()}
        self.assertEqual(rest.ask(self.url, wanted)["values"], wanted)
        self.assertLessEqual(values.items(), self.camera.values().items())

    def test_of_an_idle_camera(self) -> None:
        self.assertEqual(rest.camera(self.url)["state"], "idle")
        self.set(brightness=11, contrast=40)
        self.assertEqual(rest.camera(self.url)["frames"], 0)

    def test_of_a_stalled_camera(self) -> None:
        with MjpegReader(self.url + "stream") as reader:
            reader.pictures(2)
            self.camera.fault("stall")
            start = time.monotonic()
            self.set(brightness=22)  # while the capture thread waits for a picture
            self.assertLess(time.monotonic() - start, 2.0)
            reader.until(lambda: rest.camera(self.url)["state"] == "stalled")
            self.set(brightness=33)
            self.camera.fault("")
            reader.until(lambda: rest.camera(self.url)["state"] == "streaming")
        self.assertLessEqual({"brightness": 33}.items(), self.camera.values().items())

    def test_of_a_camera_that_was_away(self) -> None:
        self.set(brightness=44)
        self.assertEqual(self.camera.values(brightness=0)["brightness"], 0)  # it forgets when it loses power
        self.camera.fault("unplug")
        wait_for(lambda: rest.camera(self.url)["state"] == "absent")
        refused = rest.ask(self.url, {"cameras/cam1/brightness": 1})
        self.assertEqual((refused["error"], refused["key"]), ("Device error", "cameras/cam1/brightness"))
        self.camera.fault("")
        wait_for(lambda: rest.camera(self.url)["state"] == "idle")
        self.assertLessEqual({"brightness": 44}.items(), self.camera.values().items())


class FileCameraTests(SynchronousTestCase):
    """A file of whole JPEGs is a camera that gives JPEG."""

    timeout = 60

    def test_frames_are_untouched(self) -> None:
        camera = FakeCamera("/dev/video0")
        clip = camera.folder / "clip.mjpeg"
        clip.write_bytes(b"".join(frames()))
        toml = f'[cameras.cam1]\nsource = "file:{clip}"\n'
        with Daemon(toml, arguments=["--https", "off"], everyone=True) as daemon:
            with MjpegReader(daemon.url + "stream", 2) as reader:
                reader.pictures(25)  # more than there are: once round
                for client in reader.clients:
                    self.assertEqual({picture.data for picture in client.pictures}, set(frames()))
            status = rest.status(daemon.url)
            self.assertEqual((status["camera"]["encodes"], status["threads"]["encode"]), (0, 0))
