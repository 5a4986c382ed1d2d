"""`camd run`: the daemon in the foreground."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .output import FAILED, say
from .verbs import Verbs


def add_verbs(verbs: Verbs) -> None:
    verbs.add("run", run, "Run the daemon in the foreground; takes the options of twistd camd.", help=False)


def run(options: Sequence[str]) -> int:
    """Become `twistd -n --pidfile= camd`, so that signals and exit codes are the daemon's own."""
    beside = Path(sys.executable).with_name("twistd")
    twistd = str(beside) if beside.exists() else shutil.which("twistd")
    if twistd is None:
        say("camd: the twistd command is not there; reinstall Twisted: pip install --force-reinstall Twisted")
        return FAILED
    os.execv(twistd, [twistd, "-n", "--pidfile=", "camd", *options])
