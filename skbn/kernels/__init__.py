"""Compiled loops: ``formulas`` holds the mathematics, ``cpu`` the loops, ``layout`` their order."""
