"""The state as clients see it: each change at once, none by nonsense, and nobody harmed by the lazy."""

from __future__ import annotations

import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from . import colours, rest
from .daemon import ROOT, Daemon
from .fakecam import FakeCamera
from .mjpeg_reader import MjpegReader
from .waiting import wait_for
from .websocket import BINARY, TEXT, Refused, WebSocket

PROBE = ROOT / "tests/fixtures/camd_probe"
_PAINTED = """
[cameras.cam1]
source = "test:"
size = "320x240"
fps = 5
"""
_BRIGHTNESS = "cameras/cam1/brightness"
_DEEP = '{"probe/number": ' + "[" * 40 + "]" * 40 + "}"
#: What is refused, with the name and a part of the reason in the answer.
_REFUSED = (
    ('{"probe/text": "' + "x" * 65536 + '"}', "", "longer than 65536 bytes"),
    (_DEEP, "", "nested deeper"),
    ("[" * 30000, "", "nested deeper"),
    ('{"probe/number": NaN}', "", "NaN is not JSON"),
    ('{"probe/number": -Infinity}', "", "is not JSON"),
    ('{"probe/number": 1, "probe/number": 2}', "", "duplicate key"),
    ('{"probe/number": ' + "9" * 500 + "}", "", "a number has more than"),
    ('{"probe/number": "\\ud800"}', "", "surrogate"),
    ('{"probe/number": 1', "", "not JSON"),
    ("hello", "", "not JSON"),
    ("[]", "", "a message is a JSON object"),
    ("7", "", "a message is a JSON object"),
    ("{}", "", "empty"),
    ('{"probe/number": "7"}', "probe/number", "must be of type int"),
    ('{"probe/number": 7.5}', "probe/number", "must be of type int"),
    ('{"probe/number": true}', "probe/number", "must be of type int"),
    ('{"probe/number": null}', "probe/number", "must be of type int"),
    ('{"probe/text": ["a"]}', "probe/text", "must be of type str"),
    ('{"cameras/cam1/brightness": 101}', _BRIGHTNESS, "between 0 and 100"),
    ('{"cameras/cam1/size": "1x1"}', "cameras/cam1/size", "must be one of"),
    ('{"probe/nothing": 1}', "probe/nothing", "no such state"),
    ('{"cameras/front/brightness": 1}', "cameras/front/brightness", "no such state"),
    ('{"probe/number": 1, "cameras/cam1/brightness": -1}', _BRIGHTNESS, "between 0 and 100"),
    ('{"probe/number": 1, "get": ["*"]}', "probe/number", "does not belong"),
    ('{"number": 1}', "number", "no state name and no request"),
    ('{"call": "no.such", "args": {}}', "call", "no such method"),
    ('{"get": "probe/number"}', "get", "list of names"),
    ('{"since": "yesterday"}', "since", "revision"),
)


def with_probe(toml: str = _PAINTED, **environment: str) -> Daemon:
    """A camd with the plugin of the fixtures."""
    return Daemon(toml, arguments=["--https", "off"], everyone=True,
                  environment={"PYTHONPATH": f"{PROBE}:{ROOT}", **environment})


class ApiTestCase(SynchronousTestCase):
    timeout = 120
    toml = _PAINTED

    def setUp(self) -> None:
        self.daemon = with_probe(self.toml)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url

    def connect(self, **options: Any) -> WebSocket:
        client = WebSocket(self.url, **options)
        self.addCleanup(client.close)
        return client

    def settings(self) -> Any:
        """All that a client could have changed."""
        return rest.ask(self.url, {"get": ["probe/*", _BRIGHTNESS, "cameras/cam1/size"]})["values"]

    def memory(self) -> int:
        """Resident bytes of the daemon."""
        return int(Path(f"/proc/{self.daemon.pid}/statm").read_text().split()[1]) * 4096


