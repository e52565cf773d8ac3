"""The devices that compute, and what Numba, BLAS and signals need."""
