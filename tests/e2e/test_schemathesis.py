"""Generated requests, valid and not, to everything in the OpenAPI document of a real camd: it keeps to that.

Rate limits are off, and a proxy is trusted, so that each request can come from another address: the lock-out
of addresses that send wrong secrets stays on, and would keep schemathesis itself out soon.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, TestCase

from .daemon import Daemon
from .schemathesis_document import EXCLUDED, asked

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
_RUN = "from schemathesis.cli import schemathesis; schemathesis()"
_CAMD = """
[auth]
rate_limits = false
[web]
trusted_proxies = ["127.0.0.1"]
[cameras.cam1]
source = "test:"
"""
_SCHEMATHESIS = """
hooks = "{hooks}"
seed = 1
headers = {{ Authorization = "Bearer {token}" }}
suppress-health-check = ["all"]

[generation]
codec = "ascii"  # names of tokens are printable, which JSON Schema cannot say of all Unicode
database = "none"
max-examples = {examples}

[phases.stateful]
enabled = false
"""
#: Requests of a kind for each operation, beside the systematic ones.
EXAMPLES = int(os.environ.get("CAMD_SCHEMATHESIS_EXAMPLES", "3"))


def interpreter() -> str:
    """A Python that has schemathesis: ours, or the one in CAMD_SCHEMATHESIS_PYTHON."""
    other = os.environ.get("CAMD_SCHEMATHESIS_PYTHON")
    if other:
        return other
    if importlib.util.find_spec("schemathesis") is None:
        raise SkipTest("schemathesis is not installed: pip install schemathesis")
    return sys.executable


def ask(daemon: Daemon, path: str) -> Any:
    request = urllib.request.Request(daemon.url + path, headers={"Authorization": f"Bearer {daemon.token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class SchemathesisTests(TestCase):
    timeout = 900

    def test_the_whole_document(self) -> None:
        python = interpreter()
        folder = Path(tempfile.mkdtemp(prefix="camd-schemathesis-"))
        self.addCleanup(shutil.rmtree, folder)
        with Daemon(_CAMD, arguments=["--https", "off"], admin=True) as daemon:
            settings = folder / "schemathesis.toml"
            settings.write_text(_SCHEMATHESIS.format(hooks=HOOKS, token=daemon.token, examples=EXAMPLES))
            document = folder / "openapi.json"
            document.write_text(json.dumps(asked(ask(daemon, "api/openapi.json"))))
            (own,) = ask(daemon, "api/tokens")["tokens"]
            ran = subprocess.run(
                [
                    python,
                    "-c",
                    _RUN,
                    "--config-file",
                    str(settings),
                    "run",
                    str(document),
                    "--exclude-operation-id-regex",
                    EXCLUDED,
                    "--url",
                    daemon.url,
                    "--checks",
                    "all",
                    "--request-timeout",
                    "15",
                    "--no-color",
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=self.timeout,
                env={**os.environ, "CAMD_SCHEMATHESIS_OWN": own["id"]},
            )
            # Else the rest was asked for nothing.
            self.assertEqual(len(ask(daemon, "api/me")["permissions"]), 15)
            # A request that camd could not answer is a failure even where the document does not say so.
            faults = [line for line in daemon.log.splitlines() if "Traceback" in line or " failed" in line]
        report = "\n".join(line[:500] for line in ran.stdout.splitlines()[-300:])
        self.assertEqual(ran.returncode, 0, report)
        self.assertEqual(faults, [], "\n".join(faults))
        generated = re.search(r"(\d+) generated", ran.stdout)
        self.assertGreater(int(generated[1]) if generated else 0, 500, report)
