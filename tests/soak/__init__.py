"""The long tests: the same as in tests/e2e, with more clients and for longer. `make soak`."""

import sys

#: Why they are left out of a run of all tests, or None: they were asked for by name.
SKIP = None if any("tests.soak" in argument for argument in sys.argv) else "takes minutes: make soak"
