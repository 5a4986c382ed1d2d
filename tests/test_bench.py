"""The bench counts what a server really did: its clients against servers that lose, damage, repeat and refuse."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from twisted.trial.unittest import SynchronousTestCase

from bench import report, run, table
from bench.cell import stream_row
from bench.client import MeasurementError, measure, options
from bench.process import CpuReading, Process
from bench.promises import PROMISES, Promise, ratio, value

JPEG = b"\xff\xd8" + b"picture" * 3000 + b"\xff\xd9"
NO_COMPILER = None if shutil.which("gcc") or shutil.which("cc") else "no C compiler"


class FakeServer:
    """A TCP server in threads, for a `with` block. talk: called with each connection; its end closes it."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._talk(connection)
            except OSError:
                return


def read_head(connection: socket.socket) -> bytes:
    """One request without a body; OSError at the end of the stream."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(4096)
        if not got:
            raise OSError("gone")
        head += got
    return head


def ask(program: str, url: str, **values: Any) -> dict[str, Any]:
    """Run a client. The process whose counters are read is this one."""
    return measure(program, options(url, **values), Process(os.getpid()))


class MjpegClientTests(SynchronousTestCase):
    """clients/mjpeg.c"""

    skip = NO_COMPILER

    def stream(self, part: Callable[[int], bytes], header: bytes = b"", wrap: Callable[[bytes], bytes] = bytes) -> Any:
        """What two viewers counted of parts that come every few milliseconds."""

        def talk(connection: socket.socket) -> None:
            read_head(connection)
            start = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n"
            connection.sendall(start + header + b"\r\n")
            pace = threading.Event()
            for number in itertools.count(1):
                connection.sendall(wrap(b"--x\r\nContent-Type: image/jpeg\r\n" + part(number) + b"\r\n"))
                pace.wait(0.005)

        with FakeServer(talk) as server:
            return ask("mjpeg", f"http://{server.address}/s", clients=2, seconds=0.4, settle=0)

    @staticmethod
    def part(picture: bytes, header: bytes = b"") -> bytes:
        return b"Content-Length: %d\r\n%s\r\n%s" % (len(picture), header, picture)

    def test_whole_and_damaged(self) -> None:
        """Every second picture lacks its end."""
        found = self.stream(lambda number: self.part(JPEG if number % 2 else JPEG[:-1] + b"\0"))
        self.assertGreater(sum(found["frames"]), 4)
        self.assertApproximates(sum(found["frames"]), found["damaged"], 2)
        self.assertEqual(found["closed"], 0)
        self.assertEqual(found["frame_size"]["max"], len(JPEG))

    def test_comment_of_the_camera(self) -> None:
        """Age from the comment's time, and every second sequence number is missing."""

        def part(number: int) -> bytes:
            micros = int((time.monotonic() - 0.05) * 1e6)
            return self.part(b"\xff\xd8\xff\xfe\x00\x20fakecam %d %d\0" % (2 * number, micros) + JPEG[2:])

        found = self.stream(part)
        self.assertEqual(found["age_from"], "camera")
        self.assertGreaterEqual(found["age"]["min"], 0.05)
        self.assertLess(found["age"]["p50"], 1)
        self.assertApproximates(found["skipped"], sum(found["frames"]), 2)

    def test_time_of_the_server(self) -> None:
        """Without a comment the age comes from X-Timestamp."""
        found = self.stream(lambda number: self.part(JPEG, b"X-Timestamp: %.6f\r\n" % (time.time() - 0.25)))
        self.assertEqual(found["age_from"], "server")
        self.assertGreater(found["age"]["min"], 0.24)

    def test_chunked(self) -> None:
        """Chunk borders fall anywhere."""

        def chunks(data: bytes) -> bytes:
            pieces = [data[at : at + 999] for at in range(0, len(data), 999)]
            return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)

        found = self.stream(lambda number: self.part(JPEG), b"Transfer-Encoding: chunked\r\n", chunks)
        self.assertGreater(min(found["frames"]), 2)
        self.assertEqual(found["damaged"], 0)

    def test_refused(self) -> None:
        def talk(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

        with FakeServer(talk) as server:
            found = ask("mjpeg", f"http://{server.address}/s", clients=2, seconds=0.1, settle=0)
        self.assertEqual((found["closed"], found["refused_status"], found["frames"]), (2, 503, [0, 0]))


class SnapshotClientTests(SynchronousTestCase):
    """clients/snapshot.c"""

    skip = NO_COMPILER

    def test_whole_damaged_and_refused(self) -> None:
        """Of three answers one is a picture, one is not, one is a 503."""

        def talk(connection: socket.socket) -> None:
            for number in itertools.count():
                read_head(connection)
                body = JPEG if number % 3 == 0 else b"not a picture"
                status = b"503 Busy" if number % 3 == 2 else b"200 OK"
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

        with FakeServer(talk) as server:
            found = ask("snapshot", f"http://{server.address}/s", clients=1, seconds=0.2, settle=0)
        self.assertGreater(found["requests"], 3)
        self.assertApproximates(found["requests"], found["damaged"], 1)
        self.assertApproximates(found["requests"], found["refused"], 1)
        self.assertEqual((found["refused_status"], found["reopened"]), (503, 0))
        self.assertEqual(found["latency"]["count"], found["requests"])


class FakeBroadcast:
    """A WebSocket broadcast for the bench's clients. reply: the texts that a received text becomes."""

    def __init__(self, reply: Callable[[dict[str, int]], list[str]] = lambda change: [], limit: int = 99) -> None:
        self._reply = reply
        self._limit = limit
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def talk(self, connection: socket.socket) -> None:
        read_head(connection)
        with self._lock:
            if len(self._open) >= self._limit:
                connection.sendall(b"HTTP/1.1 503 Server busy\r\nContent-Length: 0\r\n\r\n")
                return
            self._open.append(connection)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n"
                           b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        try:
            self._converse(connection)
        finally:
            with self._lock:
                self._open.remove(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while head := stream.read(6):
                payload = bytes(byte ^ head[2 + at % 4] for at, byte in enumerate(stream.read(head[1] & 127)))
                opcode = head[0] & 15
                if opcode == 9:
                    connection.sendall(bytes((0x8A, len(payload))) + payload)
                elif opcode == 8:
                    return
                else:
                    self._broadcast(self._reply(json.loads(payload)))

    def _broadcast(self, texts: list[str]) -> None:
        with self._lock:
            for text, one in itertools.product(texts, self._open):
                one.sendall(bytes((0x81, len(text))) + text.encode())


class BroadcastClientTests(SynchronousTestCase):
    """clients/broadcast.c"""

    skip = NO_COMPILER

    def broadcast(self, reply: Callable[[dict[str, int]], list[str]], **values: Any) -> dict[str, Any]:
        """What three listeners counted of 20 messages; 4 more go before the window."""
        with FakeServer(FakeBroadcast(reply).talk) as server:
            return ask("broadcast", f"ws://{server.address}/", listeners=3, rate=40, settle=0.1, seconds=0.5,
                       drain=1, **values)

    def test_lost_and_repeated(self) -> None:
        """Every fourth message is lost, another fourth comes twice."""

        def reply(change: dict[str, int]) -> list[str]:
            return [json.dumps(change)] * (1, 1, 2, 0)[change["brightness"] % 4]

        found = self.broadcast(reply)
        self.assertEqual((found["sent"], found["expected"], found["deliveries"]), (20, 60, 45))
        self.assertEqual((found["lost"], found["repeated"], found["unmatched"]), (15, 15, 0))
        self.assertEqual(found["latency"]["count"], 45)
        self.assertEqual(found["served"]["count"], 15)
        self.assertGreater(found["latency"]["min"], 0)

    def test_values_of_a_small_range(self) -> None:
        """The counter wraps; the text is camd's, among changes of something else."""

        def reply(change: dict[str, int]) -> list[str]:
            (name, number), = change.items()
            return [json.dumps({"state": "system/cpu", "value": 3, "rev": 1}),
                    json.dumps({"state": name, "value": number, "rev": 7})]

        found = self.broadcast(reply, template='{"cameras/cam1/brightness": %d}', base=-5, modulo=20,
                               match=['"cameras/cam1/brightness"', '"value":'])
        self.assertEqual((found["deliveries"], found["lost"], found["repeated"]), (60, 0, 0))
        self.assertEqual(found["unmatched"], 60)

    def test_no_writer(self) -> None:
        """A server that lets nobody in is an error with words."""
        with FakeServer(FakeBroadcast(limit=0).talk) as server:
            error = self.assertRaises(MeasurementError, ask, "broadcast", f"ws://{server.address}/", listeners=1)
        self.assertIn("refused", str(error))


class ConnectClientTests(SynchronousTestCase):
    """clients/connect.c"""

    skip = NO_COMPILER

    def test_hold(self) -> None:
        """Three places for five."""
        with FakeServer(FakeBroadcast(limit=3).talk) as server:
            found = ask("connect", f"ws://{server.address}/", hold=5, settle=0)
        self.assertEqual((found["tried"], found["held"], found["pongs"]), (5, 3, 3))
        self.assertEqual((found["refused"], found["refused_status"]), (2, 503))
        self.assertTrue(found["slot_reused"])

    def test_churn(self) -> None:
        with FakeServer(FakeBroadcast().talk) as server:
            found = ask("connect", f"ws://{server.address}/", clients=2, seconds=0.2, settle=0)
        self.assertGreater(found["handshakes"], 2)
        self.assertEqual(found["failures"], 0)
        self.assertGreater(found["cpu"], 0)


class ProcessTests(SynchronousTestCase):
    """What is read from /proc."""

    def test_cpu_of_threads(self) -> None:
        before, after = CpuReading({1: 1.0}, 0, 0), CpuReading({1: 1.5, 2: 0.25}, 9, 9)
        self.assertEqual(after.since(before), 0.75)

    def test_cpu_when_a_thread_ended(self) -> None:
        """What a gone thread used is in the process's ticks only."""
        before, after = CpuReading({1: 1.0, 2: 5.0}, 4.0, 2.0), CpuReading({1: 1.5}, 4.5, 2.25)
        self.assertEqual(after.since(before), 0.75)

    def test_of_this_process(self) -> None:
        me = Process(os.getpid())
        before = me.cpu()
        while me.cpu().since(before) <= 0:
            pass
        self.assertTrue(me.alive())
        self.assertGreater(me.rss(), 1 << 20)
        self.assertLess(me.pss(), me.rss() * 2)


class TableTests(SynchronousTestCase):
    """Markdown from rows."""

    def rows(self) -> list[dict[str, Any]]:
        costs = {"camd": (10e-6, 12e-6, 11e-6), "floor": (5.5e-6, 5.5e-6, 5.5e-6)}
        return [{"cell": "mjpeg", "size": 25, "peer": peer, "cpu_per_frame": cost, "fps": {"min": 30.0}}
                for peer, all_costs in costs.items() for cost in all_costs]

    def test_median_range_and_ratio(self) -> None:
        text = table.table("mjpeg", "clients", self.rows())
        camd, floor = text.splitlines()[2:]
        self.assertTrue(camd.startswith("| 25 | camd | 11.0 [10.0-12.0] | 30.0 |"), camd)
        self.assertTrue(camd.endswith("| 1.00 | - | 3 |"), camd)
        self.assertTrue(floor.endswith("| 0.50 | - | 3 |"), floor)

    def test_failed(self) -> None:
        text = table.table("mjpeg", "clients", [{"size": 1, "peer": "camd", "error": "did|not\nlisten"}])
        self.assertIn("failed: did/not listen |", text)

    def test_every_cell_has_columns(self) -> None:
        self.assertEqual(set(table.COLUMNS), set(run.ALL_CELLS))

    def test_promises(self) -> None:
        rows = self.rows()
        kept = Promise("cheap", 12, value("mjpeg", 25, "cpu_per_frame", scale=1e6), "us").line(rows)
        self.assertEqual(kept, "| cheap | at most 12 us | 11 us | kept |")
        missed = Promise("near", 1.5, ratio("mjpeg", 25, "cpu_per_frame", "floor")).line(rows)
        self.assertIn("| **missed** |", missed)
        self.assertIn("not measured", Promise("other", 1, value("mjpeg", 50, "cpu_per_frame")).line(rows))

    def test_report(self) -> None:
        about = {"run": {"kernel": "6.1"}, "command": "bench/run.py mjpeg:25", "repeat": 3, "seconds": 4.0,
                 "camera": "a camera", "time": "2026-01-01T00:00:00+00:00"}
        path = self.mktemp()
        with open(path, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in [about, *self.rows()])
        text = report.report(*report.read([report.Path(path)]))
        self.assertIn("    bench/run.py mjpeg:25\n", text)
        self.assertIn("### mjpeg\n", text)
        self.assertEqual(text.count("\n| "), 1 + len(PROMISES) + 1 + 2)


class RunTests(SynchronousTestCase):
    """The command line."""

    def test_cells_and_sizes(self) -> None:
        chosen = run.choose_cells(run.parse(["mjpeg:1,25", "idle"]))
        self.assertEqual([(cell.name, size) for cell, size in chosen], [("mjpeg", 1), ("mjpeg", 25), ("idle", 10)])

    def test_unknown_cell(self) -> None:
        error = self.assertRaises(SystemExit, run.choose_cells, run.parse(["mpjeg"]))
        self.assertIn("there are: mjpeg", str(error))

    def test_options_of_a_client(self) -> None:
        found = options("wss://127.0.0.1:8443/api?x=1", slow_rate=5, match=["a", "b"])
        self.assertEqual(found, ["--host", "127.0.0.1", "--port", "8443", "--path", "/api?x=1", "--tls", "1",
                                 "--slow-rate", "5", "--match", "a", "--match", "b"])

    def test_slow_viewers_apart(self) -> None:
        found = {"frames": [60, 58, 2], "bytes": [6, 6, 1], "seconds": 2.0, "cpu": 0.012, "wire_bytes": 100}
        row = stream_row(found, slow=1)
        self.assertEqual((row["fps"]["min"], row["slow_fps"]["max"]), (29.0, 1.0))
        self.assertEqual(row["cpu_per_frame"], 0.0001)
