"""/api/certificate: told to readers, exchanged by administrators, its key never told."""

from __future__ import annotations

from twisted.internet.address import IPv4Address

from camd.hookspecs import Route
from camd.web.rest.certificate import CertificateNoun
from camd.web.rest.resource import Operations

from . import rest_client
from .certificates import DAY, MIDDLE, ec_key, pem_of, write_pair
from .rest_client import RestClient, identify, unheard
from .test_certificate_site import Site

PATH = "/api/certificate"


class CertificateTests(Site):
    def setUp(self) -> None:
        super().setUp()
        self.patch(rest_client, "PEER", IPv4Address("TCP", "127.0.0.1", 40000))
        noun = CertificateNoun(self.site)
        self.client = RestClient([Route.public(PATH, Operations(PATH, noun.operations(), identify, unheard))])
        key = ec_key()
        self.pair = {"certificate": pem_of(MIDDLE.sign(key), MIDDLE.certificate).decode(), "key": pem_of(key).decode()}

    def test_read(self) -> None:
        self.start()
        answer = self.client("GET", PATH, by="viewer")
        self.assertEqual(answer.json, self.told)
        self.assertEqual(self.client("GET", PATH, headers={"If-None-Match": answer.headers["etag"]}).status, 304)

    def test_exchanged(self) -> None:
        self.start()
        before = self.client("GET", PATH)
        answer = self.client("PUT", PATH, self.pair, headers={"If-Match": before.headers["etag"]})
        self.assertEqual((answer.status, answer.json["subject"]), (200, "CN=camera.test"))
        self.assertEqual(self.client("GET", PATH).json, answer.json)
        self.assertEqual(self.audited[0][1:3], ("admin", "127.0.0.1"))
        self.assertNotIn(b"PRIVATE", answer.body + self.client("GET", PATH).body)
        late = self.client("DELETE", PATH, headers={"If-Match": before.headers["etag"]})
        self.assertEqual(late.status, 412)

    def test_back_to_self_signed(self) -> None:
        write_pair(self.folder)
        self.start()
        answer = self.client("DELETE", PATH)
        self.assertEqual((answer.status, answer.json["renewsItself"]), (200, True))
        self.assertTrue(answer.json["isSelfSigned"])

    def test_not_taken(self) -> None:
        self.start()
        key = ec_key()
        expired = pem_of(MIDDLE.sign(key, start=-9 * DAY, end=-DAY)).decode()
        for change, status, place in (
            ({"key": pem_of(ec_key()).decode()}, 422, "key"),
            ({"certificate": "hello"}, 422, "certificate"),
            ({"certificate": expired, "key": pem_of(key).decode()}, 422, "certificate"),
            ({"key": 7}, 422, "key"),
            ({"password": "x"}, 422, None),
        ):
            answer = self.client("PUT", PATH, {**self.pair, **change})
            self.assertEqual(answer.status, status, change)
            if place:
                self.assertEqual(answer.error["details"], {"key": place})
            self.assertNotIn(self.pair["key"].splitlines()[1].encode(), answer.body)
        self.assertTrue(self.told["renewsItself"])

    def test_a_key_that_came_in_clear(self) -> None:
        self.start()
        self.patch(rest_client, "PEER", IPv4Address("TCP", "192.0.2.7", 40000))
        answer = self.client("PUT", PATH, self.pair)
        self.assertEqual(answer.status, 403)
        self.assertIn("HTTPS", answer.error["message"])
        self.assertTrue(self.told["renewsItself"])

    def test_who_may(self) -> None:
        self.start()
        for method, value, by, status in (
            ("GET", None, "guest", 401), ("GET", None, "nobody", 403), ("GET", None, "viewer", 200),
            ("PUT", self.pair, "guest", 401), ("PUT", self.pair, "viewer", 403), ("PUT", self.pair, "operator", 403),
            ("DELETE", None, "operator", 403), ("POST", self.pair, "admin", 405),
        ):
            self.assertEqual(self.client(method, PATH, value, by=by).status, status, (method, by))

    def test_without_https(self) -> None:
        self.assertEqual(self.client("GET", PATH).status, 404)
        for method, value in (("PUT", self.pair), ("DELETE", None)):
            answer = self.client(method, PATH, value)
            self.assertEqual(answer.status, 409)
            self.assertIn("HTTPS is off", answer.error["message"])
