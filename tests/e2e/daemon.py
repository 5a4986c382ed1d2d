"""A real camd: a twistd of its own, on ports and in a data directory that nobody else uses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from camd.auth.accounts import Accounts
from camd.auth.passwords import Hashing
from camd.state import Permission

ROOT = Path(__file__).resolve().parents[2]
_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
_URL = re.compile(r"\bhttp://[^\s/]+:(\d+)/")
#: Of the account "admin" that `Daemon(admin=True)` has.
PASSWORD = "Correct-horse-7"


class Daemon:
    """twistd camd as a child process; a context manager, or start() and stop().

    toml: the configuration file's text. http: endpoint; port 0 is a free one, and a daemon that is
    started again takes the port it had. arguments: more options of `twistd camd`. environment:
    variables on top of ours; no CAMD_* of the caller's reaches the child. After start(), `url` is
    the address as the daemon printed it. `log` is all it wrote so far, `code` how the last run ended. admin:
    there is an administrator before the first start, "admin" with PASSWORD, and `token` is an API token of its. everyone: whoever
    comes may do everything, as often as they like, for tests that are about something else.
    """

    def __init__(
        self,
        toml: str = "",
        http: str = "tcp:0:interface=127.0.0.1",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] = {},
        admin: bool = False,
        everyone: bool = False,
    ):
        self.directory = Path(tempfile.mkdtemp(prefix="camd-e2e-"))
        self.config = self.directory / "camd.toml"
        self.config.write_text(toml)
        self.url = ""
        self.port = 0
        self.code: int | None = None
        self._http = http
        self._arguments = list(arguments)
        self._environment = dict(environment)
        if everyone:
            self._environment |= {"CAMD_AUTH__GUEST": ",".join(Permission.__members__), "CAMD_AUTH__RATE_LIMITS": "false"}
            self._add_quickly()
        self._child: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._reader: threading.Thread | None = None
        self._told = threading.Event()
        self.token = self._make_admin() if admin else ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.remove()

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        assert self._child is not None, "not started"
        return self._child.pid

    def start(self, timeout: float = 30.0) -> None:
        """Returns when the daemon has printed where it listens; AssertionError with its log if it does not."""
        self._told.clear()
        self._lines.clear()
        command = [sys.executable, "-c", _TWISTD, "-n", "--pidfile=", "camd", "--config", str(self.config),
                   "--data-dir", str(self.directory / "data"), "--http", self._endpoint(), *self._arguments]
        self._child = subprocess.Popen(command, env=self._environ(), cwd=self.directory, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, args=(self._child,), daemon=True)
        self._reader.start()
        if not self._told.wait(timeout) or not self.url:
            self.stop()
            raise AssertionError(f"camd did not start within {timeout:.0f} s:\n{self.log}")

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM; returns the exit code (143 or -15 is clean) and raises AssertionError if it has to be killed."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise AssertionError(f"camd did not stop within {timeout:.0f} s:\n{self.log}") from None
        finally:
            if self._reader is not None:
                self._reader.join(timeout)
            if child.stdout is not None:
                child.stdout.close()
        self.code = code
        return code

    def remove(self) -> None:
        """Delete the configuration and the data of a daemon that was stopped."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def camd(self, *arguments: str, stdin: str = "") -> str:
        """What the command `camd` prints about this daemon's data; AssertionError with the reason if it fails."""
        command = [sys.executable, "-m", "camd", *arguments, "--data-dir", str(self.directory / "data")]
        done = subprocess.run(command, env=self._environ(), input=stdin, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _add_quickly(self) -> None:
        """An administrator whose hash costs nothing: without one camd would want to be set up."""
        data = self.directory / "data"
        data.mkdir(0o700)
        accounts = Accounts(data)
        accounts.open()
        accounts.add_user("admin", Hashing(8, 1).hash(PASSWORD), "administrator")
        accounts.close()

    def _make_admin(self) -> str:
        self.camd("user", "add", "admin", "--role", "administrator", "--password-file", "-", stdin=PASSWORD)
        return json.loads(self.camd("token", "create", "tests", "--json"))["token"]

    def _environ(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMD_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "HOME": str(self.directory)}
        toml = self.config.read_text()
        for name in ("https", "rtsp", "rtsps"):  # the usual ports are the same for all; --https wins
            if not re.search(rf"^{name}\s*=", toml, re.MULTILINE):
                environment[f"CAMD_{name.upper()}"] = "off"
        return environment | self._environment

    def _endpoint(self) -> str:
        return re.sub(r"^tcp:0\b", f"tcp:{self.port}", self._http)

    def _read(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        self.url = ""
        for line in child.stdout:
            self._lines.append(line)
            if not self.url and (found := _URL.search(line)):
                self.url, self.port = found[0], int(found[1])
                self._told.set()
        self._told.set()  # it ended; whoever waits looks at `url`
