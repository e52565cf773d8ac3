"""Where the computing is done: the only place that asks for CUDA."""


def check_device(device):
    """Raise unless estimators can compute on ``device``: "cpu", "auto" or "cuda"."""
    if device == "cuda":
        raise RuntimeError(
            "device='cuda' is not available: skbn computes on the CPU. Pass device='cpu' or 'auto'."
        )


def describe_cuda():
    """Name the CUDA device that Numba sees, or say why there is none."""
    try:
        from numba import cuda

        if cuda.is_available():
            return cuda.get_current_device().name.decode()
        reason = cuda.cuda_error() or "no device"
    except ImportError as error:
        reason = error
    return f"none ({' '.join(str(reason).split())})"
