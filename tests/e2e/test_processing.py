"""Processing on a real camd: what every output shows, compared with pictures computed here."""

from __future__ import annotations


import subprocess
from pathlib import Path

import av
import cv2
import numpy
from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .daemon import Daemon
from .mjpeg_reader import MjpegReader
from .waiting import wait_for

WIDTH, HEIGHT = 640, 480
#: A corner of the picture: x, y, width, height as shares. Nothing of it may be seen when it is masked.
SECRET = (0.5, 0.25, 0.25, 0.25)
BLACK = 24  #: the highest level that coding may leave of black


def scenery() -> numpy.ndarray:
    coarse = numpy.random.default_rng(7).uniform(60, 220, (6, 8, 3)).astype(numpy.float32)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(numpy.uint8)


def decoded(jpeg: bytes) -> numpy.ndarray:
    return cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR)


def difference(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return float(numpy.abs(one.astype(int) - other.astype(int)).mean())


def part(image: numpy.ndarray, x: float, y: float, width: float, height: float) -> numpy.ndarray:
    rows, columns = image.shape[:2]
    return image[round(y * rows):round((y + height) * rows), round(x * columns):round((x + width) * columns)]


class ProcessingTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        _done, data = cv2.imencode(".jpg", scenery(), [cv2.IMWRITE_JPEG_QUALITY, 95])
        self.jpeg = data.tobytes()
        self.image = decoded(self.jpeg)
        film = Path(self.mktemp()).absolute()
        film.with_suffix(".jpg").write_bytes(self.jpeg)
        command = ["ffmpeg", "-v", "error", "-loop", "1", "-framerate", "30", "-i", str(film.with_suffix(".jpg"))]
        subprocess.run([*command, "-t", "2", "-c", "copy", str(film.with_suffix(".mkv"))], check=True)
        self.daemon = Daemon(f'[cameras.cam1]\nsource = "file:{film.with_suffix(".mkv")}"\n', everyone=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        self.set(jpeg_quality=95)

    def set(self, **values: object) -> None:
        names = {f"cameras/cam1/{name.replace('__', '/')}": value for name, value in values.items()}
        answer = rest.ask(self.url, names)
        self.assertEqual(set(answer.get("values", ())), set(names), answer)

    def value(self, name: str) -> object:
        return rest.ask(self.url, {"get": [f"cameras/cam1/{name}"]})["values"][f"cameras/cam1/{name}"]

    def snapshot(self, query: str = "max_age=0") -> numpy.ndarray:
        answer = rest.fetch(f"{self.url}cam/cam1/snapshot.jpg?{query}")
        self.assertEqual(answer.status, 200)
        return decoded(answer.body)

    def assert_looks_like(self, expected: numpy.ndarray, most: float = 3.0) -> None:
        shown = self.snapshot()
        self.assertEqual(shown.shape, expected.shape)
        self.assertLess(difference(shown, expected), most)

    def test_each_step_and_back_to_the_bytes_of_the_camera(self) -> None:
        self.assert_looks_like(self.image, 0.01)
        self.set(rotate=90)
        self.assert_looks_like(numpy.rot90(self.image, -1))
        self.set(flip="horizontal")
        self.assert_looks_like(numpy.rot90(self.image, -1)[:, ::-1])
        self.set(rotate=0, flip="vertical")
        self.assert_looks_like(self.image[::-1])
        self.set(flip="none", crop=[0.25, 0.5, 0.5, 0.25])
        self.assert_looks_like(part(self.image, 0.25, 0.5, 0.5, 0.25))
        self.set(crop=[0, 0, 1, 1], ptz__zoom=2.0)
        wait_for(lambda: not self.value("ptz/moving"), what="zoomed")
        y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
        nearest = self.image[HEIGHT // 4 + y // 2, WIDTH // 4 + x // 2]
        self.assert_looks_like(nearest, 4.0)
        self.set(ptz__zoom=1.0)
        wait_for(lambda: self.value("outputs")["mjpeg"] == "pass-through", what="zoomed back")
        self.set(overlay__text="\N{FULL BLOCK}" * 3)
        written = self.snapshot()
        self.assertGreater(difference(written[:HEIGHT // 4, :WIDTH // 2], self.image[:HEIGHT // 4, :WIDTH // 2]), 2)
        self.assertLess(difference(written[HEIGHT // 2:], self.image[HEIGHT // 2:]), 3)
        self.set(overlay__text="")
        self.assertEqual(self.value("outputs")["mjpeg"], "pass-through")
        self.assertEqual(rest.fetch(f"{self.url}cam/cam1/snapshot.jpg?max_age=0").body, self.jpeg)

    def test_what_is_masked_is_absent_from_every_output(self) -> None:
        x, y, width, height = SECRET
        corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
        with MjpegReader(self.url + "cam/cam1/stream.mjpg") as reader:
            (client,) = reader.clients
            reader.until(lambda: len(client.pictures) > 3, 10)
            self.set(masks=[corners])
            seen = len(client.pictures)
            reader.until(lambda: len(client.pictures) > seen + 5, 10)
            late = [decoded(picture.data) for picture in client.pictures[-4:]]
        self.assertEqual(self.value("outputs")["mjpeg"], "encoding, because masked")
        for name, image in (
            *((f"MJPEG {number}", picture) for number, picture in enumerate(late)),
            ("snapshot", self.snapshot()),
            ("old snapshot", self.snapshot("max_age=60")),
            ("sub", self.snapshot("max_age=0&rendition=sub")),
            ("MP4", self.video("cam/cam1/stream.mp4")),
            ("MP4 of sub", self.video("cam/cam1/stream.mp4?rendition=sub")),
            ("product", decoded(rest.fetch(self.url + "camera.jpeg").body)),
        ):
            self.assertLess(int(part(image, *SECRET).max()), BLACK, name)
            self.assertGreater(float(part(image, 0.1, 0.1, 0.3, 0.3).mean()), 60, name)
            self.assertEqual(image.shape[:2], (360, 480) if "sub" in name else (HEIGHT, WIDTH), name)
        self.set(rotate=180)
        turned = 1 - x - width, 1 - y - height, width, height
        self.assertGreater(float(part(self.snapshot(), *turned).mean()), 60)  # masks are in the picture as it is shown
        self.assertLess(int(part(self.snapshot(), *SECRET).max()), BLACK)
        self.set(rotate=0, masks=[])
        self.assertEqual(rest.fetch(f"{self.url}cam/cam1/snapshot.jpg?max_age=0").body, self.jpeg)

    def video(self, path: str) -> numpy.ndarray:
        """The third picture of a video."""
        with av.open(self.url + path, options={"rw_timeout": "10000000"}) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number == 2:
                    return frame.to_ndarray(format="bgr24")
        self.fail("no picture")
