"""Verbs: one level of the command line, and the options that many verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _options(*names: str, **keywords: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(*names, **keywords)
    return parser


#: --config and --data-dir, for verbs that look at the same things as the daemon.
PLACE = _options("--config", metavar="FILE", type=Path, help="configuration file")
PLACE.add_argument("--data-dir", metavar="DIR", help="data directory")
#: --json, for verbs that answer.
JSON = _options("--json", action="store_true", help="answer as JSON")


class Verbs:
    """The verbs of a parser, or of a group of verbs."""

    def __init__(self, parser: argparse.ArgumentParser):
        self._parsers = parser.add_subparsers(required=True, metavar="VERB")

    def add(self, name: str, function: Callable[..., int], text: str, *options: argparse.ArgumentParser,
            help: bool = True) -> argparse.ArgumentParser:
        """function(args, environ) -> exit code. Without help, "--help" is left to the verb."""
        parser = self._parsers.add_parser(
            name, help=text, description=text, parents=options, allow_abbrev=False, add_help=help)
        parser.set_defaults(verb=function)
        return parser

    def group(self, name: str, text: str) -> Verbs:
        return Verbs(self._parsers.add_parser(name, help=text, description=text, allow_abbrev=False))
