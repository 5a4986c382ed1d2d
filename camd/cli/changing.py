"""What commands change in the run-time store, whether the daemon runs or not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ..config import CameraConfig, Config, changes, load, prepare_data_dir
from ..config.change import Change, write_change
from ..config.store import Edits, RuntimeStore
from . import audit
from .output import say


def write(
    args: argparse.Namespace, environ: Mapping[str, str], config: Config, edits: Edits, event: str, **fields: Any
) -> Change:
    """Write these edits and say what they touch; raises ConfigError with every reason, and changes nothing then.
    event, fields: for the audit log."""

    def read(text: str | None) -> Config:
        return load(args.config, environ=environ, options={"data-dir": args.data_dir}, store=text)

    data_dir = prepare_data_dir(config)
    change = write_change(RuntimeStore(data_dir), read, edits, _found)
    if not change.keys:
        say("nothing to change: it is so already")
        return change
    audit.record(data_dir, event, keys=", ".join(change.keys), **fields)
    for name, effect in sorted(changes(change.old, change.new).items()):
        say(f"{name}: changed ({effect.value})")
    say(f"written to {data_dir / 'config.toml'}; a running daemon takes it within a second")
    return change


def _found() -> CameraConfig:
    from ..sources.default import default_source

    return CameraConfig("cam1", default_source())
