"""The `camd` command: run the daemon, look at what is there, keep its cameras, its users and its certificate.

Exit codes: 0 done, 1 failed, 2 wrong use of the command, 78 invalid configuration. Answers go to standard
output, everything about them to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from .. import __version__
from ..errors import CamdError, ConfigError
from . import accounts, backup, cameras, certificates, configuration, daemon, discover, inventory, probe, recordings
from .output import FAILED, INVALID_CONFIG, say
from .verbs import Verbs


def main() -> None:
    """The console script."""
    from twisted.logger import globalLogBeginner

    # A command answers by its output; what the loader of plugins logs is in the answer too.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    sys.exit(run(sys.argv[1:], os.environ))


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Carry out one command and return its exit code; wrong use raises SystemExit(2)."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if args.verb is daemon.run:
        return daemon.run(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return args.verb(args, environ)
    except ConfigError as error:
        say(str(error))
        return INVALID_CONFIG
    except CamdError as error:
        say(f"camd: {error}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "camd", description="Turns any camera into a complete network camera.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"camd {__version__}")
    verbs = Verbs(parser)
    for module in (daemon, configuration, cameras, inventory, discover, probe, accounts, certificates, recordings, backup):
        module.add_verbs(verbs)
    return parser
