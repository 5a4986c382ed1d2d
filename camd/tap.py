"""`twistd camd`: its options, and the service they describe."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

#: Exit code for a configuration that cannot be used (sysexits.h EX_CONFIG).
EX_CONFIG = 78


class Options(UsageOptions):
    synopsis = "[options]"
    optParameters = [
        ["config", "c", None, "configuration file"],
        ["data-dir", "d", None, "where camd keeps its data"],
        ["http", None, None, "endpoint of the HTTP site, like tcp:8080:interface=127.0.0.1, or off"],
        ["https", None, None, "endpoint of the HTTPS site; camd adds TLS"],
        ["rtsp", None, None, "endpoint of the RTSP server"],
        ["rtsps", None, None, "endpoint of RTSP over TLS; camd adds TLS"],
        ["log-format", None, None, "text or json"],
    ]
    optFlags = [["trace-hooks", None, "log every call of a plugin hook"]]

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise UsageError(f"unexpected argument {arguments[0]!r}")


def _carry_out(data_dir: Path) -> bool:
    """Whether a restored backup or a factory reset waited for this start, and is done now."""
    from .backup.in_use import alone
    from .backup.pending import PENDING, carry_out
    from .errors import CamdError

    if not (data_dir / PENDING).exists():
        return False
    try:
        with alone(data_dir):
            event = carry_out(data_dir, int(time.time() * 1000))
    except CamdError as error:
        sys.stderr.write(f"camd: {error}\n")
        raise SystemExit(1) from None
    sys.stderr.write(f"camd: {event}: done\n")
    return True


def makeService(options: Options) -> IService:
    """Read the configuration, and build the service tree; nothing is opened yet."""
    from .backup.in_use import hold
    from .config import load, prepare_data_dir
    from .errors import ConfigError, Conflict

    def configuration(store: str | None = None) -> Any:
        names = ("data-dir", "http", "https", "rtsp", "rtsps", "log-format")
        path = Path(options["config"]) if options["config"] else None
        given = {name: options[name] for name in names}
        return load(path, environ=os.environ, options=given, store=store)

    try:
        config = configuration()
        data_dir = prepare_data_dir(config)
        if _carry_out(data_dir):
            config = configuration()
        hold(data_dir)
    except Conflict as error:
        sys.stderr.write(f"camd: {error}\n")
        raise SystemExit(1) from None
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"camd: {problem}\n")
        raise SystemExit(EX_CONFIG) from None

    from twisted.internet import reactor

    from .daemon import Daemon

    return Daemon(config, configuration, reactor, trace_hooks=bool(options["trace-hooks"])).root


