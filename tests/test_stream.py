"""Stream, Subscription, Stage: demand, the newest picture for slow ones, one job in flight."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.media import Stage, Stream


class StreamTests(SynchronousTestCase):
    def setUp(self):
        self.demand = []
        self.stream = Stream(lambda: self.demand.append("start"), lambda: self.demand.append("stop"))

    def test_demand_follows_the_subscribers(self):
        first = self.stream.subscribe(lambda item: None)
        second = self.stream.subscribe(lambda item: None)
        first.close()
        first.close()
        self.assertEqual(self.demand, ["start"])
        second.stopProducing()
        self.assertEqual(self.demand, ["start", "stop"])
        self.assertIsNone(self.stream.last)

    def test_a_paused_one_gets_the_newest_and_delays_nobody(self):
        fast, slow = [], []
        self.stream.subscribe(fast.append)
        subscription = self.stream.subscribe(slow.append)
        subscription.pauseProducing()
        for item in range(5):
            self.stream.publish(item)
        self.assertEqual((fast, slow), ([0, 1, 2, 3, 4], []))
        subscription.resumeProducing()
        self.stream.publish(5)
        self.assertEqual(slow, [4, 5])
        self.assertEqual((subscription.drops, self.stream.drops), (4, 4))
        subscription.close()
        self.assertEqual(self.stream.drops, 4)

    def test_pause_within_a_delivery(self):
        got = []

        def deliver(item):
            got.append(item)
            subscription.pauseProducing()

        subscription = self.stream.subscribe(deliver)
        for item in range(3):
            self.stream.publish(item)
        subscription.resumeProducing()
        self.assertEqual(got, [0, 2])

    def test_a_failing_consumer_is_dropped_alone(self):
        got = []
        self.stream.subscribe(lambda item: 1 / 0)
        self.stream.subscribe(got.append)
        self.stream.publish(1)
        self.stream.publish(2)
        self.assertEqual(got, [1, 2])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_leaving_while_published_to(self):
        got = []
        other = self.stream.subscribe(lambda item: subscription.close())
        subscription = self.stream.subscribe(got.append)
        self.stream.publish(1)
        self.stream.publish(2)
        self.assertEqual(got, [])
        other.close()

    def test_the_end_is_told_through_stages(self):
        ended = []
        stage = self.stream.derive(str)
        stage.subscribe(lambda item: None, on_end=lambda: ended.append("stage"))
        self.stream.subscribe(lambda item: None, on_end=lambda: ended.append("stream"))
        self.stream.end()
        self.assertEqual(sorted(ended), ["stage", "stream"])
        self.assertEqual(self.demand, ["start", "stop"])


class StageTests(SynchronousTestCase):
    def setUp(self):
        self.stream = Stream()
        self.jobs = []
        self.got = []

    def work(self, item):
        self.jobs.append((item, Deferred()))
        return self.jobs[-1][1]

    def test_nothing_runs_without_a_subscriber(self):
        stage = Stage(self.stream, self.work)
        self.stream.publish(1)
        self.assertEqual((self.jobs, self.stream.running, stage.running), ([], False, False))

    def test_work_is_done_once_for_all(self):
        stage = Stage(self.stream, lambda item: self.jobs.append(item) or item * 10)
        for _ in range(3):
            stage.subscribe(self.got.append)
        self.stream.publish(1)
        self.assertEqual((self.jobs, self.got), ([1], [10, 10, 10]))

    def test_one_job_in_flight_and_the_newest_next(self):
        stage = Stage(self.stream, self.work)
        stage.subscribe(self.got.append)
        for item in range(4):
            self.stream.publish(item)
        self.assertEqual([item for item, _ in self.jobs], [0])
        self.jobs[0][1].callback("a")
        self.assertEqual([item for item, _ in self.jobs], [0, 3])
        self.jobs[1][1].callback("b")
        self.assertEqual((self.got, stage.skipped), (["a", "b"], 2))

    def test_a_failure_drops_one_picture(self):
        stage = Stage(self.stream, self.work)
        stage.subscribe(self.got.append)
        self.stream.publish(1)
        self.jobs[0][1].errback(ValueError("corrupt"))
        self.stream.publish(2)
        self.jobs[1][1].callback("b")
        self.assertEqual((self.got, stage.failures), (["b"], 1))

    def test_a_job_that_outlives_its_stage_is_not_published(self):
        stage = Stage(self.stream, self.work)
        stage.subscribe(self.got.append).close()
        subscription = stage.subscribe(self.got.append)
        self.stream.publish(1)
        subscription.close()
        again = []
        stage.subscribe(again.append)
        self.jobs[0][1].callback("late")
        self.assertEqual((self.got, again), ([], []))

    def test_another_upstream_is_joined_before_the_old_one_is_left(self):
        demand = []
        source = Stream(lambda: demand.append("start"), lambda: demand.append("stop"))
        frames = Stage(source, lambda item: item)
        stage = Stage(source, lambda item: item)
        stage.subscribe(self.got.append)
        stage.upstream = frames
        source.publish(1)
        self.assertEqual((demand, self.got), (["start"], [1]))

    def test_derived_stages_are_shared(self):
        self.assertIs(self.stream.derive(str), self.stream.derive(str))
        self.assertEqual(len(list(self.stream.with_derived())), 2)
