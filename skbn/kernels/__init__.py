"""Compiled loops: ``formulas`` holds the mathematics, ``cpu`` the loops over arrays."""
