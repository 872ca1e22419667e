"""The command line `s2s`."""

from s2s.cli.program import main

__all__ = ["main"]
