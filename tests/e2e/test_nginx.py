"""camd below a sub-path of nginx, as a reader of docs/configuration.md sets it up."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .browser import MISSING, Browser
from .client import Client
from .daemon import PASSWORD, ROOT, Daemon
from .websocket import Refused, WebSocket

NGINX = shutil.which("nginx") or (Path("/usr/sbin/nginx").exists() and "/usr/sbin/nginx") or ""
CAMD = """
[web]
trusted_proxies = ["127.0.0.1"]
{more}
[cameras.cam1]
source = "test:"
size = "320x240"
fps = 10
"""
CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def documented(camd: int) -> str:
    """The location of the page, for this port of camd."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    found = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert found is not None, "docs/configuration.md has no nginx any more"
    assert "127.0.0.1:8080" in found[1]
    return found[1].replace("127.0.0.1:8080", f"127.0.0.1:{camd}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NginxCase(SynchronousTestCase):
    timeout = 120
    more = ""
    unprefixed = True

    def setUp(self) -> None:
        if not NGINX:
            raise SkipTest("needs nginx: apt install nginx-light")
        self.folder = Path(tempfile.mkdtemp(prefix="camd-nginx-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.daemon = Daemon(CAMD.format(more=self.more), arguments=["--https", "off"], admin=True)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        port = free_port()
        location = self.location()
        (self.folder / "nginx.conf").write_text(
            CONFIG.format(folder=self.folder, port=port, location=location)
        )
        self.nginx = subprocess.Popen(
            [NGINX, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.addCleanup(self._end)
        self.url = f"http://127.0.0.1:{port}/cams/"
        self._await(port)

    def location(self) -> str:
        return documented(self.daemon.port)

    def _await(self, port: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.nginx.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)  # there is no event to wait for
        raise AssertionError(
            f"nginx did not start: {self.nginx.stdout.read() if self.nginx.poll() is not None else ''}"
        )

    def _end(self) -> None:
        self.nginx.terminate()
        self.nginx.wait(10)
        self.nginx.stdout.close()

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.daemon.token}"}


class BelowTests(NginxCase):
    def test_requests(self) -> None:
        client = Client(self.url, **self.bearer())
        self.assertEqual(client("GET", "/").status, 200)
        self.assertEqual(client("GET", "/app.js").status, 200)
        self.assertEqual(client("GET", "/api/status").json["cameras"][0]["id"], "cam1")
        self.assertEqual(
            client("POST", "/api", {"cameras/cam1/brightness": 60}).json["values"],
            {"cameras/cam1/brightness": 60},
        )
        self.assertEqual(client("GET", "/cam/cam1/snapshot.jpg").body[:2], b"\xff\xd8")
        self.assertEqual(Client(self.url)("GET", "/api/status").status, 401)

    def test_a_session(self) -> None:
        client = Client(self.url)
        origin = self.url.removesuffix("/cams/")
        answer = client("POST", "/api/login", {"username": "admin", "password": PASSWORD}, Origin=origin)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("; Path=/cams/; HttpOnly; SameSite=Strict", answer.headers["set-cookie"])
        self.assertEqual(client("GET", "/api/me").json["how"], "session")
        ask = {"get": ["system/version"]}
        self.assertEqual(client("POST", "/api", ask, Origin=origin).status, 200)
        self.assertEqual(client("POST", "/api", ask).status, 403)
        self.assertEqual(client("POST", "/api", ask, Origin="http://evil.example").status, 403)
        with WebSocket(self.url, headers={"Cookie": client.headers["Cookie"], "Origin": origin}) as socket:
            self.assertIn("values", socket.ask(ask))
        with self.assertRaises(Refused):
            WebSocket(self.url, headers={"Cookie": client.headers["Cookie"], "Origin": "http://evil.example"})

    def test_streams_and_websockets(self) -> None:
        with (
            WebSocket(self.url, headers=self.bearer()) as one,
            WebSocket(self.url, headers=self.bearer()) as other,
        ):
            self.assertIn("values", one.ask({"cameras/cam1/contrast": 70}))
            self.assertEqual(other.change("cameras/cam1/contrast", 70)["value"], 70)
        viewer = Client(self.url)
        connection = viewer.connect()
        self.addCleanup(connection.close)
        viewer.send(connection, "GET", f"/cam/cam1/stream.mjpg?token={self.daemon.token}")
        stream = connection.getresponse()
        data = b""
        while data.count(b"Content-Type: image/jpeg") < 3:
            piece = stream.read1()
            self.assertTrue(piece, data[:200])
            data += piece

    def test_who_asks_is_who_asked_nginx(self) -> None:
        near, far = Client(self.url), Client(self.url, "127.0.0.9")
        wrong = {"username": "admin", "password": "wrong"}
        statuses = [far("POST", "/api/login", wrong).status for _ in range(6)]
        self.assertEqual(statuses, [401] * 5 + [429])
        self.assertEqual(near("POST", "/api/login", {"username": "admin", "password": PASSWORD}).status, 200)
        entries = near("GET", "/api/audit").json["entries"]
        self.assertEqual(
            {one["address"] for one in entries if one["event"] == "login_refused"}, {"127.0.0.9"}
        )

    def test_the_page_in_a_browser(self) -> None:
        if MISSING:
            raise SkipTest(MISSING)
        browser = Browser()
        self.addCleanup(browser.close)
        browser.open(self.url + "login")
        browser.driver.execute_async_script(
            "fetch('api/login', {method: 'POST', headers: {'Content-Type': 'application/json'}, "
            "body: JSON.stringify({username: 'admin', password: arguments[0]})}).then(arguments[1])",
            PASSWORD,
        )
        browser.open(self.url)
        browser.wait("document.body.dataset.phase === 'open' && document.querySelector('.control')")
        width = "document.querySelector('.frame video')?.videoWidth || document.querySelector('.frame canvas')?.width"
        browser.wait(f"({width}) === 320")
        seen = browser.ask(
            "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
        )
        self.assertEqual([path for path in seen if not path.startswith("/cams/")], [])


class PrefixKeptTests(NginxCase):
    """A proxy that leaves its path in, and camd told of it."""

    more = 'base_path = "/cams"'

    def location(self) -> str:
        lines = [line for line in documented(self.daemon.port).splitlines() if "Prefix" not in line]
        return "\n".join(lines).replace(f":{self.daemon.port}/;", f":{self.daemon.port};")

    def test_all(self) -> None:
        client = Client(self.url)
        answer = client("POST", "/api/login", {"username": "admin", "password": PASSWORD})
        self.assertIn("; Path=/cams/;", answer.headers["set-cookie"])
        for path in ("/", "/app.js", "/api/status", "/cam/cam1/snapshot.jpg"):
            self.assertEqual(client("GET", path).status, 200, path)
        with WebSocket(self.url, headers=self.bearer()) as socket:
            self.assertIn("values", socket.ask({"get": ["system/version"]}))
