"""What clients ask of ONVIF devices over HTTP: who may, what is looked at, and what comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from camd_plugins import onvif_client
from camd_plugins.onvif_client import device
from camd_plugins.onvif_client.description import Description, Profile
from camd_plugins.onvif_client.peer import DeviceError, Reply
from camd_plugins.onvif_client.resource import AT_ONCE, PATIENCE

from camd.testing import ThreadlessPool

from .edge_case import Answer, EdgeCase

URL = "http://10.0.0.20/onvif/device_service"
SOAP = b"<Envelope/>"


class ClientCase(EdgeCase):
    plugins: ClassVar = {"onvif_client": onvif_client}

    def setUp(self) -> None:
        self.looked: list[Any] = []
        self.found: Any = Description(
            "Dome", profiles=(Profile("p", stream="rtsp://10.0.0.20/one"),), picture=b"\xff\xd8"
        )
        self.patch(device, "probe", self.look)
        super().setUp()

    def look(self, url: str, login: tuple[str, str], picture: bool) -> Any:
        assert picture
        self.looked.append((url, login))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def probe(self, by: str = "admin", secure: bool = True, **values: Any) -> Answer:
        return self.ask("POST", "/api/onvif/probe", values, by=by, secure=secure)


class ProbeTests(ClientCase):
    def test_a_device(self) -> None:
        answer = self.probe(url="10.0.0.20", username="eva", password="word")
        self.assertEqual(self.looked, [(URL, ("eva", "word"))])
        self.assertEqual((answer.status, answer.json["ok"]), (200, True))
        self.assertEqual(answer.json["device"]["camera"], {
            "name": "Dome", "source": "rtsp://10.0.0.20/one", "onvif": URL, "username": "eva"})  # fmt: skip
        self.assertEqual(answer.json["device"]["picture"], "/9g=")
        self.assertNotIn("word", answer.body.decode())
        (entry,) = self.events("onvif_probe")
        self.assertEqual((entry["by"], entry["url"], entry["ok"]), ("admin", URL, True))

    def test_none(self) -> None:
        self.found = DeviceError("10.0.0.20: Connection refused")
        self.assertEqual(self.probe(url=URL).json, {
            "ok": False, "reason": "10.0.0.20: Connection refused", "refused": False})  # fmt: skip
        self.found = DeviceError("not authorized", refused=True)
        self.assertTrue(self.probe(url=URL).json["refused"])

    def test_who_may(self) -> None:
        for by, status in (("viewer", 403), ("operator", 403), ("limited", 403), ("", 401)):
            self.assertEqual(self.probe(by, url=URL).status, status, by)
        self.assertEqual(self.looked, [])

    def test_what_is_no_question(self) -> None:
        for values in ({}, {"url": 1}, {"url": "file:///etc/passwd"}, {"url": URL, "more": 1},
                       {"url": "http://eva:word@10.0.0.20/"}, {"url": URL, "password": "x" * 2000}):  # fmt: skip
            self.assertEqual(self.probe(**values).status, 400, values)
        self.assertEqual(self.looked, [])

    def test_a_password_in_clear(self) -> None:
        self.assertNotEqual(self.probe(secure=False, url=URL, password="word").status, 200)
        self.assertEqual(self.looked, [])

    def test_so_many_at_a_time_and_not_for_ever(self) -> None:
        pool = ThreadlessPool(at_once=False)
        self.app.threads.pools["io"] = pool
        wires = [
            self.request("POST", "/api/onvif/probe", {"url": URL}, by="admin", secure=True)
            for _ in range(AT_ONCE)
        ]
        self.assertEqual(self.probe(url=URL).status, 429)
        self.clock.advance(PATIENCE)
        for wire in wires:
            self.assertIn("no answer within", Answer(wire.value()).json["reason"])
            self.lose(wire)
        self.assertEqual(self.probe(url=URL).status, 429, "they still hang")
        pool.at_once = True
        pool.run()
        self.assertEqual(self.probe(url=URL).status, 200)


class ProxyTests(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.posted: list[Any] = []
        self.reply = Reply(200, b"<answer/>", {"Content-Type": "text/html"})
        peer = SimpleNamespace(post=lambda *args: self.posted.append(args) or self.reply)
        there = SimpleNamespace(peer=peer, services={"device": URL, "ptz": URL + "/ptz"})
        devices = onvif_client.devices_of(self.app)
        devices._followers["door"] = SimpleNamespace(device=there, stop=lambda: None)

    def send(
        self,
        path: str,
        by: str = "admin",
        body: bytes = SOAP,
        kind: str = "application/soap+xml; charset=utf-8",
    ) -> Answer:
        return self.ask("POST", f"/api/onvif/{path}", body, by=by, content_type=kind)

    def test_a_message_there_and_back(self) -> None:
        answer = self.send("door/ptz_service")
        self.assertEqual(self.posted, [(URL + "/ptz", SOAP, "application/soap+xml; charset=utf-8")])
        self.assertEqual((answer.status, answer.body), (200, b"<answer/>"))
        self.assertEqual(
            answer.headers["content-type"], "application/soap+xml; charset=utf-8", "never a page"
        )
        self.assertEqual(self.send("door/device").status, 200)
        self.assertEqual([one["service"] for one in self.events("onvif_message")], ["ptz", "device"])

    def test_a_fault(self) -> None:
        self.reply = Reply(400, b"<fault/>", {"Content-Type": "application/soap+xml"})
        self.assertEqual(self.send("door/device").status, 400)
        self.reply = Reply(401, b"", {"Content-Type": "application/soap+xml"})
        self.assertEqual(self.send("door/device").status, 502, "it is not we who do not know the asker")

    def test_nowhere_else(self) -> None:
        for path, status in (("cam1/device", 409), ("none/device", 404), ("door/admin", 404), ("door", 404),
                             ("door/device/more", 404), ("door/media", 503), ("", 404)):  # fmt: skip
            self.assertEqual(self.send(path).status, status, path)
        self.assertEqual(self.posted, [])

    def test_who_may(self) -> None:
        for by, status in (("viewer", 403), ("operator", 403), ("limited", 404), ("", 401)):
            self.assertEqual(self.send("door/device", by).status, status, by)
        self.assertEqual(self.posted, [])

    def test_what_may_be_in_it(self) -> None:
        self.assertEqual(self.send("door/device", kind="text/plain").status, 400)
        self.assertEqual(self.send("door/device", body=b"x" * 70_000).status, 413)
        self.assertEqual(self.posted, [])
