"""Buckets that fill with time, one for everybody who asks."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import RateLimited
from camd.state import Principal
from camd.web import ratelimit
from camd.web.ratelimit import Bucket, RateLimits

VIEWER = Principal("viewer", frozenset(), how="bearer", key="token:1")
GUEST = Principal("guest", frozenset(), how="guest")


class BucketTests(SynchronousTestCase):
    def test_it_fills(self) -> None:
        bucket = Bucket(10, 0.0)
        self.assertEqual([bucket.take(0.0) for _ in range(10)], [0.0] * 10)
        self.assertAlmostEqual(bucket.take(0.0), 0.1)
        self.assertAlmostEqual(bucket.take(0.05), 0.05)
        self.assertEqual(bucket.take(0.11), 0.0)
        self.assertGreater(bucket.take(0.11), 0)

    def test_it_never_holds_more_than_a_second(self) -> None:
        bucket = Bucket(3, 0.0)
        self.assertEqual([bool(bucket.take(1e6)) for _ in range(5)], [False, False, False, True, True])


class RateLimitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = RateLimits(self.clock.seconds, factor=10)

    def count(self, by: Principal | None, address: str = "192.0.2.1", picture: bool = True) -> int:
        """How many go through at once."""
        for number in range(10_000):
            try:
                self.limits.charge(by, address, picture)
            except RateLimited as error:
                self.limit = error.limit
                return number
        return 10_000

    def test_figures(self) -> None:
        self.assertEqual((self.count(None), self.count(None, picture=False)), (10, 100))
        self.assertEqual((self.count(VIEWER), self.limit), (100, 100))
        self.assertEqual(self.count(VIEWER, picture=False), 1000)

    def test_guests_and_wrong_identities_share_their_address(self) -> None:
        self.assertEqual((self.count(GUEST), self.count(None)), (10, 0))
        self.assertEqual(self.count(GUEST, "192.0.2.2"), 10)

    def test_an_identity_is_one_wherever_it_is(self) -> None:
        self.assertEqual((self.count(VIEWER, "192.0.2.1"), self.count(VIEWER, "192.0.2.2")), (100, 0))

    def test_ipv6_by_its_network(self) -> None:
        self.assertEqual((self.count(None, "2001:db8::1"), self.count(None, "2001:db8::2")), (10, 0))
        self.assertEqual(self.count(None, "2001:db8:0:1::1"), 10)

    def test_time(self) -> None:
        self.count(None)
        self.clock.advance(0.5)
        self.assertEqual(self.count(None), 5)

    def test_off(self) -> None:
        self.limits.enabled = False
        self.assertEqual(self.count(None), 10_000)

    def test_another_factor(self) -> None:
        self.count(VIEWER)
        self.limits.factor = 20
        self.assertEqual(self.count(VIEWER), 200)

    def test_many_addresses_cost_little(self) -> None:
        self.patch(ratelimit, "_KEPT", 100)
        for number in range(1000):
            self.limits.charge(None, f"10.0.{number // 250}.{number % 250}", True)
        self.assertLessEqual(len(self.limits._young) + len(self.limits._old), 201)
        self.assertEqual(self.count(None, "10.0.3.249"), 9)
