"""Network namespaces: machines of their own on cables between them, as far as the network goes.

`inside(name)` takes the calling thread there: sockets that it opens and processes that it starts stay there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .waiting import wait_for

_CLONE_NEWNET = 0x40000000


def ip(*arguments: str) -> str:
    """What the command `ip` prints; AssertionError with what it complains about."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@cache
def why_not() -> str:
    """Why there can be no namespaces here; "" if there can."""
    if shutil.which("ip") is None:
        return "the command ip (iproute2) is not installed"
    name = f"camd-{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        try:
            with inside(name):
                pass
        finally:
            ip("netns", "delete", name)
    except (AssertionError, OSError) as error:
        return f"network namespaces are not allowed here: {error}"
    return ""


@contextmanager
def inside(name: str) -> Iterator[None]:
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(here)
    finally:
        os.close(there)
        os.close(here)


def _enter(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Machines:
    """Namespaces by a short name, each with loopback."""

    def __init__(self, *names: str):
        self.names = {name: f"camd-{os.getpid()}-{name}" for name in names}
        for full in self.names.values():
            ip("netns", "add", full)
            ip("-n", full, "link", "set", "lo", "up")
            with (
                inside(full),
                suppress(OSError),
            ):  # nobody else is there to have the same address, which takes 2 s to find
                Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")

    def __getitem__(self, name: str) -> str:
        return self.names[name]

    def cable(self, one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
        """Join two machines. Each end: (machine, interface, address with prefix length). Returns when the
        link-local addresses may be used."""
        near, far = (self[end[0]] for end in (one, other))
        ip("-n", near, "link", "add", one[1], "type", "veth", "peer", "name", other[1], "netns", far)
        for machine, interface, address in (one, other):
            ip("-n", self[machine], "address", "add", address, "dev", interface)
            ip("-n", self[machine], "link", "set", interface, "up")
        for machine, interface, _ in (one, other):
            wait_for(lambda m=self[machine], i=interface: self.link_local(m, i), what="a link-local address")

    @staticmethod
    def link_local(machine: str, interface: str) -> str:
        """The address, "" until it may be used."""
        told = ip(
            "-n", machine, "-6", "-o", "address", "show", "dev", interface, "scope", "link", "-tentative"
        )
        return told.split()[3].partition("/")[0] if told else ""

    def remove(self) -> None:
        for full in self.names.values():
            ip("netns", "delete", full)
