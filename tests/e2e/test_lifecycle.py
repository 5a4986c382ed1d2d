"""A daemon's life: its start or a clear refusal, a reload that disturbs nobody, and a quick end."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from . import rest
from .daemon import ROOT, Daemon
from .mjpeg_reader import MjpegReader
from .waiting import wait_for
from .websocket import WebSocket

PROBE = ROOT / "tests/fixtures/camd_probe"
BOTH = ["--https", "tcp:0:interface=127.0.0.1"]
READ_AGAIN = "configuration and certificates read again"
CAMERA = """
[cameras.cam1]
source = "test:"
size = "320x240"
fps = 15
"""


class LifecycleTestCase(SynchronousTestCase):
    timeout = 120

    def started(self, toml: str = CAMERA, arguments: Any = ("--https", "off"), **environment: str) -> Daemon:
        daemon = self.prepared(toml, arguments, **environment)
        daemon.start()
        self.addCleanup(daemon.stop)
        return daemon

    def prepared(self, toml: str = CAMERA, arguments: Any = ("--https", "off"), **environment: str) -> Daemon:
        environment = {"PYTHONPATH": f"{PROBE}:{ROOT}", **environment}
        daemon = Daemon(toml, arguments=arguments, environment=environment, everyone=True)
        self.addCleanup(daemon.remove)
        return daemon

    def websockets(self, url: str, count: int, **options: Any) -> list[WebSocket]:
        clients = [WebSocket(url, **options) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def readers(self, url: str, count: int = 1, **options: Any) -> MjpegReader:
        reader = MjpegReader(url, count, **options)
        self.addCleanup(reader.close)
        return reader

    def stop(self, daemon: Daemon, meanwhile: Any = lambda: None) -> None:
        """SIGTERM, and a clean end within three seconds; meanwhile() runs while it stops."""
        start = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(daemon.stop)
            meanwhile()
            code = stopping.result()
        self.assertLess(time.monotonic() - start, 3.0)
        self.assertEqual(code, -signal.SIGTERM)  # what a shell calls 143
        for trouble in ("Traceback", "Unhandled"):
            self.assertNotIn(trouble, daemon.log)


def https(daemon: Daemon) -> str:
    """The address of the HTTPS site, as the daemon printed it."""
    found = re.search(r"https://\S+/", daemon.log)
    assert found, daemon.log
    return found[0]


class StopTests(LifecycleTestCase):
    def test_with_fifty_clients_connected(self) -> None:
        daemon = self.started(arguments=BOTH)
        clients = self.websockets(daemon.url, 30) + self.websockets(https(daemon), 20)
        plain = self.readers(daemon.url + "stream", 3)
        encrypted = self.readers(https(daemon) + "stream", 2)
        silent = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
        self.addCleanup(silent.close)
        plain.pictures(3)
        encrypted.pictures(3)
        codes: list[int] = []
        self.stop(daemon, lambda: codes.extend(client.until_closed() for client in clients))
        self.assertEqual(codes, [1001] * 50)
        plain.until(lambda: plain.ended == 3)
        encrypted.until(lambda: encrypted.ended == 2)
        self.assertEqual(silent.recv(1), b"")

    def test_with_clients_that_do_not_read(self) -> None:
        daemon = self.started('[cameras.cam1]\nsource = "test:"\n', arguments=BOTH)  # large pictures
        self.websockets(daemon.url, 20, receive_buffer=4096)
        self.websockets(https(daemon), 5, receive_buffer=4096)
        for url in (daemon.url, https(daemon)):
            self.readers(url + "stream", 2, receive_buffer=4096)
        wait_for(lambda: rest.camera(daemon.url)["drops"]["client"] > 10)
        self.stop(daemon)

    def test_while_devices_hang(self) -> None:
        calls = ("read", "open", "close")
        cameras = "".join(f'[cameras.bad_{call}]\nsource = "hang:{call}"\n' for call in calls)
        daemon = self.started(CAMERA + cameras)
        good = self.readers(daemon.url + "cam/cam1/stream.mjpg", 2)
        bad = [self.readers(f"{daemon.url}cam/bad_{call}/stream.mjpg") for call in calls]
        bad[2].pictures(5)
        bad[2].close()
        bad[0].pictures(2)
        # No picture of that source is as large as a card.
        bad[0].next(lambda picture: len(picture.data) > 1000, what="the card")
        self.assertEqual(rest.camera(daemon.url, "bad_read")["state"], "stalled")
        bad[1].next(lambda picture: len(picture.data) > 1000, what="the card")
        good.pictures(30)
        for client in good.clients:
            self.assertLess(max(b.taken - a.taken for a, b in pairwise(client.pictures)), 0.5)
        self.stop(daemon)
        self.assertIn("are abandoned: PoolThread-capture-", daemon.log)

    def test_while_many_devices_never_answered(self) -> None:
        cameras = "".join(f'[cameras.bad{number}]\nsource = "hang:probe"\n' for number in range(12))
        daemon = self.started(CAMERA + cameras)
        self.assertEqual(rest.fetch(daemon.url + "snapshot").status, 200)
        self.assertIn("values", rest.ask(daemon.url, {"cameras/cam1/brightness": 60}))
        saved = daemon.directory / "data/state.json"
        wait_for(lambda: saved.exists() and "brightness" in saved.read_text(), what="the saved value")
        reader = self.readers(daemon.url + "cam/bad7/stream.mjpg")
        reader.pictures(1)  # a card
        self.stop(daemon)

    def test_and_started_again_on_the_same_port(self) -> None:
        daemon = self.prepared()
        daemon.start()
        self.stop(daemon)
        daemon.start()
        self.assertEqual(rest.fetch(daemon.url + "snapshot").status, 200)
        self.stop(daemon)


class RefusedStartTests(LifecycleTestCase):
    def fails(self, daemon: Daemon, code: int) -> str:
        self.assertRaises(AssertionError, daemon.start)
        self.assertEqual(daemon.code, code, daemon.log)
        self.assertNotIn("Traceback", daemon.log)
        return daemon.log

    def occupied(self) -> int:
        """A port that this process listens on."""
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        return taken.getsockname()[1]

    def test_a_port_in_use(self) -> None:
        for option in ("--http", "--https"):
            port = self.occupied()
            daemon = self.prepared(arguments=["--https", "off", option, f"tcp:{port}:interface=127.0.0.1"])
            lines = self.fails(daemon, 1).splitlines()
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(f"camd cannot start: {option[2:]}: port {port} is in use by", lines[0])
            self.assertIn(f"(process {os.getpid()})", lines[0])

    def test_an_address_that_is_not_ours(self) -> None:
        daemon = self.prepared(arguments=["--https", "off", "--http", "tcp:8080:interface=192.0.2.1"])
        self.assertIn("camd cannot start: http: ", self.fails(daemon, 1))

    def test_a_configuration_with_mistakes(self) -> None:
        daemon = self.prepared('[cameras.cam1]\nsorce = "test:"\n[websocket]\nmax_clients = "many"\n')
        log = self.fails(daemon, 78)
        self.assertIn(f"camd: {daemon.config}", log)
        self.assertIn("cameras.cam1.sorce", log)
        self.assertIn("source", log.split("cameras.cam1.sorce", 1)[1].splitlines()[0])  # did you mean
        self.assertIn("websocket.max_clients: expected a whole number", log)

    def test_a_configuration_that_is_no_toml(self) -> None:
        daemon = self.prepared('main_camera = "cam1"\n\n[cameras.cam1\n')
        self.assertIn(f"{daemon.config}:3: ", self.fails(daemon, 78))

    def test_a_wrong_option(self) -> None:
        daemon = self.prepared(arguments=["--https", "8443"])
        log = self.fails(daemon, 78)
        self.assertIn("--https", log)
        self.assertIn('write "tcp:8080"', log)


class ReloadTests(LifecycleTestCase):
    def reload(self, daemon: Daemon, toml: str, told: str) -> None:
        before = daemon.log.count(told)
        daemon.config.write_text(toml)
        os.kill(daemon.pid, signal.SIGHUP)
        wait_for(lambda: daemon.log.count(told) > before, what=told)

    def test_new_cameras_come_and_the_clients_of_others_notice_nothing(self) -> None:
        door = CAMERA.replace("cam1", "door")
        daemon = self.started(CAMERA + door)
        stays = self.readers(daemon.url + "cam/cam1/stream.mjpg", 2)
        goes = self.readers(daemon.url + "cam/door/stream.mjpg")
        script = self.websockets(daemon.url, 1)[0]
        stays.pictures(5)
        goes.pictures(1)
        self.reload(daemon, CAMERA + CAMERA.replace("cam1", "yard"), READ_AGAIN)
        goes.until(lambda: goes.ended == 1, what="the end of the camera that was taken out")
        self.assertIs(script.change("cameras/door/state", None)["removed"], True)
        script.change("cameras/yard/online", True)
        self.assertEqual(rest.fetch(daemon.url + "cam/yard/snapshot.jpg").status, 200)
        self.assertEqual(rest.fetch(daemon.url + "cam/door/snapshot.jpg").status, 404)
        stays.pictures(10)
        self.assertEqual(stays.ended, 0)
        for client in stays.clients:
            self.assertLess(max(b.taken - a.taken for a, b in pairwise(client.pictures)), 0.5)
        self.assertEqual([one["id"] for one in rest.status(daemon.url)["cameras"]], ["cam1", "yard"])

    def test_a_bad_configuration_changes_nothing(self) -> None:
        daemon = self.started()
        reader = self.readers(daemon.url + "stream", 2)
        reader.pictures(2)
        names = rest.fetch(daemon.url + "api/schema").json["schema"].keys()
        for toml, told in (
            ("[cameras.cam1\n", f"configuration not taken: {daemon.config}:1: "),
            (CAMERA + "[cameras.yard]\nsource = 'test:'\nfps = 'fast'\n", "cameras.yard.fps: expected"),
        ):
            self.reload(daemon, toml, told)
        reader.pictures(10)
        self.assertEqual(reader.ended, 0)
        self.assertEqual(rest.fetch(daemon.url + "api/schema").json["schema"].keys(), names)
        self.reload(daemon, CAMERA, READ_AGAIN)
        self.stop(daemon)

    def test_a_signal_during_the_start_ends_nothing(self) -> None:
        daemon = self.prepared(CAMERA + '[cameras.door]\nsource = "hang:probe"\n')
        starting = ThreadPoolExecutor(1).submit(daemon.start)
        self.addCleanup(daemon.stop)
        handler = 1 << signal.SIGHUP - 1

        def caught() -> bool:
            try:
                status = Path(f"/proc/{daemon.pid}/status").read_text()
            except (AssertionError, OSError):
                return False
            return bool(int(re.findall(r"SigCgt:\s*([0-9a-f]+)", status)[0], 16) & handler)

        wait_for(caught)
        os.kill(daemon.pid, signal.SIGHUP)
        starting.result()
        wait_for(lambda: READ_AGAIN in daemon.log, what=READ_AGAIN)

    def test_another_size_opens_the_camera_anew(self) -> None:
        daemon = self.started()
        self.reload(daemon, CAMERA.replace("320x240", "640x360"), READ_AGAIN)
        wait_for(lambda: rest.fetch(daemon.url + "snapshot").status == 200)
        self.assertEqual(rest.camera(daemon.url)["resolution"], "640x360")


class SystemdTests(LifecycleTestCase):
    def told(self, listening: socket.socket) -> str:
        return listening.recv(4096).decode()

    def life(self, address: str, bind: str) -> None:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.bind(bind)
        listening.settimeout(20)
        daemon = self.started(NOTIFY_SOCKET=address, WATCHDOG_USEC="300000")
        self.assertEqual(self.told(listening), "READY=1")
        self.assertEqual([self.told(listening) for _ in range(3)], ["WATCHDOG=1"] * 3)
        os.kill(daemon.pid, signal.SIGHUP)
        while not (message := self.told(listening)).startswith("RELOADING=1"):
            self.assertEqual(message, "WATCHDOG=1")
        self.assertRegex(message, r"\ARELOADING=1\nMONOTONIC_USEC=\d+\Z")
        while (message := self.told(listening)) != "READY=1":
            self.assertEqual(message, "WATCHDOG=1")
        self.stop(daemon)
        while (message := self.told(listening)) != "STOPPING=1":
            self.assertEqual(message, "WATCHDOG=1")

    def test_a_socket_in_a_folder(self) -> None:
        folder = self.prepared().directory
        self.life(f"{folder}/notify", f"{folder}/notify")

    def test_a_socket_without_a_file(self) -> None:
        self.life(f"@camd-{os.getpid()}", f"\0camd-{os.getpid()}")


class ReadinessTests(LifecycleTestCase):
    def test_a_camera_that_is_not_there(self) -> None:
        daemon = self.started(CAMERA + '[cameras.door]\nsource = "file:/nowhere/door.mkv"\n')
        ready = wait_for(lambda: (answer := rest.fetch(daemon.url + "ready")).status == 503 and answer)
        self.assertEqual(ready.json["ready"], False)
        reason = "absent: video file /nowhere/door.mkv: No such file or directory"
        self.assertEqual(ready.json["reasons"], {"door": reason})
        health = rest.fetch(daemon.url + "health")
        self.assertEqual((health.status, health.json["status"]), (200, "degraded"))
        self.assertIn("/nowhere/door.mkv", health.json["checks"]["camera door"])
        self.assertEqual(health.json["checks"]["camera cam1"], "ok")
        self.assertEqual(rest.fetch(daemon.url + "snapshot").status, 200)


class EncryptedTests(LifecycleTestCase):
    """HTTPS with the certificate that camd makes for itself."""

    def test_page_stream_and_websocket(self) -> None:
        daemon = self.started(arguments=BOTH)
        url = https(daemon)
        page = rest.fetch(url)
        self.assertEqual(page.status, 200)
        self.assertIn(b"<title>", page.body)
        self.assertIn("script-src 'self'", page.headers["Content-Security-Policy"])
        key = daemon.directory / "data/tls/privkey.pem"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        encrypted, plain = self.websockets(url, 1)[0], self.websockets(daemon.url, 1)[0]
        streams = self.readers(url + "stream", 3)
        streams.pictures(20)
        for value in range(51, 61):
            self.assertIn("values", rest.ask(url, {"cameras/cam1/brightness": value}))
            for client in (encrypted, plain):
                self.assertEqual(client.change("cameras/cam1/brightness")["value"], value)
        streams.pictures(5)

    def test_a_client_that_reads_late_gets_the_present(self) -> None:
        daemon = self.started('[cameras.cam1]\nsource = "test:"\n', arguments=BOTH)  # large pictures
        stream = self.readers(https(daemon) + "stream", 1)
        lazy = stream.add(receive_buffer=4096)
        stream.pictures(2)
        stream.pause(lazy)
        stream.until(lambda: rest.camera(daemon.url)["drops"]["client"] > 10)
        stream.resume(lazy)
        stream.next(lambda picture: time.time() - picture.taken < 1)

    def test_nothing_plain_is_on_the_wire(self) -> None:
        daemon = self.started(arguments=BOTH)
        host = urlsplit(https(daemon)).netloc.encode()
        stream = b"GET /stream HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        self.only_records(self.tap(daemon, stream, b"Content-Type: image/jpeg", 10), b"image/jpeg")
        upgrade = (
            b"GET /api HTTP/1.1\r\nHost: " + host + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self.only_records(self.tap(daemon, upgrade, b'"probe/number", "value"', 5), b"probe")

    def only_records(self, wire: bytes, secret: bytes) -> None:
        """Nothing but TLS records (RFC 8446 5.1), the last one perhaps cut off."""
        self.assertNotIn(secret, wire)
        while len(wire) >= 5:
            kind, version, length = wire[0], wire[1:3], int.from_bytes(wire[3:5], "big")
            self.assertIn(kind, (20, 21, 22, 23))
            self.assertEqual(version, b"\x03\x03")
            self.assertLessEqual(length, 2**14 + 256)
            wire = wire[5 + length :]

    def tap(self, daemon: Daemon, request: bytes, wanted: bytes, times: int) -> bytes:
        """What came over the wire until it had meant `wanted` so many times."""
        where = urlsplit(https(daemon))
        connection = socket.create_connection((where.hostname, where.port), timeout=20)
        self.addCleanup(connection.close)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = rest.any_certificate().wrap_bio(incoming, outgoing, server_hostname=where.hostname)
        wire, seen, asked = b"", 0, False
        while seen < times:
            try:
                if not asked:
                    tls.do_handshake()
                    tls.write(request)
                    asked = True
                seen += tls.read(65536).count(wanted)
                rest.ask(daemon.url, {"probe/number": len(wire)})  # something to tell
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                data = connection.recv(65536)
                self.assertTrue(data, "the server closed")
                wire += data
                incoming.write(data)
        return wire

    def test_a_client_that_speaks_plainly_hears_nothing(self) -> None:
        daemon = self.started(arguments=BOTH)
        where = urlsplit(https(daemon))
        with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
            connection.sendall(b"GET /stream HTTP/1.1\r\nHost: camd\r\n\r\n")
            answer = b""
            while data := connection.recv(4096):
                answer += data
        self.assertLess(len(answer), 32)  # a TLS alert at most
        self.assertNotIn(b"HTTP", answer)
        self.assertEqual(rest.fetch(https(daemon)).status, 200)

    def test_the_certificate_stays(self) -> None:
        daemon = self.started(arguments=BOTH)
        certificate = (daemon.directory / "data/tls/fullchain.pem").read_bytes()
        where = urlsplit(https(daemon))
        shown = ssl.get_server_certificate((where.hostname, where.port))
        self.assertIn(shown.strip().encode(), certificate)
        self.stop(daemon)
        daemon.start()
        self.assertEqual(Path(daemon.directory / "data/tls/fullchain.pem").read_bytes(), certificate)
