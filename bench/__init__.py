"""Measurements of camd beside its peers. See docs/bench.md; not installed with the package."""
