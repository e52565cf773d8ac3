"""Figures that the tests report, shown by ``pytest -s``."""

import sys


def say(line):
    """Write a line of figures."""
    sys.stdout.write(f"\n{line}\n")
