"""Copies to a real S3 server that checks signatures (moto): whole, verified, resumed, and caught up after
failures."""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import io
import os
import socket
import subprocess
import sys
import threading
from typing import Any, ClassVar

from camd_plugins import s3
from camd_plugins.s3.bucket import Bucket, S3Error
from camd_plugins.s3.copy import Changed, Upload, copy
from camd_plugins.s3.service import EVERY, Copies
from camd_plugins.s3.signature import Credentials
from prometheus_client import CollectorRegistry

from camd.state import EVERYONE

from ..record_case import RecordCase

PART = 5 << 20
_USER = (
    "import boto3, json, sys\n"
    "keys = dict(aws_access_key_id='x', aws_secret_access_key='y')\n"
    "options = dict(endpoint_url=sys.argv[1], region_name='us-east-1', **keys)\n"
    "boto3.client('s3', **options).create_bucket(Bucket='films')\n"
    "iam = boto3.client('iam', **options)\n"
    "iam.create_user(UserName='camd')\n"
    "statement = {'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}\n"
    "policy = {'Version': '2012-10-17', 'Statement': [statement]}\n"
    "iam.put_user_policy(UserName='camd', PolicyName='p', PolicyDocument=json.dumps(policy))\n"
    "key = iam.create_access_key(UserName='camd')['AccessKey']\n"
    "print(key['AccessKeyId'], key['SecretAccessKey'])\n"
)


