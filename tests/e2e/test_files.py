"""Files with clients that nobody here wrote, over real sockets and disks: curl, wget, and those that leave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import zipfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from .client import Client
from .daemon import Daemon
from .waiting import wait_for

MB = 1 << 20


class FilesCase(SynchronousTestCase):
    """A daemon in which everybody may everything. self.root: its files on disk; self.place: a folder of the test."""

    def setUp(self) -> None:
        self.daemon = Daemon('[cameras.cam1]\nsource = "test:"\n', everyone=True,
                             arguments=["--https", "tcp:0:interface=127.0.0.1"])  # fmt: skip
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.begun = len(self.daemon.log)
        self.url = self.daemon.url.rstrip("/")
        self.client = Client(self.url)
        self.root = self.daemon.directory / "data" / "files"
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir(parents=True)

    def random(self, size: int) -> Path:
        path = self.place / "random"
        path.write_bytes(os.urandom(size))
        return path

    def run_client(self, *command: str) -> str:
        if shutil.which(command[0]) is None:
            raise SkipTest(f"{command[0]} is not here")
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.place, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def curl(self, *arguments: str) -> str:
        return self.run_client("curl", "-sS", "--fail-with-body", "-k", *arguments)

    @property
    def there(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))

    @property
    def https(self) -> str:
        found = re.search(r"https://[^/\s]+:(\d+)/", self.daemon.log)
        assert found is not None
        return f"https://127.0.0.1:{found[1]}"


class ForeignClientTests(FilesCase):
    def test_curl_up_and_down(self) -> None:
        data = self.random(5 * MB)
        told = json.loads(self.curl("-F", f"file=@{data}", "-F", "path=/a", f"{self.url}/upload"))
        self.assertEqual((told["path"], told["size"]), ("/a/random", 5 * MB))
        self.curl("-T", str(data), f"{self.https}/files/b/random")
        self.curl("-T", os.devnull, f"{self.url}/files/empty")
        for url in (f"{self.url}/download/a/random", f"{self.https}/files/a/random", f"{self.url}/files/b/random"):
            self.curl("-o", "copy", url)
            self.assertEqual(_digest(self.place / "copy"), _digest(data), url)
        self.assertEqual(self.there, ["a", "a/random", "b", "b/random", "empty"])

    def test_curl_resumes(self) -> None:
        data = self.random(5 * MB)
        shutil.copy(data, self.root / "x")
        for url in (self.url, self.https):
            (self.place / "copy").write_bytes(data.read_bytes()[:1_234_567])
            self.curl("-C", "-", "-o", "copy", f"{url}/download/x")
            self.assertEqual(_digest(self.place / "copy"), _digest(data))
        self.assertEqual(self.curl("-r", "-5", "-w", "%{http_code} %{size_download}", "-o", "part", f"{self.url}/files/x"),
                         "206 5")  # fmt: skip

    def test_curl_asks_whether_it_is_newer(self) -> None:
        (self.root / "x").write_bytes(b"1")
        self.curl("--etag-save", "etag", "-o", "copy", f"{self.url}/files/x")
        answer = self.curl("--etag-compare", "etag", "-o", "copy", "-w", "%{http_code}", f"{self.url}/files/x")
        self.assertEqual(answer, "304")

    def test_wget_resumes(self) -> None:
        data = self.random(2 * MB)
        shutil.copy(data, self.root / "x")
        (self.place / "x").write_bytes(data.read_bytes()[:MB])
        self.run_client("wget", "-q", "-c", f"{self.url}/files/x")
        self.assertEqual(_digest(self.place / "x"), _digest(data))

    def test_an_archive(self) -> None:
        data = self.random(3 * MB)
        (self.root / "a").mkdir()
        shutil.copy(data, self.root / "a" / "x")
        for url in (self.url, self.https):
            self.curl("-o", "copy.zip", f"{url}/api/files/zip?path=a")
            with zipfile.ZipFile(self.place / "copy.zip") as file:
                self.assertEqual(file.read("a/x"), data.read_bytes())

    def test_a_refused_client_sends_nothing(self) -> None:
        """curl asks first (Expect: 100-continue) what is refused."""
        data = self.random(20 * MB)
        (self.root / "x").write_bytes(b"1")
        told = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "-T", str(data),
             f"{self.url}/files/x?overwrite=false"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.assertEqual(told.stdout.split()[0], "409")
        self.assertLess(int(told.stdout.split()[1]), MB)


class DownloadTests(FilesCase):
    def test_a_disk_that_has_to_be_read(self) -> None:
        """What the kernel does not have in its cache is read by a thread; it is the same file."""
        data = self.random(40 * MB)
        target = self.root / "x"
        shutil.copy(data, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.curl("-o", "copy", f"{self.url}/files/x")
        self.assertEqual(_digest(self.place / "copy"), _digest(data))

    def test_clients_that_leave(self) -> None:
        (self.root / "x").write_bytes(bytes(50 * MB))
        for url in [self.url] * 10 + [self.https] * 5:
            connection = Client(url).connect()
            connection.request("GET", "/files/x")
            connection.getresponse().read(100_000)
            connection.close()
        wait_for(lambda: str(self.root / "x") not in _open_files(self.daemon.pid), what="the file to be closed")
        self.assertEqual(self.client("GET", "/health").status, 200)
        self.assertNotIn("Traceback", self.daemon.log[self.begun :])

    def test_a_slow_client_costs_no_memory(self) -> None:
        (self.root / "x").write_bytes(bytes(100 * MB))
        before = _memory(self.daemon.pid)
        slow = []
        for url in [self.url] * 5 + [self.https] * 5:
            connection = Client(url).connect()
            connection.request("GET", "/files/x")
            slow.append((connection, connection.getresponse()))
        self.client("GET", "/files/x", Range="bytes=0-1000000")
        self.assertLess(_memory(self.daemon.pid) - before, 30 * MB)
        for connection, answer in slow:
            self.assertEqual(len(answer.read(MB)), MB)
            connection.close()

    def test_requests_sent_ahead(self) -> None:
        """Files and other answers in turn, on one connection."""
        (self.root / "x").write_bytes(b"x" * 300_000)
        with socket.create_connection(("127.0.0.1", self.daemon.port), 10) as client:
            for path in ("/files/x", "/health", "/files/x", "/files/nothing"):
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            client.sendall(b"GET /files/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            data = b"".join(iter(lambda: client.recv(65536), b""))
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+) ", data), [b"200", b"200", b"200", b"404", b"200"])
        self.assertEqual(data.count(b"x" * 300_000), 3)


class UploadTests(FilesCase):
    def test_twenty_interrupted_uploads(self) -> None:
        for number in range(20):
            client = self.begin("PUT", f"/files/a/{number}", 10 * MB)
            client.sendall(bytes(number * 300_000))
            if number % 2:  # the connection is reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        wait_for(lambda: self.there == [], what=f"nothing to be left, but {self.there}")
        self.assertNotIn("Traceback", self.daemon.log[self.begun :])

    def test_camd_is_killed(self) -> None:
        client = self.begin("PUT", "/files/x", 10 * MB)
        client.sendall(bytes(5 * MB))
        wait_for(lambda: self.there, what="a part")
        os.kill(self.daemon.pid, signal.SIGKILL)
        client.close()
        self.daemon.stop()
        self.assertEqual(len(self.there), 1)
        self.daemon.start()
        self.assertEqual(self.there, [])

    def test_camd_stops(self) -> None:
        """In the middle of both, as soon as ever; and nothing is left of the upload after the next start."""
        (self.root / "x").write_bytes(bytes(50 * MB))
        upload = self.begin("PUT", "/files/y", 10 * MB)
        upload.sendall(bytes(5 * MB))
        downloads = [Client(url).connect() for url in (self.url, self.https)]
        for download in downloads:
            download.request("GET", "/files/x")
        wait_for(lambda: len(self.there) == 2, what="a part")
        self.assertIn(self.daemon.stop(), (0, 143, -15))
        self.assertNotIn("Traceback", self.daemon.log[self.begun :])
        for download in downloads:
            download.close()
        self.daemon.start()
        self.assertEqual(self.there, ["x"])

    def test_memory_is_bounded(self) -> None:
        before = _memory(self.daemon.pid)
        with (self.place / "zeros").open("wb") as file:
            file.truncate(100 * MB)
        self.curl("-F", f"file=@{self.place}/zeros", f"{self.url}/upload")
        self.curl("-T", str(self.place / "zeros"), f"{self.https}/files/z")
        self.assertEqual((self.root / "zeros").stat().st_size, 100 * MB)
        self.assertLess(_memory(self.daemon.pid) - before, 20 * MB)

    def test_a_full_disk(self) -> None:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "camd-tests", str(self.root)],
                                 capture_output=True, text=True, check=False)  # fmt: skip
        if mounted.returncode:
            raise SkipTest(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.root)], check=True)
        data = self.random(40 * MB)
        self.curl("-T", str(data), f"{self.url}/files/fits")
        self.curl("-o", "copy", f"{self.url}/files/fits")  # of a file system that cannot tell what is in memory
        self.assertEqual(_digest(self.place / "copy"), _digest(data))
        for arguments in (["-T", str(data), f"{self.url}/files/x"], ["-F", f"file=@{data}", f"{self.url}/upload"],
                          ["-H", "Transfer-Encoding: chunked", "-T", str(data), f"{self.url}/files/y"]):  # fmt: skip
            told = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *arguments],
                                  capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
            self.assertEqual(told.stdout[-3:], "507", arguments)
        wait_for(lambda: self.there == ["fits"], what=f"nothing to be left, but {self.there}")
        self.assertEqual(self.client("GET", "/health").status, 200)

    def begin(self, method: str, path: str, length: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.daemon.port), 10)
        self.addCleanup(client.close)
        client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        return client


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _open_files(pid: int) -> set[str]:
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _memory(pid: int) -> int:
    """The most that a process ever had in memory."""
    with open(f"/proc/{pid}/status") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * 1024
