from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from camd.web.proxy import Proxies

from .test_site import HERE, PEER, SiteCase


class ShareTests(SiteCase):
    """One network does not get all connections."""

    def test_a_network_has_a_share(self) -> None:
        self.site = self.make_site(max_connections=8)
        for one, same, other in (
            (PEER, IPv6Address("TCP", "::ffff:192.0.2.7", 1), IPv4Address("TCP", "192.0.2.8", 1)),
            (
                IPv6Address("TCP", "2001:db8::1", 1),
                IPv6Address("TCP", "2001:db8::ffff:0:0:2", 1),
                IPv6Address("TCP", "2001:db8:0:1::1", 1),
            ),
        ):
            refused = self.site.refusals[503]
            held = [self.connect(one)[0], self.connect(same)[0]]
            self.assertIsNone(self.site.buildProtocol(one))
            self.assertIsNone(self.site.buildProtocol(same))
            self.assertEqual(self.site.refusals[503], refused + 2)
            held.append(self.connect(other)[0])
            self.lose(held.pop(0))
            held.append(self.connect(one)[0])
            self.assertIsNone(self.site.buildProtocol(one))
            for channel in held:
                self.lose(channel)
                self.site.forget(channel)  # a second time
        self.assertEqual(self.site._by_network, {})

    def test_the_share_follows_the_limit(self) -> None:
        self.connect()
        self.site.max_connections = 1
        self.assertIsNone(self.site.buildProtocol(PEER))
        self.site.max_connections = 8
        self.connect()

    def test_many_come_through_one_address(self) -> None:
        self.site = self.make_site(max_connections=8)
        self.site.proxies = Proxies(("192.0.2.0/24",))
        for peer in (PEER, HERE, IPv6Address("TCP", "::1", 1), UNIXAddress(None)):
            for channel in [self.connect(peer)[0] for _ in range(8)]:
                self.assertFalse(channel.busy)
                self.lose(channel)
        self.assertEqual((self.site.refusals[503], self.site._by_network), (0, {}))

    def test_a_websocket_gives_its_share_back(self) -> None:
        channel, _ = self.connect()
        self.assertEqual(len(self.site._by_network), 1)
        channel.transport = None  # as Autobahn's resource takes it over
        self.clock.advance(1.0)
        self.assertEqual(self.site._by_network, {})
