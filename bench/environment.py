"""What a figure depends on besides the code: the machine and the versions."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_TOOLS = {
    "ustreamer": ("ustreamer", "--version"), "node": ("node", "--version"), "gcc": ("gcc", "-dumpfullversion"),
    "ffmpeg": ("ffmpeg", "-version"), "openssl": ("openssl", "version"),
}
_PACKAGES = ("twisted", "autobahn", "cryptography", "pyopenssl")


def describe() -> dict[str, str]:
    """Name -> text: processor, system, Python, the commit, tools and packages that are installed."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "system": _system(),
             "kernel": platform.release(), "python": platform.python_version(), "commit": _commit()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    for name, command in _TOOLS.items():
        if shutil.which(command[0]):
            found[name] = _first_line(*command)
    return found


def _first_line(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).strip().partition("\n")[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _commit() -> str:
    here = str(Path(__file__).resolve().parent)
    return _first_line("git", "-C", here, "describe", "--always", "--dirty")