class Server:
    """moto on a free port; from the fifth request on it checks every signature."""

    def __init__(self) -> None:
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "4", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "moto.server", "-p", "0"]
        self._child = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._child.stdout is not None
        line = next(line for line in self._child.stdout if "Running on http" in line)
        self.url = line.partition("Running on ")[2].split()[0]
        threading.Thread(target=self._child.stdout.read, daemon=True).start()
        made = subprocess.run(
            [sys.executable, "-c", _USER, self.url], capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        access, secret = made.stdout.split()
        self.credentials = Credentials(access, secret)

    def bucket(self, **other: Any) -> Bucket:
        return Bucket(
            self.url,
            "films",
            Credentials(
                **{
                    "access_key": self.credentials.access_key,
                    "secret_key": self.credentials.secret_key,
                    **other,
                }
            ),
        )

    def stop(self) -> None:
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()


@functools.cache
def server() -> Server:
    """One for all tests: it takes seconds to start."""
    made = Server()
    atexit.register(made.stop)
    return made


class S3Case(RecordCase):
    """A camera that records, and a bucket that is empty."""

    if importlib.util.find_spec("moto") is None:
        skip = "moto is not installed"
    count: ClassVar[int] = 0

    def setUp(self) -> None:
        super().setUp()
        S3Case.count += 1
        self.prefix = f"test{S3Case.count}/"
        self.server = server()
        self.bucket = self.server.bucket()
        self.copies = self.start()

    def start(self) -> Copies:
        copies = Copies(self.app)
        self.get(copies.startService())
        self.addCleanup(lambda: self.get(copies.stopService()))
        return copies

    def option(self, **values: Any) -> None:
        for name, value in values.items():
            self.successResultOf(self.app.state[f"s3/{name}"].set(value, EVERYONE))

    def connect(self, **other: Any) -> None:
        keys = self.server.credentials
        self.option(
            **{
                "endpoint": self.server.url,
                "bucket": "films",
                "prefix": self.prefix,
                "access_key": keys.access_key,
                "secret_key": keys.secret_key,
                **other,
            }
        )

    def record(self, count: int = 60) -> dict[str, Any]:
        """A film of so many pictures; its row in the index."""
        self.films()
        self.successResultOf(self.app.state["cameras/cam1/recording/state"].set("recording", EVERYONE))
        self.film(count, self.clock.seconds())
        self.successResultOf(self.app.state["cameras/cam1/recording/state"].set("stopped", EVERYONE))
        return self.rows()[-1]

    def shown(self) -> tuple[Any, ...]:
        return tuple(self.app.state[f"s3/{name}"].value for name in ("state", "waiting", "reason"))

    def metric(self, name: str) -> float:
        return self.app.metrics.get_sample_value(f"camd_s3_{name}") or 0.0


class CopyTests(S3Case):
    def test_a_recording(self) -> None:
        self.connect()
        row = self.record()
        self.clock.advance(EVERY)
        self.assertEqual(self.shown(), ("idle", 0, ""))
        key = f"{self.prefix}recordings/{row['filename']}"
        self.assertEqual(self.bucket.head(key), (row["size"], row["sha256"].hex()))
        self.assertEqual(
            (self.metric("copied_files_total"), self.metric("copied_bytes_total")), (1, row["size"])
        )
        self.assertEqual((self.metric("lag_seconds"), self.app.state["s3/lag"].value), (0, 0))
        self.clock.advance(EVERY)
        self.assertEqual(self.metric("copied_files_total"), 1)

    def test_a_server_that_refuses_and_then_does_not(self) -> None:
        self.connect(secret_key="another")
        self.record()
        self.clock.advance(EVERY)
        state, waiting, reason = self.shown()
        self.assertEqual((state, waiting), ("waiting", 1))
        self.assertIn("403 SignatureDoesNotMatch", reason)
        self.assertGreater(self.metric("lag_seconds"), 0)
        self.assertEqual(s3.camd_health(self.app)[0].ok, False)
        self.option(secret_key=self.server.credentials.secret_key)
        self.clock.advance(EVERY)
        self.assertEqual(self.shown(), ("idle", 0, ""))
        self.assertEqual(s3.camd_health(self.app)[0].ok, True)

    def test_a_server_that_is_away(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.connect(endpoint=f"http://127.0.0.1:{port}")
        self.record()
        for _ in range(3):
            self.clock.advance(EVERY)
        self.assertEqual(self.shown()[0], "waiting")
        self.assertEqual(self.metric("failures_total"), 2, "at 5 s, and 5 s later; then it waits for 10")
        self.option(endpoint=self.server.url)
        self.clock.advance(EVERY)
        self.assertEqual(self.shown()[0], "idle")

    def test_what_was_recorded_before_and_what_went_meanwhile(self) -> None:
        rows = [self.record() for _ in range(3)]
        (self.media / rows[1]["filename"]).unlink()
        with (self.media / rows[2]["filename"]).open("ab") as file:
            file.write(b"x")
        self.connect()
        self.clock.advance(EVERY)
        self.assertEqual(self.shown()[:2], ("idle", 0))
        self.assertEqual((self.metric("copied_files_total"), self.metric("missed_files_total")), (1, 2))

    def test_another_start(self) -> None:
        self.connect()
        self.record()
        self.clock.advance(EVERY)
        self.get(self.copies.stopService())
        sent: list[str] = []
        real = Bucket.ask
        self.patch(
            Bucket,
            "ask",
            lambda bucket, method, *args, **more: sent.append(method) or real(bucket, method, *args, **more),
        )
        self.app.metrics = CollectorRegistry()
        self.start()
        self.record()
        self.clock.advance(EVERY)
        self.assertEqual(sent, ["HEAD", "PUT", "HEAD"], "the new one, and nothing of the other")

    def test_another_bucket_gets_all_of_it(self) -> None:
        self.connect()
        self.record()
        self.clock.advance(EVERY)
        self.option(prefix=self.prefix + "other/")
        self.clock.advance(EVERY)
        self.assertEqual(self.metric("copied_files_total"), 2)

    def test_an_upload(self) -> None:
        self.connect(files=True)
        (self.folder / "files").mkdir(exist_ok=True)
        (self.folder / "files" / "ü.txt").write_bytes(b"hello")
        self.app.state["files/last"].publish({"change": "added", "path": "/ü.txt"})
        self.clock.advance(EVERY)
        self.assertEqual(self.shown(), ("idle", 0, ""))
        self.assertEqual(
            self.bucket.head(f"{self.prefix}files/ü.txt"), (5, hashlib.sha256(b"hello").hexdigest())
        )


class PartTests(S3Case):
    DATA = os.urandom(PART * 2 + 12345)

    def setUp(self) -> None:
        super().setUp()
        self.digest = hashlib.sha256(self.DATA).hexdigest()
        self.key = self.prefix + "film.mp4"
        self.upload: Upload | None = None
        self.puts: list[int] = []
        self.fails_at = 0
        real = Bucket.put_part

        def put_part(bucket: Bucket, key: str, upload: str, number: int, data: bytes) -> str:
            self.puts.append(number)
            if number == self.fails_at:
                raise S3Error("cut off")
            return real(bucket, key, upload, number, data)

        self.patch(Bucket, "put_part", put_part)

    def copy(self, data: bytes = DATA, digest: str = "") -> int:
        def note(upload: Upload | None) -> None:
            self.upload = upload

        return copy(self.bucket, self.key, io.BytesIO(data), digest, self.upload, note, PART)

    def test_whole(self) -> None:
        self.assertEqual(self.copy(digest=self.digest), len(self.DATA))
        self.assertEqual(self.bucket.head(self.key), (len(self.DATA), self.digest))
        self.assertEqual(self.foreign_digest(), self.digest)
        self.assertEqual(self.copy(), 0, "it is there")

    def foreign_digest(self) -> str:
        """What another client reads."""
        program = (
            "import boto3, hashlib, sys\n"
            "s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1',"
            " aws_access_key_id=sys.argv[2],"
            " aws_secret_access_key=sys.argv[3])\n"
            "data = s3.get_object(Bucket='films', Key=sys.argv[4])['Body'].read()\n"
            "print(hashlib.sha256(data).hexdigest())\n"
        )
        keys = self.server.credentials
        command = [sys.executable, "-c", program, self.server.url, keys.access_key, keys.secret_key, self.key]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def test_resumed(self) -> None:
        self.fails_at = 3
        self.assertRaises(S3Error, self.copy)
        self.assertEqual(self.puts, [1, 2, 3])
        self.assertIsNotNone(self.upload)
        self.puts.clear()
        self.fails_at = 0
        self.assertEqual(self.copy(), 12345)
        self.assertEqual(self.puts, [3])
        self.assertIsNone(self.upload)
        self.assertEqual(self.foreign_digest(), self.digest)

    def test_the_server_forgot_what_it_had(self) -> None:
        self.fails_at = 2
        self.assertRaises(S3Error, self.copy)
        assert self.upload is not None
        self.bucket.abandon(self.key, self.upload.id)
        self.fails_at = 0
        self.puts.clear()
        self.assertEqual(self.copy(), len(self.DATA))
        self.assertEqual(self.puts, [1, 2, 3])

    def test_the_file_is_another_one_meanwhile(self) -> None:
        self.fails_at = 3
        self.assertRaises(S3Error, self.copy)
        self.fails_at = 0
        other = bytes(len(self.DATA))
        self.assertEqual(self.copy(other), len(other))
        self.assertEqual(self.foreign_digest(), hashlib.sha256(other).hexdigest())
        self.assertRaises(Changed, self.copy, other, self.digest)

    def test_a_part_that_arrived_damaged(self) -> None:
        """What the server has is compared, not believed."""
        self.fails_at = 3
        self.assertRaises(S3Error, self.copy)
        assert self.upload is not None
        Bucket.put_part(self.bucket, self.key, self.upload.id, 2, bytes(PART))
        self.puts.clear()
        self.fails_at = 0
        self.copy()
        self.assertEqual(self.puts, [2, 3])
        self.assertEqual(self.foreign_digest(), self.digest)
