"""One device for all cameras, and those with one camera at ports of their own."""

from __future__ import annotations

import re
from typing import Any

from camd_plugins import onvif
from camd_plugins.onvif.network import Interface
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address

from camd.errors import Invalid
from camd.state import SYSTEM, Spec
from camd.web.rest.schema import check, of_writing

from .edge_case import Wire
from .onvif_case import NS, OnvifCase


class DeviceTests(OnvifCase):
    port = 8080

    def setUp(self) -> None:
        super().setUp()
        interface = Interface(
            "eth0", "52:54:00:12:34:56", 1500, (("192.0.2.1", 24),), (("fe80::1", 64), ("2001:db8::1", 64))
        )
        self.patch(self.context.network, "interfaces", lambda: (interface,))

    def connect(self, *args: Any, **options: Any) -> Wire:
        wire = super().connect(*args, **options)
        wire.hostAddr = IPv4Address("TCP", "192.0.2.1", self.port)
        return wire

    def ports(self, **ports: int) -> None:
        self.get(self.app.state["onvif/ports"].set(ports, SYSTEM))
        self.clock.advance(0)

    def identity(self, port: int) -> tuple[str, str, str]:
        self.port = port
        serial = self.call("tds:GetDeviceInformation").findtext("tds:SerialNumber", namespaces=NS)
        hardware = self.call("tds:GetNetworkInterfaces").findtext(".//tt:HwAddress", namespaces=NS)
        return self.call("tds:GetEndpointReference")[0].text, serial, hardware

    def sources(self, port: int) -> list[str]:
        self.port = port
        return [one.get("token") for one in self.call("trt:GetVideoSources")]

    def test_each_is_itself_and_stays_so(self) -> None:
        self.ports(cam1=9001, door=9002)
        self.assertEqual([port for port, *_ in self.clock.tcpServers], [9001, 9002])
        found = [self.identity(port) for port in (8080, 9001, 9002)]
        for of_all in zip(*found, strict=True):
            self.assertEqual(len(set(of_all)), 3)
        self.assertEqual(found[0][2], "52:54:00:12:34:56")
        self.assertTrue(found[1][2].startswith("02:"))
        self.ports(door=9002)
        self.ports(door=9002, cam1=9003)
        self.assertEqual(self.identity(9003), found[1])
        self.assertEqual(self.app.state.saved["onvif/uuid"], found[0][0].removeprefix("urn:uuid:"))

    def test_they_are_where_the_page_is(self) -> None:
        """A page that is for this machine only is not on the network at another port either."""
        for url, kept in (("http://127.0.0.1:8080/", "127.0.0.1"), ("http://localhost:8080/", "::"),
                          ("http://[fe80::1]:8080/", "fe80::1"), ("https://192.0.2.1:8443/", "192.0.2.1")):  # fmt: skip
            self.app.listeners.urls[:] = ["rtsp://0.0.0.0:8554/", url]
            self.clock.tcpServers.clear()
            self.ports()
            self.ports(cam1=9001)
            self.assertEqual([interface for *_, interface in self.clock.tcpServers], [kept], url)

    def test_each_has_its_camera_and_no_other(self) -> None:
        self.ports(door=9002)
        self.assertEqual(self.sources(8080), ["VideoSource_cam1", "VideoSource_door"])
        self.assertEqual(self.sources(9002), ["VideoSource_door"])
        token = "<trt:ProfileToken>Profile_1</trt:ProfileToken>"
        self.assertEqual(self.call("trt:GetProfile", token)[0].get("token"), "Profile_door_main")
        other = token.replace("Profile_1", "Profile_cam1_main")
        self.assertEqual(self.refused("trt:GetProfile", other)[-1], "ter:NoProfile")
        self.assertEqual(
            self.refused("tds:AddScopes", "<tds:ScopeItem>onvif://a</tds:ScopeItem>")[-1],
            "ter:ActionNotSupported",
        )

    def test_it_tells_of_its_own_events(self) -> None:
        for camera in ("cam1", "door"):
            self.app.state.declare(Spec(f"cameras/{camera}/motion", bool, read="Device_r")).publish(False)
        self.ports(door=9002)
        self.port = 9002
        made = self.call("tev:CreatePullPointSubscription")
        path = made.findtext(".//wsa:Address", namespaces=NS).partition("/onvif/")[2]
        answer = self.call(
            "tev:PullMessages",
            "<tev:Timeout>PT0S</tev:Timeout><tev:MessageLimit>9</tev:MessageLimit>",
            path=path,
        )
        self.assertEqual(len(answer.findall("wsnt:NotificationMessage", NS)), 2)

    def test_what_is_announced(self) -> None:
        self.ports(door=9002)
        whole, single = self.app.state["onvif/devices"].value
        self.assertEqual(
            (whole["camera"], whole["port"], single["camera"], single["port"]), (None, None, "door", 9002)
        )
        self.assertIn("onvif://www.onvif.org/Profile/Streaming", whole["scopes"])
        self.assertIn("onvif://www.onvif.org/name/door", single["scopes"])
        self.call("tds:SetDiscoveryMode", "<tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode>")
        self.clock.advance(0)
        self.assertFalse(self.app.state["onvif/devices"].value[0]["discoverable"])
        self.ports()
        self.assertEqual(len(self.app.state["onvif/devices"].value), 1)
        self.assertEqual(self.sources(9002), ["VideoSource_cam1", "VideoSource_door"])

    def test_states_take_what_the_document_says(self) -> None:
        """Lists and objects, too: what is taken fits the schema, what does not fit is refused with a reason."""
        for name, right, wrong in (
            ("ports", ({}, {"cam1": 9001, "x": 1}, {"cam1": 80.0}), ({"cam1": 65536}, {"cam1": True}, {"cam1": 1.5})),
            ("scopes", ([], ["a" * 256, "onvif://x/größe"]), ([1], [""], ["a b"], ["a\n"], ["a" * 257], ["a"] * 33)),
            (
                "consumers",
                ([], ["192.0.2.7", "10.0.0.0/8", "fd00::1", "fd00::/8", "::/0", "nvr", "my-nvr.example"]),
                ([7], [""], ["10.0.0.0/33"], ["1.2.3.400"], ["http://nvr/"], ["a" * 254], ["-a"], ["a\n"], ["a"] * 33),
            ),
            (
                "profiles",
                ({}, {"x": {}}, {"x": {"name": "n", "ptz": True}}),
                ({"x": 5}, {"x": {"ptz": 1}}, {"x": {"name": 1}}, {"x": {"more": ""}}, {"x": {"name": "x" * 257}}),
            ),
        ):
            state = self.app.state[f"onvif/{name}"]
            schema = of_writing(state.spec)
            for value in right:
                self.fits(value, schema)
                self.assertEqual(self.get(state.set(value, SYSTEM)), value)
            for value in wrong:
                self.failureResultOf(state.set(value, SYSTEM), Invalid)
                self.assertRaises(Invalid, self.fits, value, schema)

    def fits(self, value: Any, schema: Any) -> None:
        """As `check`, which leaves formats to whoever knows them."""
        check(value, schema)
        for item in value if isinstance(value, list) else ():
            if not any(self.is_one(item, kind) for kind in schema["items"].get("anyOf", [{}])):
                raise Invalid("", f"{item!r} is of no kind")

    def is_one(self, item: Any, kind: Any) -> bool:
        if "format" in kind:
            return isIPAddress(item) if kind["format"] == "ipv4" else isIPv6Address(item)
        return re.search(kind["pattern"].replace("$", r"\Z"), item) is not None if kind else True

    def test_ports_that_make_no_sense(self) -> None:
        for ports in ({"cam1": 0}, {"cam1": "9001"}, {"cam1": 9001, "door": 9001}):
            self.failureResultOf(self.app.state["onvif/ports"].set(ports, SYSTEM))
        self.assertEqual(
            onvif.devices_of(self.app).operations(9001), onvif.devices_of(self.app).operations(8080)
        )
