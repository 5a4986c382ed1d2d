"""Policies and pace: what is dropped when there are too many items, or more than are wanted."""

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from camd.media import Gop, Stream
from camd.media.pace import Pace
from camd.media.policy import HISTORY_ITEMS, History


@dataclass(frozen=True)
class Item:
    number: int
    keyframe: bool = False
    pts: float = 0.0


def video(*numbers, every=10):
    """Items of a video with a key frame at each multiple of `every`."""
    return [Item(number, number % every == 0, number / 30) for number in numbers]


class VideoStream(Stream):
    """A stream of coded video whose encoder can be asked for key frames."""

    def __init__(self, on_demand=False):
        super().__init__()
        self.history = History()
        self.on_demand = on_demand
        self.asked = 0

    def request_keyframe(self):
        self.asked += 1
        return self.on_demand


class GopTests(SynchronousTestCase):
    def setUp(self):
        self.stream = VideoStream()
        self.got = []

    def watch(self, limit=5):
        return self.stream.subscribe(lambda item: self.got.append(item.number), Gop(limit))

    def publish(self, *numbers):
        for item in video(*numbers):
            self.stream.publish(item)

    def test_the_first_item_is_a_key_frame(self):
        subscription = self.watch()
        self.publish(8, 9, 10, 11)
        self.assertEqual((self.got, subscription.drops), ([10, 11], 2))

    def test_a_newcomer_gets_the_group_that_is_under_way(self):
        self.publish(8, 9, 10, 11, 12)
        self.watch()
        self.assertEqual(self.got, [])  # not before the caller has the Subscription in hand
        self.publish(13)
        self.assertEqual(self.got, [10, 11, 12, 13])

    def test_a_newcomer_waits_for_the_key_frame_that_is_made_for_it(self):
        self.stream.on_demand = True
        self.publish(10, 11)
        self.watch()
        self.assertEqual(self.stream.asked, 1)
        self.publish(12, 20, 21)
        self.assertEqual(self.got, [20, 21])

    def test_a_short_pause_loses_nothing(self):
        subscription = self.watch()
        self.publish(10)
        subscription.pauseProducing()
        self.publish(11, 12, 13)
        subscription.resumeProducing()
        self.publish(14)
        self.assertEqual((self.got, subscription.drops), ([10, 11, 12, 13, 14], 0))

    def test_after_an_overflow_it_goes_on_at_a_key_frame_and_asks_for_one(self):
        subscription = self.watch(limit=3)
        self.publish(10)
        subscription.pauseProducing()
        self.publish(11, 12, 13, 14, 15)
        asked = self.stream.asked
        subscription.resumeProducing()
        self.assertEqual(self.stream.asked, asked + 1)
        self.publish(16, 20, 21)
        self.assertEqual(self.got, [10, 20, 21])
        self.assertEqual(subscription.drops, 6)

    def test_a_key_frame_within_the_pause_is_where_it_goes_on(self):
        subscription = self.watch(limit=3)
        self.publish(10)
        subscription.pauseProducing()
        self.publish(16, 17, 18, 19, 20, 21)
        subscription.resumeProducing()
        self.assertEqual((self.got, subscription.drops), ([10, 20, 21], 4))

    def test_a_pause_while_catching_up(self):
        self.publish(10, 11, 12)

        def deliver(item):
            self.got.append(item.number)
            subscription.pauseProducing()

        subscription = self.stream.subscribe(deliver, Gop())
        self.publish(13)
        subscription.resumeProducing()
        self.assertEqual(self.got, [10, 11])

    def test_derived_streams_keep_the_group_too(self):
        stage = self.stream.derive(lambda item: item)
        first = stage.subscribe(lambda item: None, Gop())
        self.publish(10, 11)
        stage.subscribe(lambda item: self.got.append(item.number), Gop())
        self.publish(12)
        self.assertEqual(self.got, [10, 11, 12])
        first.close()


class HistoryTests(SynchronousTestCase):
    def test_it_begins_with_the_newest_key_frame(self):
        history = History()
        for item in video(8, 9, 10, 11, 20, 21):
            history.add(item)
        self.assertEqual([item.number for item in history], [20, 21])

    def test_a_group_too_large_is_not_kept(self):
        history = History()
        for item in video(*range(HISTORY_ITEMS + 5), every=10_000):
            history.add(item)
        self.assertEqual(len(history), 0)


class PaceTests(SynchronousTestCase):
    def taken(self, wanted, rate, seconds=10, jitter=0.0):
        pace = Pace(wanted)
        shifts = (0.0, jitter, -jitter)
        times = [number / rate + shifts[number % 3] for number in range(int(rate * seconds))]
        return [pts for pts in times if pace.takes(pts)]

    def test_rates(self):
        for rate, wanted in ((30, 30), (30, 15), (30, 20), (30, 10), (25, 15), (60, 7), (30, 0.5), (5, 30)):
            expected = 10 * min(rate, wanted)
            self.assertAlmostEqual(len(self.taken(wanted, rate)), expected, delta=1, msg=(rate, wanted))

    def test_uneven_times_lose_nothing(self):
        self.assertEqual(len(self.taken(30, 30, jitter=0.004)), 300)
        self.assertEqual(len(self.taken(15, 30, jitter=0.004)), 150)

    def test_a_clock_that_jumps(self):
        pace = Pace(10)
        self.assertEqual([pace.takes(pts) for pts in (100.0, 100.05, 3.0, 3.05, 500.0)], [True, False, True, False, True])

    def test_demand_for_a_rate_climbs(self):
        stream, got = Stream(), []
        stage = stream.derive(lambda item: got.append(item.number) or item)
        slow = stage.subscribe(lambda item: None, fps=10)
        for item in video(*range(30)):
            stream.publish(item)
        self.assertEqual(len(got), 10)
        stage.subscribe(lambda item: None)
        for item in video(*range(30, 60)):
            stream.publish(item)
        self.assertEqual((len(got), slow.delivered, slow.drops), (40, 20, 0))
