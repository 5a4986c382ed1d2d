"""RuntimeStore: `config.toml` of the data directory, what was changed while camd ran.

The main file may stay read-only and belong to somebody else; this one is written by the daemon and by `camd
config` and `camd camera`, which also work while it runs. What people wrote into it by hand, comments too, stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, Problem

STORE = "config.toml"
_FIRST_LINE = "# What was changed while camd ran. It counts more than the configuration file."
#: Path of keys -> value as TOML has it; None takes the key, or the whole table, out.
Edits = Mapping[tuple[str, ...], Any]


class RuntimeStore:
    """Blocks: for the pool `io`. Each writer holds `locked` from reading to writing."""

    def __init__(self, data_dir: Path):
        self.path = data_dir / STORE

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the daemon and commands from writing at once."""
        with contextlib.ExitStack() as stack:
            # Where locks are not to be had (some network file systems) it goes without.
            with contextlib.suppress(OSError):
                directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, directory)
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield

    def read(self) -> str:
        """What it holds; "" if there is none yet. Raises ConfigError if it cannot be read."""
        try:
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(f"cannot be read: {error}") from None

    def write(self, text: str) -> None:
        """Replace it as a whole, mode 0600: after a power cut there is the old one or the new one."""
        part = self.path.with_name(f".{STORE}.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(part, flags, 0o600), "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise self._wrong(f"cannot be written: {error.strerror}") from None

    def _wrong(self, text: str) -> ConfigError:
        return ConfigError([Problem(str(self.path), "", text, "camd must be able to read and write it")])


def edited(text: str, edits: Edits) -> str:
    """A TOML text with these changes; comments, order and everything else stay. Pure.

    Raises ConfigError if the text is not TOML, or a key stands where a table should be.
    """
    import tomlkit  # 3 MB, and only who changes something needs it
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text or f"{_FIRST_LINE}\n\n")
        for keys, value in edits.items():
            if value is None:
                _remove(document, keys)
            else:
                _table(document, keys[:-1])[keys[-1]] = value
        return tomlkit.dumps(document).encode().decode()
    except (TOMLKitError, TypeError, AttributeError, UnicodeError) as error:
        hint = "put it right, or remove the file"
        raise ConfigError([Problem(STORE, "", f"cannot be changed: {error}", hint)]) from None


def _table(document: Any, keys: tuple[str, ...]) -> Any:
    """The table of this path, made if it is missing."""
    import tomlkit

    table = document
    for depth, name in enumerate(keys, 1):
        if name not in table:
            table[name] = tomlkit.table(is_super_table=depth < len(keys))
        table = table[name]
    return table


def _remove(document: Any, keys: tuple[str, ...]) -> None:
    """Take a key or a table out, and the tables that are empty then."""
    tables = [document]
    for name in keys[:-1]:
        if name not in tables[-1]:
            return
        tables.append(tables[-1][name])
    for depth in range(len(keys) - 1, -1, -1):
        if depth < len(keys) - 1 and tables[depth + 1]:
            return
        tables[depth].pop(keys[depth], None)
