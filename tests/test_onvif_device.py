"""The Device service: what time it is, who this is, and what is said of the machine's networks."""

from __future__ import annotations

from camd_plugins.onvif import network
from camd_plugins.onvif.clock import Clock
from camd_plugins.onvif.network import Interface, Network
from twisted.trial.unittest import SynchronousTestCase

from camd.state import Spec

from .onvif_case import NS, OnvifCase


class TimeTests(OnvifCase):
    def moment(self, kind: str = "Manual", year: int = 2024) -> str:
        return (
            f"<tds:DateTimeType>{kind}</tds:DateTimeType>"
            "<tds:DaylightSavings>false</tds:DaylightSavings><tds:UTCDateTime>"
            "<tt:Time><tt:Hour>12</tt:Hour><tt:Minute>30</tt:Minute><tt:Second>15</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{year}</tt:Year><tt:Month>2</tt:Month><tt:Day>29</tt:Day>"
            "</tt:Date></tds:UTCDateTime>"
        )

    def set_clock(self, seconds: float) -> None:
        if self.may_set:
            self.was_set = seconds
        else:
            super().set_clock(seconds)

    may_set, was_set = True, 0.0

    def test_what_time_it_is(self) -> None:
        found = self.call("tds:GetSystemDateAndTime", by="")[0]
        self.assertEqual(found.findtext("tt:DateTimeType", namespaces=NS), "NTP")
        values = [
            found.findtext(f"tt:UTCDateTime/tt:{name}", namespaces=NS)
            for name in (
                "Date/tt:Year",
                "Date/tt:Month",
                "Date/tt:Day",
                "Time/tt:Hour",
                "Time/tt:Minute",
                "Time/tt:Second",
            )
        ]
        self.assertEqual(values, ["2023", "11", "14", "22", "13", "20"])

    def test_a_synchronised_clock_is_not_set(self) -> None:
        self.assertEqual(
            self.refused("tds:SetSystemDateAndTime", self.moment())[-1], "ter:ActionNotSupported"
        )
        self.assertEqual(self.was_set, 0.0)

    def test_another_is_as_far_as_we_may(self) -> None:
        self.synchronised = False
        self.assertEqual(
            self.call("tds:GetSystemDateAndTime")[0].findtext("tt:DateTimeType", namespaces=NS), "Manual"
        )
        self.call("tds:SetSystemDateAndTime", self.moment())
        self.assertEqual(self.was_set, 1_709_209_815.0)
        (noted,) = self.events("call")
        self.assertEqual((noted["by"], noted["call"], noted["moment"]),
                         ("admin", "onvif.SetSystemDateAndTime", "2024-02-29T12:30:15.000Z"))
        self.assertEqual(
            self.refused("tds:SetSystemDateAndTime", self.moment(year=2023))[-1], "ter:InvalidDateTime"
        )
        self.assertEqual(
            self.refused("tds:SetSystemDateAndTime", self.moment("NTP"))[-1], "ter:NtpServerUndefined"
        )
        self.may_set = False
        self.assertEqual(
            self.refused("tds:SetSystemDateAndTime", self.moment())[-1], "ter:ActionNotSupported"
        )

    def test_the_clock_of_this_machine(self) -> None:
        clock = Clock(self.app.clock)
        self.assertIsInstance(clock.is_synchronised(), bool)
        self.assertRegex(clock.zone(), r"[A-Z<:]")


