"""Another certificate while people are watching: none of them notices, and whoever comes next gets it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from ..certificates import DAY, ROOT, ec_key, pem_of, write_pair
from .daemon import Daemon
from .mjpeg_reader import MjpegReader
from .rest import any_certificate
from .waiting import wait_for

_CAMERA = """
[cameras.painted]
source = "test:"
size = "320x240"
fps = 15
"""
WATCHERS = 25


class SwapTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.daemon = Daemon(_CAMERA, arguments=["--https", "tcp:0:interface=127.0.0.1"], admin=True)
        self.addCleanup(self.daemon.remove)
        self.mine = self.daemon.directory / "mine"
        self.tls = self.daemon.directory / "data" / "tls"

    def start(self) -> None:
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.port = int(re.search(r"https://[^\s/]+:(\d+)/", self.daemon.log)[1])
        self.https = f"https://localhost:{self.port}/"

    def served(self, context: ssl.SSLContext | None = None) -> bytes:
        """The certificate that a new connection gets."""
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            (context or any_certificate()).wrap_socket(plain, server_hostname="localhost") as encrypted,
        ):
            return encrypted.getpeercert(binary_form=True)

    def is_served(self, certificate: x509.Certificate) -> bool:
        return hashlib.sha256(self.served()).digest() == certificate.fingerprint(certificate.signature_hash_algorithm)

    def ask(self, path: str, value: Any = None, method: str | None = None) -> Any:
        """A request of the administrator's."""
        headers = {"Authorization": f"Bearer {self.daemon.token}", "Content-Type": "application/json"}
        body = None if value is None else json.dumps(value).encode()
        with urlopen(Request(self.https + path, body, headers, method=method), timeout=20,
                     context=any_certificate()) as answer:
            data = answer.read()
        return json.loads(data) if answer.headers["Content-Type"].startswith("application/json") else data.decode()

    def knocking(self, name: str) -> int:
        """The status that somebody gets who calls the host by this name."""
        try:
            urlopen(Request(self.https + "api/state", headers={"Host": name}), timeout=20, context=any_certificate())
        except HTTPError as error:
            with error:
                return error.status
        raise AssertionError("nobody said who they are")

    def test_nobody_who_watches_notices(self) -> None:
        self.start()
        stream = f"{self.https}cam/painted/stream.mjpg?token={self.daemon.token}"
        with MjpegReader(stream, WATCHERS) as reader:
            reader.pictures(5)
            seconds = [
                self.swap(reader, self.upload),
                self.swap(reader, self.install),
                self.swap(reader, self.copy),
                self.swap(reader, self.self_sign),
            ]
            reader.pictures(15)
            self.assertEqual(reader.ended, 0)
            self.nothing_missed(reader)
        self.assertEqual(self.ask("api/status")["cameras"][0]["drops"]["client"], 0)
        self.assertLess(max(seconds), 3.0, "a second, and patience with a busy computer")

    def swap(self, reader: MjpegReader, exchange: Callable[[x509.Certificate], Any]) -> float:
        """Exchange the certificate while everybody watches; how long it took until new ones got it."""
        before = self.served()
        certificate = write_pair(self.mine)
        took: list[float] = []
        failed: list[Exception] = []

        def work() -> None:
            try:
                expected = exchange(certificate)
                done = time.monotonic()
                if expected is None:
                    wait_for(lambda: self.is_served(certificate), what="the new certificate")
                else:
                    wait_for(lambda: self.served() != before, what="another certificate")
                took.append(time.monotonic() - done)
            except (AssertionError, OSError) as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        reader.until(lambda: not thread.is_alive(), 40, "the exchange")
        if failed:
            raise failed[0]
        reader.pictures(5)
        return took[0]

    def upload(self, certificate: x509.Certificate) -> None:
        answer = self.ask("api/certificate", {
            "certificate": (self.mine / "fullchain.pem").read_text(),
            "key": (self.mine / "privkey.pem").read_text(),
        }, "PUT")
        self.assertTrue(self.is_served(certificate), "it is in use when the answer comes")
        self.assertEqual((answer["subject"], answer["isSelfSigned"]), ("CN=camera.test", False))

    def install(self, _: x509.Certificate) -> None:
        self.daemon.camd("cert", "install", str(self.mine / "fullchain.pem"), str(self.mine / "privkey.pem"))

    def copy(self, _: x509.Certificate) -> None:
        """As people do it by hand: not at once, and not both together."""
        for name in ("fullchain.pem", "privkey.pem"):
            shutil.copyfile(self.mine / name, self.tls / name)

    def self_sign(self, _: x509.Certificate) -> str:
        return self.daemon.camd("cert", "self-sign", "--force")

    def nothing_missed(self, reader: MjpegReader) -> None:
        """Everybody has all pictures that anybody has, each once and in order, and none is missing to all."""
        taken = [[picture.taken for picture in client.pictures] for client in reader.clients]
        first, last = max(run[0] for run in taken), min(run[-1] for run in taken)
        expected = sorted({moment for run in taken for moment in run if first <= moment <= last})
        self.assertGreater(len(expected), 40)
        for run in taken:
            self.assertEqual([moment for moment in run if first <= moment <= last], expected)
        self.assertGreater(len(expected), 0.7 * 15 * (last - first), "frames of the source")

    def test_a_client_that_checks_everything(self) -> None:
        """The chain up to a root that it knows, and the name."""
        certificate = write_pair(self.mine)
        self.daemon.camd("cert", "install", str(self.mine / "fullchain.pem"), str(self.mine / "privkey.pem"))
        self.start()
        context = ssl.create_default_context(cadata=pem_of(ROOT.certificate).decode())
        self.assertEqual(x509.load_der_x509_certificate(self.served(context)), certificate)
        facts = self.ask("api/certificate")
        self.assertEqual(self.knocking("camera.test"), 401, "its names are ours")
        self.assertEqual(self.knocking("other.test"), 421)
        self.assertEqual((facts["names"], facts["state"]), (["camera.test", "localhost", "127.0.0.1"], "ok"))
        expiry = certificate.not_valid_after_utc.timestamp()
        metric = re.search(r"(?m)^camd_certificate_expiry_timestamp_seconds (\S+)$", self.ask("metrics"))
        self.assertEqual(float(metric[1]), expiry)
        self.assertEqual(self.ask("api/state/system/certificate_expiry")["value"], expiry)

    def test_bad_files(self) -> None:
        """The old one stays in use, and whoever looks after camd hears why."""
        self.start()
        before = self.served()
        certificate = write_pair(self.mine)
        for content in (pem_of(ec_key()), b"", (self.mine / "privkey.pem").read_bytes()[:100]):
            (self.tls / "privkey.pem").write_bytes(content)
            (self.tls / "fullchain.pem").write_bytes((self.mine / "fullchain.pem").read_bytes())
            facts = wait_for(lambda: (found := self.ask("api/certificate"))["state"] == "alert" and found)
            self.assertIn("privkey.pem", facts["reason"])
            self.assertEqual(self.served(), before)
            self.assertEqual(self.ask("health")["checks"]["certificate"], facts["reason"])
            self.assertEqual(self.ask("api/state/system/certificate")["value"], facts)
        shutil.copyfile(self.mine / "privkey.pem", self.tls / "privkey.pem")
        wait_for(lambda: self.is_served(certificate))
        wait_for(lambda: self.ask("api/certificate")["state"] == "ok")
        self.assertEqual(self.ask("health")["checks"]["certificate"], "ok")

    def test_a_bad_pair_at_the_start(self) -> None:
        """The page must be there to say so."""
        write_pair(self.tls, end=-DAY / 2)
        (self.tls / "privkey.pem").write_bytes(pem_of(ec_key()))
        self.start()
        facts = self.ask("api/certificate")
        self.assertEqual((facts["isSelfSigned"], facts["state"]), (True, "alert"))
        self.assertIn("does not belong", self.daemon.log)

    def test_secrets_are_not_in_the_log(self) -> None:
        self.start()
        write_pair(self.mine)
        self.upload(x509.load_pem_x509_certificate((self.mine / "fullchain.pem").read_bytes()))
        audit = self.daemon.directory / "data" / "audit.jsonl"
        wait_for(lambda: "certificate_install" in audit.read_text(), what="the audit log")
        secret = (self.mine / "privkey.pem").read_text().splitlines()[1]
        for path in (self.daemon.directory / "data").rglob("*"):
            if path.is_file() and path != self.tls / "privkey.pem":
                self.assertNotIn(secret.encode(), path.read_bytes(), path)
        self.assertNotIn(secret, self.daemon.log)
