# Two commands: `make run` and `make test`. Each is what the README shows, in a virtual environment of its own.
#
#   make run ARGS="--http tcp:8080"       the daemon in the foreground
#   make test TESTS=tests.test_config     the tests; without TESTS all of them, JOBS=3 at a time
#   make soak                             the long ones
#   make clean                            away with the environment and everything that was built
#
# PYTHON=/usr/bin/python3 chooses the Python that the environment is made with.

PYTHON ?= python3
ARGS ?=
TESTS ?= tests
JOBS ?= 3

# An installation is good as long as the metadata and the list of files are the same: editing a file counts at
# once, but one that comes or goes needs a new link.
SUM := $(shell { cat setup.cfg pyproject.toml; find camd plugins twisted -name __pycache__ -prune -o -type f \
	! -name dropin.cache -print | LC_ALL=C sort; } | cksum | cut -d ' ' -f 1)
INSTALL = .venv/bin/python -m pip install --disable-pip-version-check --editable

.PHONY: run test soak clean
.DELETE_ON_ERROR:

run: .venv/run-$(SUM)
	exec .venv/bin/twistd -n --pidfile= camd $(ARGS)

# Most tests wait for something most of the time, and each daemon of theirs starts in half the time once it is
# compiled.
test: .venv/test-$(SUM)
	exec env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m twisted.trial \
		$(if $(filter tests,$(TESTS)),--jobs=$(JOBS)) $(TESTS)

soak: .venv/test-$(SUM)
	exec .venv/bin/python -m twisted.trial tests.soak

.venv/run-$(SUM): | .venv/bin/python
	@if test -e .venv/test-$(SUM); then touch $@; else \
	echo "Installing camd and what it needs into .venv; the first time takes some minutes." && \
	$(INSTALL) . && rm -f .venv/run-* && touch $@; fi

.venv/test-$(SUM): | .venv/bin/python
	@echo "Installing camd, what it needs and what its tests need into .venv; the first time takes some minutes."
	$(INSTALL) '.[test]'
	@rm -f .venv/run-* .venv/test-* && touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "camd needs Python 3.11 or newer: apt install python3, or make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null || { $(PYTHON) -c 'import sys; \
		print("No venv module here: apt install python%d.%d-venv" % sys.version_info[:2], file=sys.stderr)'; exit 1; }
	$(PYTHON) -m venv --clear .venv

clean:
	rm -rf .venv build dist *.egg-info _trial_temp*