class IdentityTests(OnvifCase):
    def test_it_is_kept(self) -> None:
        guid = self.call("tds:GetEndpointReference", by="")[0].text
        self.assertEqual(guid, f"urn:uuid:{self.app.state.saved['onvif/uuid']}")
        serial = self.call("tds:GetDeviceInformation").findtext("tds:SerialNumber", namespaces=NS)
        self.assertEqual(serial.lower(), guid.rpartition("-")[2])

    def test_services(self) -> None:
        addresses = {
            one.findtext("tds:XAddr", namespaces=NS)
            for one in self.call("tds:GetServices", "<tds:IncludeCapability>true</tds:IncludeCapability>")
        }
        self.assertEqual(len(addresses), 8)
        self.assertIn("http://camd/onvif/device_service", addresses)
        old = self.call("tds:GetCapabilities", "<tds:Category>Media</tds:Category>")[0]
        self.assertEqual([part.tag.rpartition("}")[2] for part in old], ["Media"])
        self.assertEqual(len(self.call("tds:GetCapabilities")[0]), 7)

    def test_scopes(self) -> None:
        def scopes() -> list[str]:
            return [one.findtext("tt:ScopeItem", namespaces=NS) for one in self.call("tds:GetScopes")]

        self.assertIn("onvif://www.onvif.org/Profile/Streaming", scopes())
        self.call("tds:SetScopes", "<tds:Scopes>onvif://www.onvif.org/name/Gate</tds:Scopes>")
        self.call("tds:AddScopes", "<tds:ScopeItem>onvif://www.onvif.org/location/Yard</tds:ScopeItem>")
        self.assertEqual(
            scopes()[-2:], ["onvif://www.onvif.org/name/Gate", "onvif://www.onvif.org/location/Yard"]
        )
        self.call("tds:RemoveScopes", "<tds:ScopeItem>onvif://www.onvif.org/location/Yard</tds:ScopeItem>")
        for content, subcode in (("onvif://www.onvif.org/location/Yard", "ter:NoScope"),
                                 ("onvif://www.onvif.org/Profile/Streaming", "ter:FixedScope")):  # fmt: skip
            self.assertEqual(
                self.refused("tds:RemoveScopes", f"<tds:ScopeItem>{content}</tds:ScopeItem>")[-1], subcode
            )
        many = "".join(f"<tds:ScopeItem>onvif://a/{n}</tds:ScopeItem>" for n in range(40))
        self.assertEqual(self.refused("tds:AddScopes", many)[-1], "ter:TooManyScopes")

    def test_inputs(self) -> None:
        self.app.state.declare(Spec("inputs/1", bool, read="Device_r")).publish(False)
        self.assertEqual([one.get("token") for one in self.call("tmd:GetDigitalInputs")], ["1"])


class HostTests(OnvifCase):
    def test_the_machines_networks(self) -> None:
        self.patch(network, "_interfaces", lambda: [
            Interface("docker0", "02:42:00:00:00:01", 1500, (("172.17.0.1", 16),), ()),
            Interface("eth0", "52:54:00:00:00:01", 1500, (("192.0.2.1", 24),), (("fe80::1", 64),)),
            Interface("wlan0", "52:54:00:00:00:02", 1500, (), (("2001:db8::1", 64),)),
        ])  # fmt: skip
        self.patch(network, "default_route", lambda: ("eth0", "192.0.2.254"))
        found = self.call("tds:GetNetworkInterfaces")
        self.assertEqual(
            [one.get("token") for one in found], ["wlan0", "eth0"], "that with the default route is last"
        )
        self.assertEqual(found[1].findtext(".//tt:IPv4//tt:PrefixLength", namespaces=NS), "24")
        self.assertEqual(found[1].findtext(".//tt:LinkLocal/tt:Address", namespaces=NS), "fe80::1")
        self.assertEqual(
            self.call("tds:GetNetworkDefaultGateway").findtext(".//tt:IPv4Address", namespaces=NS),
            "192.0.2.254",
        )

    def test_protocols(self) -> None:
        self.app.listeners.urls[:] = [
            "http://localhost:8080/",
            "https://localhost:8443/",
            "rtsp://localhost:8554/",
        ]
        found = {
            one.findtext("tt:Name", namespaces=NS): [port.text for port in one.findall("tt:Port", NS)]
            for one in self.call("tds:GetNetworkProtocols", host="camd:8080")
        }
        self.assertEqual(found, {"HTTP": ["8080"], "HTTPS": ["8443"], "RTSP": ["8554"]})

    def test_names_and_times(self) -> None:
        for name, lines in (
            ("dns", ["nameserver 192.0.2.53", "search example.org a.example"]),
            ("ntp", ["[Time]", "NTP=192.0.2.1 time.example", "#NTP=x", "pool pool.example iburst"]),
        ):
            self.patch(network, "_lines", lambda path, lines=lines: lines if "chrony" not in path else [])
            answer = self.call({"dns": "tds:GetDNS", "ntp": "tds:GetNTP"}[name])
            texts = [part.text for part in answer.iter() if part.text]
            expected = {
                "dns": ["example.org", "a.example", "192.0.2.53"],
                "ntp": ["192.0.2.1", "time.example", "pool.example"],
            }
            self.assertEqual([text for text in texts if "." in text], expected[name])


class NetworkTests(SynchronousTestCase):
    def test_this_machine(self) -> None:
        found = Network()
        self.assertTrue(found.interfaces())
        self.assertIs(found.interfaces(), found.interfaces(), "not read again at once")
        self.assertIsInstance(found.hardware_address(), str)

    def test_prefixes(self) -> None:
        for netmask, length in (
            ("255.255.255.0", 24),
            ("255.255.255.255", 32),
            ("ffff:ffff:ffff:ffff::", 64),
            (None, 0),
            ("x", 0),
        ):
            self.assertEqual(network._prefix(netmask), length)
