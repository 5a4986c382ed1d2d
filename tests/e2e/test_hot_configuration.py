"""The configuration of a camd that runs: changed by API, command and file, and who notices."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from itertools import pairwise
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from .daemon import Daemon
from .mjpeg_reader import MjpegReader
from .waiting import wait_for

FPS = 10
_TWO = f"""
https = "off"

[cameras.one]
source = "test:one"
size = "320x240"
fps = {FPS}

[cameras.two]
source = "test:two"
size = "320x240"
fps = {FPS}
"""
VIEWERS = 10


class HotCase(SynchronousTestCase):
    timeout = 120

    def start(self, toml: str, **options: Any) -> None:
        self.daemon = Daemon(toml, everyone=True, **options)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.store = self.daemon.directory / "data" / "config.toml"

    def ask(self, method: str, path: str, value: Any = None, port: int = 0) -> Any:
        """(status, JSON) of a request."""
        url = f"http://127.0.0.1:{port or self.daemon.port}{path}"
        body = None if value is None else json.dumps(value).encode()
        request = Request(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=20) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def value(self, name: str) -> Any:
        return self.ask("GET", f"/api/state/{name}")[1]["value"]

    def watch(self, camera: str, count: int) -> MjpegReader:
        reader = MjpegReader(f"{self.daemon.url}cam/{camera}/stream.mjpg", count)
        self.addCleanup(reader.close)
        reader.pictures(3)
        return reader

    def cameras(self) -> list[str]:
        return [camera["id"] for camera in self.ask("GET", "/api/cameras")[1]["cameras"]]

    def size_of(self, camera: str) -> str | None:
        return self.ask("GET", f"/api/cameras/{camera}")[1]["resolution"]


class CameraTests(HotCase):
    """One camera changes."""

    def assert_nothing_lost(self, reader: MjpegReader) -> None:
        taken = [[picture.taken for picture in client.pictures] for client in reader.clients]
        begin, end = max(times[0] for times in taken), min(times[-1] for times in taken)
        seen = {tuple(time for time in times if begin <= time <= end) for times in taken}
        self.assertEqual(len(seen), 1, "every viewer has the same pictures")
        (times,) = seen
        gaps = [later - earlier for earlier, later in pairwise(times)]
        missing = sum(round(gap * FPS) - 1 for gap in gaps)
        self.assertLessEqual(missing, self.left_out("two"), f"no picture is missing: {gaps}")
        self.assertEqual(reader.ended, 0)

    def left_out(self, camera: str) -> int:
        """Pictures that never came to be sent, as on a computer that is busy with something else."""
        drops, = (one["drops"] for one in self.ask("GET", "/api/status")[1]["cameras"] if one["id"] == camera)
        return drops["device"] + drops["capture"] + drops["processing"]

    def test_viewers_of_another_lose_nothing(self) -> None:
        self.start(_TWO)
        others, mine = self.watch("two", VIEWERS), self.watch("one", 2)
        for size in ("640x480", "320x240", "800x600"):
            status, answer = self.ask("PATCH", "/api/cameras/one", {"size": size})
            self.assertEqual((status, answer["changed"]), (200, {"cameras.one.size": "restarts camera"}))
            others.until(lambda size=size: self.size_of("one") == size, what=size)
            others.pictures(5)
        mine.pictures(20)  # its own viewers stay, too
        self.assertEqual(mine.ended, 0)
        self.assert_nothing_lost(others)

    def test_another_source_under_the_same_viewers(self) -> None:
        self.start(_TWO)
        others, mine = self.watch("two", 2), self.watch("one", 2)
        self.ask("PATCH", "/api/cameras/one", {"source": "test:another", "name": "Another"})
        wait_for(lambda: self.value("cameras/one/source") == "test:another")
        mine.pictures(20)
        self.assertEqual((self.value("cameras/one/name"), mine.ended), ("Another", 0))
        self.ask("PATCH", "/api/cameras/one", {"enabled": False})
        wait_for(lambda: self.value("cameras/one/state") == "disabled")
        self.ask("PATCH", "/api/cameras/one", {"enabled": True})
        mine.pictures(20)
        self.assertEqual(mine.ended, 0)
        others.pictures(1)
        self.assert_nothing_lost(others)

    def test_come_and_go(self) -> None:
        self.start('https = "off"')
        (first,) = self.cameras()
        status, camera = self.ask("POST", "/api/cameras", {"source": "test:b", "size": "320x240"})
        self.assertEqual((status, camera["id"]), (201, "cam2"))
        self.assertEqual(self.cameras(), [first, "cam2"])
        self.watch("cam2", 1)
        self.assertEqual(list(tomllib.loads(self.store.read_text())["cameras"]), [first, "cam2"])
        self.assertEqual(self.ask("DELETE", "/api/cameras/cam2")[0], 204)
        self.assertEqual(self.cameras(), [first])
        self.assertEqual(self.ask("GET", "/api/cameras/cam2")[0], 404)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.cameras(), [first])
        self.ask("PATCH", f"/api/cameras/{first}", {"source": "file:/gone.mp4"})
        self.assertEqual(self.value(f"cameras/{first}/source"), "file:/gone.mp4")
        self.ask("DELETE", f"/api/cameras/{first}")  # the last one: camd looks for one again
        self.assertNotEqual(self.value(f"cameras/{first}/source"), "file:/gone.mp4")

    def test_looking_into_a_source(self) -> None:
        self.start('https = "off"')
        found = self.ask("POST", "/api/cameras/test", {"source": "test:"})[1]
        self.assertTrue(found["ok"] and found["modes"], found)
        url = "http://eva:Secret-5@127.0.0.1:9/video"
        found = self.ask("POST", "/api/cameras/test", {"source": url})[1]
        self.assertFalse(found["ok"])
        self.assertTrue(found["reason"])
        self.assertNotIn("Secret-5", str(found) + self.daemon.log)


class FileTests(HotCase):
    """A command or an editor writes the files."""

    def test_commands(self) -> None:
        self.start(_TWO)
        reader = self.watch("two", 1)
        config = ("--config", str(self.daemon.config))
        self.daemon.camd("camera", "add", "test:", "--id", "three", *config)
        wait_for(lambda: self.cameras() == ["one", "two", "three"], timeout=3)
        self.daemon.camd("config", "set", "log_level", "debug", *config)
        wait_for(lambda: self.ask("GET", "/api/config/general")[1]["log_level"] == "debug", timeout=3)
        self.daemon.camd("camera", "remove", "three", *config)
        wait_for(lambda: self.cameras() == ["one", "two"], timeout=3)
        reader.pictures(3)
        self.assertEqual(reader.ended, 0)

    def test_the_main_file_and_mistakes_in_it(self) -> None:
        self.start(_TWO)
        self.daemon.config.write_text(_TWO + "\n[websocket]\nmax_client = 0\nping_timeout = 0\n")
        wait_for(lambda: self.daemon.log.count("configuration not taken") == 2)
        self.assertEqual(self.cameras(), ["one", "two"])
        folder = self.daemon.directory / "conf.d"
        folder.mkdir()
        (folder / "more.toml").write_text('[cameras.three]\nsource = "test:"\n')
        self.daemon.config.write_text(_TWO)
        wait_for(lambda: self.cameras() == ["one", "two", "three"])
        (folder / "more.toml").unlink()
        wait_for(lambda: self.cameras() == ["one", "two"])

    def test_invalid_over_the_api(self) -> None:
        self.start(_TWO)
        status, answer = self.ask("PATCH", "/api/config/cameras", {"one": {"fps": 0, "size": "big"}})
        problems = answer["error"]["details"]["problems"]
        self.assertEqual((status, {problem["key"] for problem in problems}),
                         (422, {"cameras.one.fps", "cameras.one.size"}))
        self.assertFalse(self.store.exists())


class ListenerTests(HotCase):
    """The ports move while camd runs."""

    def test_https_moves(self) -> None:
        self.start(_TWO)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        reader = self.watch("two", 2)
        moved = {"https": f"tcp:{port}:interface=127.0.0.1"}
        status, answer = self.ask("PATCH", "/api/config/general", moved)
        self.assertEqual((status, answer), (200, {"changed": {"https": "restarts listener"}, "waiting": []}))
        socket.create_connection(("127.0.0.1", port), 5).close()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            busy = {"https": f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"}
            status, answer = self.ask("PATCH", "/api/config/general", busy)
            self.assertRegex(answer["error"]["message"], r"port \d+ is in use")
            self.assertEqual(status, 409)
        socket.create_connection(("127.0.0.1", port), 5).close()
        self.assertEqual(self.ask("GET", "/api/config/general")[1]["https"], moved["https"])
        self.ask("PATCH", "/api/config/general", {"https": f"tcp:{port}"})  # the same number on all addresses
        socket.create_connection(("127.0.0.1", port), 5).close()
        self.ask("PATCH", "/api/config/general", {"https": "off"})
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)
        reader.pictures(3)
        self.assertEqual(reader.ended, 0)

    def test_what_the_command_line_says_is_fixed(self) -> None:
        self.start(_TWO)
        status, answer = self.ask("PATCH", "/api/config/general", {"http": "off"})
        self.assertEqual((status, answer["error"]["details"]["problems"][0]["where"]), (409, "--http"))
        self.assertTrue(re.search("wins", answer["error"]["message"]))

    def test_what_waits_for_a_restart(self) -> None:
        self.start(_TWO)
        answer = self.ask("PATCH", "/api/config/auth", {"session_idle": 60})[1]
        self.assertEqual(answer, {"changed": {"auth.session_idle": "restarts daemon"},
                                  "waiting": ["auth.session_idle"]})
