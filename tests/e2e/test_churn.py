"""Random things happen to a daemon, one after the other; in the end nothing of them is left."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .fakecam import FakeCamera
from .mjpeg_reader import MjpegReader
from .waiting import wait_for
from .websocket import WebSocket

_CONFIG = """
[cameras.cam1]
source = "v4l2:/dev/video0"
format = "{format}"

[cameras.cam2]
source = "test:"
size = "320x240"
fps = 10
"""
_YARD = """
[cameras.yard]
source = "test:"
size = "320x240"
"""
_FAULTS = ("", "", "", "unplug", "stall", "slow 4", "corrupt 3")
_NONSENSE = (
    "", "{}", "[" * 1000, '{"cameras/cam1/brightness": NaN}', '{"cameras/cam1/size": "0x0"}', '{"x": 1}',
)  # fmt: skip
#: Growth that is no leak: the allocator keeps pictures' worth of memory for each thread of the pools, and has
#: all it wants after about 1000 steps (bytes).
_KEPT = 64_000_000
#: What may be open at a time.
_VIEWERS, _CLIENTS = 12, 12


class ChurnTests(SynchronousTestCase):
    timeout = 900
    seed = 1
    steps = 60

    def setUp(self) -> None:
        self.random = random.Random(self.seed)
        self.camera = FakeCamera("/dev/video0=mjpg:{frames},yuyv:640x480")
        self.toml = _CONFIG.format(format="mjpeg")
        self.daemon = self.camera.daemon(self.toml)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.url = self.daemon.url
        self.viewers: list[MjpegReader] = []
        self.clients: list[WebSocket] = []
        self.known: dict[str, object] = {}
        self.observer = WebSocket(self.url)
        self.addCleanup(self.observer.close)
        self.addCleanup(lambda: [one.close() for one in (*self.viewers, *self.clients)])

    def test_nothing_is_left_of_it(self) -> None:
        actions = (
            self.view, self.view, self.leave, self.look_away, self.look, self.connect, self.vanish,
            self.say_goodbye, self.set, self.set, self.talk_nonsense, self.take_snapshot, self.break_camera,
            self.reload,
        )  # fmt: skip
        self.warm_up()
        descriptors, memory = self.descriptors(), self.memory()
        done: list[str] = []
        try:
            for _ in range(self.steps):
                action = self.random.choice(actions)
                done.append(action.__name__)
                action()
                self.let_time_pass()
            self.clean_up()
            self.wait_for_sleep()
        except BaseException as error:
            error.add_note(f"seed {self.seed}, after {' '.join(done[-20:])}\n{self.daemon.log[-3000:]}")
            raise
        wait_for(lambda: self.descriptors() <= descriptors, what=f"no more than {descriptors} descriptors")
        self.assertLess(self.memory() - memory, _KEPT)
        wait_for(self.knows_all, what="an observer who knows it all")
        for trouble in ("Traceback", "Unhandled"):
            self.assertNotIn(trouble, self.daemon.log)
        self.assertEqual(self.daemon.stop(), -signal.SIGTERM)

    # -- what happens

    def view(self) -> None:
        camera = self.random.choice(("cam1", "cam1", "cam2"))
        quality = self.random.choice(("", "", "?quality=30"))
        if len(self.viewers) < _VIEWERS:
            self.viewers.append(MjpegReader(f"{self.url}cam/{camera}/stream.mjpg{quality}"))

    def leave(self) -> None:
        self.some(self.viewers, lambda viewer: (self.viewers.remove(viewer), viewer.close()))

    def look_away(self) -> None:
        reading = [one for one in self.viewers if one.clients[0].reading]
        self.some(reading, lambda one: one.pause(one.clients[0]))

    def look(self) -> None:
        paused = [one for one in self.viewers if not one.clients[0].reading]
        self.some(paused, lambda one: one.resume(one.clients[0]))

    def connect(self) -> None:
        if len(self.clients) < _CLIENTS:
            buffer = self.random.choice((None, 4096))
            self.clients.append(WebSocket(self.url, receive_buffer=buffer))

    def vanish(self) -> None:
        self.some(self.clients, lambda client: (self.clients.remove(client), client.close()))

    def say_goodbye(self) -> None:
        def leave(client: WebSocket) -> None:
            self.clients.remove(client)
            client.send_frame(8, (1000).to_bytes(2, "big"))
            client.until_closed()
            client.close()

        self.some(self.clients, leave)

    def set(self) -> None:
        name = self.random.choice(("brightness", "contrast", "saturation", "jpeg_quality"))
        message = {f"cameras/{self.random.choice(('cam1', 'cam2'))}/{name}": self.random.randrange(1, 60)}
        if self.clients and self.random.random() < 0.5:
            self.random.choice(self.clients).send(message)
        else:
            rest.ask(self.url, message)

    def talk_nonsense(self) -> None:
        text = self.random.choice(_NONSENSE)
        self.some(self.clients, lambda client: client.send(text))
        self.assertIn("error", rest.fetch(self.url + "api", text.encode()).json)

    def take_snapshot(self) -> None:
        camera = self.random.choice(("cam1", "cam2"))
        answer = rest.fetch(f"{self.url}cam/{camera}/snapshot.jpg")
        self.assertIn(answer.status, (200, 503))
        if answer.headers["Content-Type"] == "image/jpeg":
            self.assertTrue(answer.body.startswith(b"\xff\xd8") and answer.body.endswith(b"\xff\xd9"))

    def break_camera(self) -> None:
        self.camera.fault(self.random.choice(_FAULTS))

    def reload(self) -> None:
        yard = self.random.choice(("", _YARD))
        self.daemon.config.write_text(self.toml + yard)
        os.kill(self.daemon.pid, signal.SIGHUP)
        cameras = 3 if yard else 2
        wait_for(lambda: len(rest.status(self.url)["cameras"]) == cameras, what="the new configuration")

    # -- and between that

    def some(self, these: list, action: Callable) -> None:
        """One of these, if there is one."""
        if these:
            action(self.random.choice(these))

    def let_time_pass(self) -> None:
        """Until the observer has heard what was asked last, and whoever watches has read what is there."""
        self.catch_up()
        for viewer in self.viewers:
            if viewer.clients[0].reading:
                viewer.poll()
                self.assertEqual(viewer.ended, 0)

    def catch_up(self) -> int:
        """Take the observer's changes; the revision up to which it now knows all."""
        answer = self.observer.ask({"get": []})
        while self.observer.changes:
            change = self.observer.changes.popleft()
            self.known[change["state"]] = change["value"]
            if change.get("removed"):
                del self.known[change["state"]]
        return answer["rev"]

    def knows_all(self) -> bool:
        """Whether the changes that the observer has heard add up to what there is."""
        before = self.catch_up()
        now = self.observer.ask({"get": ["*"]})
        if now["rev"] != before:  # something has changed in between
            return False
        return all(now["values"].get(name, ...) == value for name, value in self.known.items())

    def warm_up(self) -> None:
        """Everything that is loaded or drawn for the first time only."""
        self.camera.fault("unplug")
        addresses = "stream?quality=30", "cam/cam2/stream.mjpg"
        with MjpegReader(self.url + addresses[0]) as first, MjpegReader(self.url + addresses[1]) as other:
            first.pictures(1)  # a card
            self.camera.fault("")
            first.pictures(30)
            other.pictures(5)
        self.wait_for_sleep()

    def clean_up(self) -> None:
        self.camera.fault("")
        self.daemon.config.write_text(self.toml)
        os.kill(self.daemon.pid, signal.SIGHUP)
        for one in (*self.viewers, *self.clients):
            one.close()
        self.viewers.clear()
        self.clients.clear()

    def wait_for_sleep(self) -> None:
        def asleep() -> bool:
            status = rest.status(self.url)
            cameras = [(one["id"], one["state"], one["clients"]) for one in status["cameras"]]
            quiet = status["connections"]["websocket"] == 1 and status["queue_depth"] == 0
            return quiet and cameras == [("cam1", "idle", {}), ("cam2", "idle", {})]

        wait_for(asleep, 30, "both cameras idle, and nobody connected")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def memory(self) -> int:
        """Resident bytes of the daemon."""
        return int(Path(f"/proc/{self.daemon.pid}/statm").read_text().split()[1]) * 4096
