"""camd: turns any camera into a complete network camera."""

__version__ = "0.1.0"
