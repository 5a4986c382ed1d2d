"""The clients that recorders are built with, against a real camd."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .client import Client
from .daemon import Daemon
from .waiting import wait_for

FOLDER = Path(__file__).parent
HOME_ASSISTANT = "onvif-zeep-async==4.3.0"
JAVASCRIPT = ("onvif@0.8.3", "node-onvif@0.1.7")
CAMERA = '[cameras.cam1]\nsource = "test:"\nsize = "640x360"\nfps = 15\n'
TIMEOUT = 90
PORTS = ["--https", "tcp:0:interface=127.0.0.1", "--rtsp", "tcp:0:interface=127.0.0.1"]


class ClientTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.daemon = Daemon(CAMERA, arguments=PORTS, admin=True)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.api = Client(self.daemon.url, Authorization=f"Bearer {self.daemon.token}")
        secret = self.api("GET", "/api/users/admin/device-password").json["device_password"]
        self.arguments = ["127.0.0.1", str(self.daemon.port), "admin", secret]

    def watch_for_motion(self) -> None:
        self.api("POST", "/api", {"cameras/cam1/motion/enabled": True, "cameras/cam1/motion/hold": 0.5})

    def run_client(self, command: list[str], **environment: str) -> Any:
        """What a client says that it saw; AssertionError with what it complained of."""
        done = subprocess.run(
            [*command, *self.arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:] + self.daemon.log[-2000:])
        return json.loads(done.stdout.splitlines()[-1])

    def pictures_of(self, uri: str, transport: str) -> list[tuple[int, int]]:
        """The sizes of ten pictures at an address of GetStreamUri, with the same name and password."""
        import av

        where = uri.replace("rtsp://", f"rtsp://{self.arguments[2]}:{self.arguments[3]}@")
        with av.open(where, options={"rtsp_transport": transport}, timeout=20) as stream:
            return [(one.width, one.height) for one in itertools.islice(stream.decode(video=0), 10)]

    def folder(self) -> Path:
        made = Path(tempfile.mkdtemp(prefix="camd-onvif-"))
        self.addCleanup(shutil.rmtree, made, ignore_errors=True)
        return made

    def test_onvif_zeep(self) -> None:
        self.watch_for_motion()
        seen = self.run_client([sys.executable, str(FOLDER / "onvif_zeep_client.py")])
        self.assertEqual((seen["model"], seen["sources"], seen["users"]), ("camd", 1, ["admin"]))
        self.assertIn("/cam1/main", seen["stream"])
        for transport in ("tcp", "udp", "http"):
            self.assertEqual(self.pictures_of(seen["stream"], transport), [(640, 360)] * 10, transport)
        self.assertEqual(self.pictures_of(seen["sub"], "tcp"), [(160, 90)] * 10)
        self.assertEqual(seen["moved"], ["IDLE", "MOVING", "IDLE", True])
        self.assertEqual(seen["brightness"], 60)
        self.assertIn("authorized", seen["wrong password"])
        motion = [(operation, value) for item, operation, value in seen["events"] if item == "State"]
        self.assertEqual([operation for operation, _ in motion[:2]], ["Initialized", "Changed"])
        self.assertNotEqual(motion[0][1], motion[1][1])

    def test_home_assistants_calls(self) -> None:
        """Its client installs a module of the same name as onvif-zeep's, so it has an environment of its
        own."""
        folder = self.folder()
        python = str(folder / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", HOME_ASSISTANT],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
            if done.returncode:
                raise SkipTest(f"cannot install {HOME_ASSISTANT}: {done.stderr.strip()[-300:]}")
        seen = self.run_client([python, str(FOLDER / "onvif_home_assistant.py")])
        for name in ("clock", "serial", "can snapshot", "imaging"):
            self.assertTrue(seen[name], name)
        self.assertGreaterEqual(seen["profiles"], 1)
        self.assertEqual(seen["snapshot"], "ffd8")
        self.assertEqual(seen["moves"], [True] * 4)
        self.assertIn("Initialized", seen["events"])
        self.assertIn("NotAuthorized", seen["wrong password"])

    def test_the_clients_in_javascript(self) -> None:
        for command in ("node", "npm"):
            if shutil.which(command) is None:
                raise SkipTest(f"{command} is not installed")
        folder = self.folder()
        npm = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund",
               "--fetch-retries=0", "--fetch-timeout=20000", *JAVASCRIPT]  # fmt: skip
        done = subprocess.run(npm, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise SkipTest(f"npm cannot install {JAVASCRIPT}: {done.stderr.strip()[-300:]}")
        seen = self.run_client(
            ["node", str(FOLDER / "onvif_client.js")], NODE_PATH=str(folder / "node_modules")
        )
        first, second = seen["onvif"], seen["node-onvif"]
        self.assertEqual((first["model"], second["model"]), ("camd", "camd"))
        self.assertEqual((first["profiles"], second["profiles"]), (2, 2))
        self.assertEqual(first["moving"], "IDLE")
        self.assertEqual(float(first["brightness"]), 55)
        self.assertEqual(second["snapshot"], "ffd8")
        self.assertTrue(first["event"])
        for one in (first, second):
            self.assertNotEqual(one["wrong password"], "taken")

    def test_a_device_of_its_own(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.api("POST", "/api", {"onvif/ports": {"cam1": port}})
        wait_for(
            lambda: (
                len(self.api("POST", "/api", {"get": ["onvif/devices"]}).json["values"]["onvif/devices"]) == 2
            )
        )
        names = [self.guid(Client(url)) for url in (self.daemon.url, f"http://127.0.0.1:{port}/")]
        self.assertEqual(len(set(names)), 2)
        self.daemon.stop()
        self.daemon.start()
        api = Client(self.daemon.url, Authorization=f"Bearer {self.daemon.token}")
        wait_for(
            lambda: len(api("POST", "/api", {"get": ["onvif/devices"]}).json["values"]["onvif/devices"]) == 2
        )
        again = [self.guid(Client(url)) for url in (self.daemon.url, f"http://127.0.0.1:{port}/")]
        self.assertEqual(again, names)

    def guid(self, client: Client) -> str:
        """What a device calls itself."""
        connection = client.connect()
        body = (
            b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
            b'<GetEndpointReference xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
        )
        connection.request("POST", "/onvif/device_service", body, {"Content-Type": "application/soap+xml"})
        answer = connection.getresponse().read().decode()
        connection.close()
        return re.search(r"urn:uuid:[-0-9a-f]{36}", answer)[0]

    def test_what_it_costs(self) -> None:
        """Nothing until somebody speaks ONVIF, and little then."""
        process = psutil.Process(self.daemon.pid)
        maps = Path(f"/proc/{self.daemon.pid}/maps")
        self.assertNotIn("lxml", maps.read_text())
        before = process.memory_info().rss
        body = (
            b'<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
            b'<GetCapabilities xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
        )
        connection = self.api.connect()
        for _ in range(80):  # a second allows a stranger 100
            connection.request(
                "POST", "/onvif/device_service", body, {"Content-Type": "application/soap+xml"}
            )
            answer = connection.getresponse()
            self.assertEqual((answer.status, b"XAddr" in answer.read()), (200, True))
        connection.close()
        self.assertIn("lxml", maps.read_text())
        self.assertLess(process.memory_info().rss - before, 15 * 1024 * 1024)
