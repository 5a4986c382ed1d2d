"""Broadcast: who hears of a change, and what slow clients get."""

import json

from twisted.trial.unittest import SynchronousTestCase

from camd.state import EVERYONE, Permission, Principal, Spec, State
from camd.web.api import Session
from camd.web.broadcast import Broadcast, change_frame
from camd.wire.websocket import text_frame

VIEWER = Principal("viewer", frozenset({Permission.Device_r}))


class FakeClient:
    def __init__(self, by=EVERYONE, patterns=None):
        self.session = Session(by, True, patterns)
        self.writes = []
        self.held = {}
        self.write = self.writes.append

    def hold(self, name, frame):
        self.held[name] = frame

    @property
    def names(self):
        return [json.loads(frame[2:])["state"] for frame in self.writes]


class BroadcastTests(SynchronousTestCase):
    def setUp(self):
        self.state = State()
        self.light = self.state.declare(Spec("cam/light", bool, default=False, read="Device_r"))
        self.secret = self.state.declare(Spec("system/secret", int, default=0, read="User_r"))
        self.broadcast = Broadcast(self.state)

    def join(self, *args, **kwargs):
        client = FakeClient(*args, **kwargs)
        self.broadcast.join(client)
        return client

    def test_everybody_gets_the_same_bytes(self):
        first, second = self.join(), self.join()
        self.light.publish(True)
        expected = {"state": "cam/light", "value": True, "rev": self.state.rev}
        self.assertEqual(json.loads(first.writes[0][2:]), expected)
        self.assertIs(first.writes[0], second.writes[0])

    def test_only_who_may_and_wants(self):
        viewer, chooser = self.join(VIEWER), self.join(patterns=("system/*",))
        self.light.publish(True)
        self.secret.publish(1)
        self.assertEqual((viewer.names, chooser.names), (["cam/light"], ["system/secret"]))

    def test_a_client_that_does_not_read_gets_the_newest(self):
        slow, fast = self.join(), self.join()
        slow.write = None
        for value in range(1, 4):
            self.secret.publish(value)
        self.light.publish(True)
        self.assertEqual(set(slow.held), {"system/secret", "cam/light"})
        self.assertEqual(slow.held["system/secret"], change_frame(self.secret))
        self.assertEqual(len(fast.writes), 4)

    def test_a_batch_is_one_write_of_single_messages(self):
        client, viewer = self.join(), self.join(VIEWER)
        slow = self.join()
        slow.write = None
        with self.state.batch():
            self.light.publish(True)
            self.secret.publish(5)
            self.assertEqual(client.writes, [])
        self.assertEqual(client.writes, [change_frame(self.light) + change_frame(self.secret)])
        self.assertEqual(viewer.names, ["cam/light"])
        self.assertEqual(len(slow.held), 2)

    def test_an_empty_batch_writes_nothing(self):
        client = self.join()
        with self.state.batch():
            pass
        self.assertEqual(client.writes, [])

    def test_removal_is_told(self):
        client = self.join()
        self.state.remove("cam/light")
        message = json.loads(client.writes[0][2:])
        self.assertEqual((message["value"], message["removed"]), (None, True))

    def test_who_left_hears_nothing(self):
        client = self.join()
        self.broadcast.leave(client)
        self.broadcast.leave(client)
        self.light.publish(True)
        self.assertEqual(client.writes, [])

    def test_a_changed_session_changes_the_audience(self):
        client = self.join()
        self.broadcast.leave(client)
        client.session.patterns = ("system/*",)
        self.broadcast.join(client)
        self.light.publish(True)
        self.assertEqual(client.writes, [])


class TextFrameTests(SynchronousTestCase):
    def test_the_three_lengths(self):
        for length, head in ((0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"),
                             (65535, b"\x81\x7e\xff\xff"), (65536, b"\x81\x7f" + (65536).to_bytes(8, "big"))):
            self.assertEqual(text_frame(b"x" * length), head + b"x" * length)