class RefusalTests(ApiTestCase):
    def check(self, answer: dict[str, Any], text: str, key: str, reason: str) -> None:
        self.assertEqual((answer["error"], answer["key"]), ("Invalid value", key), text[:80])
        self.assertIn(reason, answer["message"], text[:80])

    def test_over_the_websocket(self) -> None:
        before, client, other = self.settings(), self.connect(), self.connect()
        for text, key, reason in _REFUSED:
            self.check(client.ask(text), text, key, reason)
        client.send_frame(BINARY, b'{"probe/number": 5}')
        self.check(client.answer(), "binary", "", "not binary")
        client.send_frame(TEXT, b'{"probe/number": 1, "id": "\xed\xa0\x80"}')  # a surrogate as UTF-8
        self.assertEqual(client.until_closed(), 1007)  # RFC 6455 8.1 leaves no choice here
        self.assertEqual(self.settings(), before)
        self.assertEqual(other.ask({"probe/number": 8})["values"], {"probe/number": 8})
        self.assertEqual([m["value"] for m in other.changes if m["state"].startswith("probe/")], [8])

    def test_over_http(self) -> None:
        before = self.settings()
        for text, key, reason in _REFUSED:
            answer = rest.fetch(self.url + "api", text.encode())
            if len(text) > 65536:
                self.assertEqual((answer.status, answer.json["error"]["code"]), (413, "REQUEST_TOO_LARGE"))
                continue
            self.assertIn(answer.status, (200, 400), text[:80])
            self.check(answer.json, text, key, reason)
        self.assertIn("error", rest.ask(self.url, {"subscribe": ["*"]}))
        self.assertEqual(self.settings(), before)
        self.assertEqual(rest.ask(self.url, {"probe/number": 8})["values"], {"probe/number": 8})

    def test_a_message_beyond_all_measure_ends_the_connection(self) -> None:
        client = self.connect()
        client.send("x" * (1024 * 1024 + 1))
        self.assertEqual(client.until_closed(), 1009)
        self.assertEqual(self.connect().ask({"get": ["probe/number"]})["values"], {"probe/number": 0})


class ManyClientsTests(ApiTestCase):
    def test_the_51st_is_refused_until_one_leaves(self) -> None:
        clients = [self.connect() for _ in range(50)]
        with self.assertRaises(Refused) as caught:
            self.connect()
        refused = caught.exception
        self.assertEqual((refused.status, refused.body), ("503 Server busy", b"Server busy"))
        self.assertEqual(rest.status(self.url)["connections"], {"websocket": 50, "refused": 1})
        self.assertEqual(rest.ask(self.url, {"probe/number": 1})["values"], {"probe/number": 1})
        for client in clients:
            self.assertEqual(client.change("probe/number")["value"], 1)
        clients[7].close()
        wait_for(lambda: rest.status(self.url)["connections"]["websocket"] == 49)
        late = self.connect()
        rest.ask(self.url, {"probe/number": 2})
        self.assertEqual(late.change("probe/number")["value"], 2)

    def test_a_flood_of_questions_delays_nobody_and_costs_no_memory(self) -> None:
        before = self.memory()
        flood = self.connect(receive_buffer=4096)  # it asks, and asks, and reads no answer
        done = threading.Event()
        question = flood.frame(TEXT, b'{"schema": true}') * 1000

        def ask() -> None:
            while not done.is_set():
                try:
                    flood.send_bytes(question)
                except OSError:
                    return

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            longest = 0.0
            for value in range(100):
                start = time.monotonic()
                rest.ask(self.url, {"probe/number": value})
                longest = max(longest, time.monotonic() - start)
        finally:
            done.set()
            flood.shut_down()
            asking.join()
        self.assertLess(longest, 0.3)
        self.assertLess(self.memory() - before, 4 * 1024 * 1024)

    def test_questions_that_came_together_are_all_answered_in_order(self) -> None:
        client = self.connect()
        count = 500
        questions = [json.dumps({"get": ["probe/number"], "id": number}) for number in range(count)]
        client.send_bytes(b"".join(client.frame(TEXT, question.encode()) for question in questions))
        self.assertEqual([client.answer()["id"] for _ in range(count)], list(range(count)))


