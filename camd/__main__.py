"""`python -m camd` is the `camd` command."""

from .cli import main

main()
