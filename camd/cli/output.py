"""Output: answers to standard output, words about them to standard error, and the exit codes."""

from __future__ import annotations

import json
import sys
from typing import Any

OK, FAILED, USAGE, INVALID_CONFIG = 0, 1, 2, 78  # 78 is EX_CONFIG of sysexits.h


def write(text: str) -> None:
    sys.stdout.write(text + "\n")


def write_json(value: Any) -> None:
    write(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