class LazyClientTests(ApiTestCase):
    """A client that stays connected and reads nothing."""

    toml = _PAINTED + "[websocket]\nping_interval = 0\n"
    sets = 1500  #: changes of a text while it sleeps
    pause = 0.0  #: seconds between them

    def test_gets_the_newest_of_each_name_when_it_returns(self) -> None:
        lazy, witness, script = self.connect(receive_buffer=4096), self.connect(), self.connect()
        text = "x" * 4000
        delays = []
        before = 0
        for number in range(1, self.sets + 1):
            if number == self.sets // 10:
                before = self.memory()
            start = time.monotonic()
            script.send({"probe/text": f"{number} {text}", "probe/number": number})
            witness.change("probe/number", number)
            delays.append(time.monotonic() - start)
            script.answer()
            script.changes.clear()
            witness.changes.clear()
            time.sleep(self.pause)
        self.assertLess(self.memory() - before, 5_000_000)
        self.assertLess(statistics.median(delays), 0.05)
        self.assertLess(sorted(delays)[len(delays) * 99 // 100], 0.25)
        waiting = rest.status(self.url)["queue_depth"]
        self.assertGreaterEqual(waiting, 2)
        self.assertLess(waiting, len(rest.fetch(self.url + "api/schema").json["schema"]))
        self.returns(lazy)

    def returns(self, lazy: WebSocket) -> None:
        revisions, numbers = [], []
        while not numbers or numbers[-1] != self.sets:
            message = lazy.receive()
            self.assertIsNotNone(message)
            revisions.append(message["rev"])
            if message["state"] == "probe/number":
                numbers.append(message["value"])
        self.assertEqual(revisions, sorted(set(revisions)))
        self.assertLess(len(numbers), self.sets)  # some were replaced by newer ones
        self.assertEqual(rest.status(self.url)["queue_depth"], 0)
        rest.ask(self.url, {"probe/number": -1})
        self.assertEqual(lazy.change("probe/number", -1)["value"], -1)  # and it takes part again


class CameraStateTests(SynchronousTestCase):
    """Two pages and a script at one YUYV camera."""

    timeout = 60

    def setUp(self) -> None:
        self.camera = FakeCamera("/dev/video0=yuyv:640x480")
        self.daemon = self.camera.daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        wait_for(lambda: rest.camera(self.url)["state"] == "idle")

    def brightness(self) -> float:
        """Of the picture as it is now, 0..255."""
        return colours.brightness(rest.fetch(self.url + "snapshot?max_age=0.1").body)

    def test_a_change_by_one_is_seen_by_all_and_in_the_picture(self) -> None:
        stream = self.url + "stream"
        with WebSocket(self.url) as one, WebSocket(self.url) as other, MjpegReader(stream) as reader:
            reader.pictures(2)
            before = colours.brightness(reader.clients[0].pictures[-1].data)
            answer = one.ask({_BRIGHTNESS: 40, "id": "slider"})
            self.assertEqual((answer["values"], answer["id"]), ({_BRIGHTNESS: 40}, "slider"))
            seen = [client.change(_BRIGHTNESS) for client in (one, other)]
            self.assertEqual(seen[0], seen[1])
            self.assertEqual((seen[0]["value"], seen[0]["rev"] <= answer["rev"]), (40, True))
            self.assertEqual(rest.ask(self.url, {"get": [_BRIGHTNESS]})["values"], {_BRIGHTNESS: 40})
            reader.next(lambda picture: colours.brightness(picture.data) > before + 25)
            self.assertEqual(rest.ask(self.url, {_BRIGHTNESS: -40})["values"], {_BRIGHTNESS: -40})
            self.assertEqual([client.change(_BRIGHTNESS)["value"] for client in (one, other)], [-40, -40])
            reader.next(lambda picture: colours.brightness(picture.data) < before - 25)
            delays = []
            for value in range(21):
                start = time.monotonic()
                one.send({_BRIGHTNESS: value})
                other.change(_BRIGHTNESS, value)
                delays.append(time.monotonic() - start)
            self.assertLess(statistics.median(delays), 0.05)

    def test_a_restart_keeps_the_value(self) -> None:
        before = self.brightness()
        rest.ask(self.url, {_BRIGHTNESS: 50, "cameras/cam1/jpeg_quality": 60})
        wait_for(lambda: self.brightness() > before + 30)
        boot = rest.ask(self.url, {"get": []})
        self.daemon.stop()
        self.daemon.start()
        wait_for(lambda: rest.camera(self.url)["state"] == "idle")
        answer = rest.ask(self.url, {"get": [_BRIGHTNESS, "cameras/cam1/jpeg_quality"]})
        self.assertEqual(answer["values"], {_BRIGHTNESS: 50, "cameras/cam1/jpeg_quality": 60})
        wait_for(lambda: self.brightness() > before + 30)
        since = rest.ask(self.url, {"since": boot["rev"], "boot": boot["boot"]})
        self.assertIn("system/version", since["values"])  # another run: everything

    def test_a_client_that_was_away_catches_up(self) -> None:
        with WebSocket(self.url) as client:
            known = client.ask({"get": ["*"]})
        rest.ask(self.url, {_BRIGHTNESS: 9})
        with WebSocket(self.url) as client:
            news = client.ask({"since": known["rev"], "boot": known["boot"]})
            self.assertEqual(news["values"][_BRIGHTNESS], 9)
            self.assertNotIn("cameras/cam1/contrast", news["values"])
