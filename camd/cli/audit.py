"""What commands change is in the daemon's audit log too."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path
from typing import Any

from .output import say

#: Who did it, in the audit log.
_BY = "command line"


def record(data_dir: Path, event: str, **fields: Any) -> None:
    """One entry, with the user of the system that runs the command. fields: JSON values without secrets."""
    from ..auth.audit import FILE, AuditFile, make_entry

    try:
        system_user = getpass.getuser()
    except (KeyError, OSError):  # this uid has no name
        system_user = str(os.getuid())
    entry = make_entry(time.time(), event, _BY, system_user=system_user, **fields)
    try:
        AuditFile(data_dir / FILE, rotates=False).append([entry])
    except OSError as error:
        say(f"camd: done, but the audit log cannot be written: {error.strerror}")
