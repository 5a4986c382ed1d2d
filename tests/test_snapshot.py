"""A snapshot: what is there, what comes, how fresh it must be, and when nobody waits any more."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Gone
from camd.media import Encoding, Packet, Stream, snapshot
from camd.media.snapshot import MAX_AGE, PATIENCE

JPEG = Encoding("mjpeg")


class Camera:
    """Pictures by hand."""

    id = "front"

    def __init__(self) -> None:
        self.pictures = Stream()
        self.last: Packet | None = None

    def stream(self, encoding: Encoding) -> Stream:
        return self.pictures

    def newest(self, encoding: Encoding) -> Packet | None:
        return self.last


class SnapshotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.camera = Camera()

    def packet(self, age: float, card: bool = False) -> Packet:
        return Packet(b"jpeg", "mjpeg", 0, 0, self.clock.seconds() - age, card=card)

    def ask(self, max_age: float | None = None) -> Any:
        return snapshot(self.camera, JPEG, self.clock, max_age)

    def nothing_is_left(self) -> None:
        self.assertEqual((self.camera.pictures.subscriptions, self.clock.getDelayedCalls()), ((), []))

    def test_what_is_there(self) -> None:
        self.camera.last = self.packet(MAX_AGE)
        self.assertIs(self.ask(), self.camera.last)
        self.camera.last = self.packet(30)
        self.assertIs(self.ask(max_age=30), self.camera.last)
        self.nothing_is_left()

    def test_what_comes(self) -> None:
        for last in (None, self.packet(MAX_AGE + 0.1), self.packet(0, card=True)):
            self.camera.last = last
            found = self.ask()
            self.assertIsInstance(found, Deferred)
            self.assertEqual([one.kind for one in self.camera.pictures.subscriptions], ["snapshot"])
            packet = self.packet(0)
            self.camera.pictures.publish(packet)
            self.assertIs(self.successResultOf(found), packet)
            self.nothing_is_left()

    def test_the_age_counts_from_the_moment_of_asking(self) -> None:
        found = self.ask(max_age=0)
        self.camera.pictures.publish(self.packet(0.1))
        self.assertNoResult(found)
        packet = self.packet(0)
        self.clock.advance(0.05)  # it took a while to be encoded
        self.camera.pictures.publish(packet)
        self.assertIs(self.successResultOf(found), packet)

    def test_a_card_is_better_than_nothing(self) -> None:
        found = self.ask(max_age=0)
        card = self.packet(9, card=True)
        self.camera.pictures.publish(card)
        self.assertIs(self.successResultOf(found), card)

    def test_no_picture(self) -> None:
        found = self.ask()
        self.clock.advance(PATIENCE)
        self.assertEqual(str(self.failureResultOf(found, Gone).value), "No picture within 5 s")
        found = self.ask()
        self.camera.pictures.end()
        self.assertEqual(str(self.failureResultOf(found, Gone).value), "The camera front is gone")
        self.nothing_is_left()

    def test_nobody_waits_any_more(self) -> None:
        found = self.ask()
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.nothing_is_left()

    def test_a_picture_that_comes_at_once(self) -> None:
        packet = self.packet(0)
        self.camera.pictures = Stream(on_start=lambda: self.camera.pictures.publish(packet))
        self.assertIs(self.successResultOf(self.ask()), packet)
        self.nothing_is_left()
