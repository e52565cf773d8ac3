"""Compiled kernels: scalar ``formulas``, and loops over them in ``cpu`` and ``cuda``."""
