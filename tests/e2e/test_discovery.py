"""Discovery between machines: camd in a network namespace, on two cables, and who looks for it at their other
ends."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from camd_plugins.discovery import messages
from camd_plugins.discovery.messages import Message, parse
from camd_plugins.discovery.names import DEVICE, GROUP4, GROUP6, PORT, TDN, TRANSMITTER
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .daemon import Daemon
from .namespaces import Machines, inside, why_not
from .waiting import wait_for

NEAR, FAR = "10.77.1", "10.77.2"
WSDISCOVERY = "WSDiscovery==2.1.2"
HTTP = "tcp:8080:interface=\\:\\:"


class Recorder:
    """Looks for cameras at the end of one cable."""

    def __init__(self, machine: str, interface: str):
        self._sockets = []
        with inside(machine):
            self.index = socket.if_nametoindex(interface)
            self.four = self._open(socket.AF_INET)
            self.four.bind(("", 0))
            self.four.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", self.index)
            )
            self.six = self._open(socket.AF_INET6)
            self.six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.index)
            self.group = self._open(socket.AF_INET)  # hears Hello and Bye
            self.group.bind((GROUP4, PORT))
            joined = struct.pack("=4s4si", socket.inet_aton(GROUP4), bytes(4), self.index)
            self.group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
            self.group6 = self._open(socket.AF_INET6)
            self.group6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.group6.bind((GROUP6, PORT, 0, self.index))
            joined = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, GROUP6), self.index)
            self.group6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)

    def _open(self, family: int) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.settimeout(0.05)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets.append(opened)
        return opened

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def ask(self, mouth: socket.socket, place: Any, data: bytes, most: int = 1) -> list[tuple[Message, Any]]:
        """The first answers to a question, and where they are from."""
        mouth.sendto(data, place)
        return self.listen(mouth, 0.9, most)

    def listen(self, ear: socket.socket, seconds: float, most: int = 1) -> list[tuple[Message, Any]]:
        heard, end = [], time.monotonic() + seconds
        while len(heard) < most and (left := end - time.monotonic()) > 0:
            ear.settimeout(left)
            try:
                data, source = ear.recvfrom(65536)
            except TimeoutError:
                break
            heard.append((parse(data), source))
        return heard


class DiscoveryTests(SynchronousTestCase):
    skip = why_not() or None

    def setUp(self) -> None:
        self.machines = Machines("box", "near", "far")
        self.addCleanup(self.machines.remove)
        self.machines.cable(("box", "eth0", f"{NEAR}.1/24"), ("near", "eth0", f"{NEAR}.2/24"))
        self.machines.cable(("box", "eth1", f"{FAR}.1/24"), ("far", "eth0", f"{FAR}.2/24"))
        self.near, self.far = (Recorder(self.machines[name], "eth0") for name in ("near", "far"))
        self.addCleanup(self.near.close)
        self.addCleanup(self.far.close)

    def start(self, **options: Any) -> Daemon:
        daemon = Daemon(http=HTTP, everyone=True, **options)
        self.addCleanup(daemon.remove)
        with inside(self.machines["box"]):
            daemon.start()
        self.addCleanup(daemon.stop)
        return daemon

    def hello(self, recorder: Recorder, version: int = 4) -> Message:
        ear = recorder.group if version == 4 else recorder.group6
        heard = wait_for(
            lambda: [one for one, _ in recorder.listen(ear, 0.5) if one.kind == "Hello"], what="Hello"
        )
        return heard[0]

    def test_hello_probe_resolve_bye(self) -> None:
        daemon = self.start()
        said = self.hello(self.near)
        self.assertEqual(said.matches[0].xaddrs, (f"http://{NEAR}.1:8080/onvif/device_service",))
        self.assertEqual(
            self.hello(self.far).matches[0].xaddrs, (f"http://{FAR}.1:8080/onvif/device_service",)
        )
        address = said.matches[0].address

        for recorder, net in ((self.near, NEAR), (self.far, FAR)):
            for place in (GROUP4, f"{net}.1"):
                question = messages.probe(
                    (TRANSMITTER,), ("onvif://www.onvif.org/Profile/Streaming",), "urn:uuid:" + place
                )
                ((answer, source),) = recorder.ask(recorder.four, (place, PORT), question)
                self.assertEqual(source, (f"{net}.1", PORT))
                self.assertEqual((answer.kind, answer.about), ("ProbeMatches", "urn:uuid:" + place))
                (match,) = answer.matches
                self.assertEqual(match.address, address)
                self.assertEqual(match.xaddrs, (f"http://{net}.1:8080/onvif/device_service",))
                self.assertEqual(match.types, (TRANSMITTER, DEVICE))
                self.assertEqual(recorder.ask(recorder.four, (place, PORT), question), [], "asked twice")
        self.assertEqual(
            self.near.ask(self.near.four, (GROUP4, PORT), messages.probe((f"{{{TDN}}}NetworkVideoDisplay",))),
            [],
        )

        daemon.stop()
        ends = [one for one, _ in self.near.listen(self.near.group, 0.2, 9) if one.kind == "Bye"]
        self.assertEqual([end.matches[0].address for end in ends], [address])
        self.assertEqual(daemon.code in (143, -15), True)

    def test_ipv6(self) -> None:
        self.start()
        own = self.machines.link_local(self.machines["box"], "eth1")
        xaddrs = (f"http://[{own}]:8080/onvif/device_service",)
        self.assertEqual(self.hello(self.far, 6).matches[0].xaddrs, xaddrs)
        for place in (GROUP6, own):
            found = self.far.ask(self.far.six, (place, PORT, 0, self.far.index), messages.probe((DEVICE,)))
            self.assertEqual([(one.matches[0].xaddrs, source[0]) for one, source in found],
                             [(xaddrs, own)])  # fmt: skip

    def test_addresses_that_come_later(self) -> None:
        self.start()
        self.hello(self.near)
        self.machines.cable(("box", "eth2", "10.77.3.1/24"), ("near", "eth1", "10.77.3.2/24"))
        late = Recorder(self.machines["near"], "eth1")
        self.addCleanup(late.close)
        self.assertEqual(self.hello(late).matches[0].xaddrs, ("http://10.77.3.1:8080/onvif/device_service",))

    def test_a_camera_as_a_device_of_its_own(self) -> None:
        self.start(toml='[cameras.front]\nsource = "test:"\n')
        self.hello(self.near)
        with inside(self.machines["box"]):
            self.put("onvif/ports", {"front": 8101})
        found = wait_for(self.two_devices)
        expected = {f"http://{NEAR}.1:{port}/onvif/device_service" for port in (8080, 8101)}
        self.assertEqual({one.matches[0].xaddrs[0] for one, _ in found}, expected)
        self.assertEqual(len({one.matches[0].address for one, _ in found}), 2)

    def two_devices(self) -> list[tuple[Message, Any]]:
        """Who answers, if it is two."""
        found = self.near.ask(self.near.four, (GROUP4, PORT), messages.probe((DEVICE,)), 2)
        return found if len(found) == 2 else []

    def put(self, name: str, value: Any) -> None:
        message = json.dumps({name: value}).encode()
        request = urllib.request.Request(
            "http://127.0.0.1:8080/api", message, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()

    def test_two_boxes_and_the_command(self) -> None:
        self.start()
        self.hello(self.near)
        other = Daemon(http=HTTP, everyone=True)
        self.addCleanup(other.remove)
        with inside(self.machines["near"]):
            found = json.loads(other.camd("discover", "--json", "--seconds", "1"))
        self.assertEqual(
            [device["services"][0] for device in found], [f"http://{NEAR}.1:8080/onvif/device_service"]
        )
        with inside(self.machines["near"]):
            other.start()
            self.addCleanup(other.stop)
            address = "http://127.0.0.1:8080/api/onvif/discover"
            devices = wait_for(lambda: json.load(urllib.request.urlopen(address))["devices"])
        self.assertEqual([device["uuid"] for device in devices], [found[0]["uuid"]])

    def test_home_assistants_search(self) -> None:
        folder = Path(self.mktemp())
        python = str(folder / "bin" / "python")
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", WSDISCOVERY]
        for command in ([sys.executable, "-m", "venv", str(folder)], install):
            done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
            if done.returncode:
                raise SkipTest(f"cannot install {WSDISCOVERY}: {done.stderr.strip()[-300:]}")
        self.start()
        self.hello(self.near)
        command = [python, str(Path(__file__).parent / "wsdiscovery_client.py")]
        with inside(self.machines["near"]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        (found,) = json.loads(done.stdout)
        self.assertIn(f"http://{NEAR}.1:8080/onvif/device_service", found["xaddrs"])
        self.assertIn("onvif://www.onvif.org/hardware/camd", found["scopes"])

    def test_mdns(self) -> None:
        daemon = self.start(arguments=["--https", "tcp:0"])
        with inside(self.machines["near"]):
            mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(mouth.close)
            mouth.bind((f"{NEAR}.2", 0))
        for service in ("_http", "_https"):
            told = wait_for(lambda name=service: self.query(mouth, name), what=service)
            self.assertIn(b"\x06path=/", told)
            self.assertIn(socket.inet_aton(f"{NEAR}.1"), told)
        with inside(self.machines["box"]):
            self.put("discovery/mdns", False)
        wait_for(lambda: not self.query(mouth, "_http"))
        with inside(self.machines["box"]):
            self.put("discovery/mdns", True)
        begin = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - begin, 2.0, "while it was looking whether its names are free")

    def query(self, mouth: socket.socket, service: str) -> bytes:
        """What is answered to a question for a service, as an ordinary resolver asks it (RFC 6762 6.7)."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in (service, "_tcp", "local"))
        mouth.sendto(
            struct.pack("!6H", 7, 0, 1, 0, 0, 0) + labels + struct.pack("!B2H", 0, 12, 1),
            ("224.0.0.251", 5353),
        )
        mouth.settimeout(0.5)
        try:
            return mouth.recv(9000)
        except TimeoutError:
            return b""
