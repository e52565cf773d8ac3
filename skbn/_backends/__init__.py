"""Devices (CPU, CUDA), threads, BLAS limits, signal handling and the Numba cache."""
