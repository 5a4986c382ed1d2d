"""The C programs of the bench, compiled when they are first needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Where programs, frames and results go; ignored by git.
BUILD = Path(os.environ.get("BENCH_BUILD") or HERE / "build").resolve()
_FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")


class BuildError(Exception):
    """A program of the bench cannot be built; the text says why."""


def build(source: str) -> Path:
    """Compile `clients/mjpeg.c` or the like and return the program's path.

    Rebuilt when the source or a header beside it is newer. Clients get TLS if OpenSSL's headers are there.
    Raises BuildError.
    """
    path = HERE / source
    program = BUILD / path.stem
    inputs = [path, *path.parent.glob("*.h")]
    if program.exists() and program.stat().st_mtime > max(file.stat().st_mtime for file in inputs):
        return program
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise BuildError("the bench needs a C compiler: apt install gcc libc6-dev libssl-dev")
    BUILD.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(f".{os.getpid()}")
    command = [compiler, *_FLAGS, str(path), "-o", str(fresh)]
    result = _compile([*command, "-DWITH_TLS", "-lssl", "-lcrypto", "-lm"])
    if result.returncode:
        result = _compile([*command, "-lm"])
    if result.returncode:
        raise BuildError(f"{path} does not compile:\n{result.stderr}")
    fresh.replace(program)
    return program


def _compile(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
