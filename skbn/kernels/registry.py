"""The names of the kernels in each file, for the namespaces of both devices and for tests."""

from importlib import import_module

# Kernels of both devices, with the same names and arguments.
OF_BOTH_DEVICES = {
    "batch_norm": (
        "batch_norm_forward",
        "batch_norm_backward",
        "batch_norm_relu_dropout_forward",
        "batch_norm_relu_dropout_backward",
    ),
    "layers": (
        "gather_rows",
        "encode_bins",
        "one_hot_forward",
        "one_hot_backward",
        "embed_forward",
        "embed_backward",
        "smooth_clip",
        "add_bias",
        "bias_backward",
        "dropout",
        "relu_dropout",
        "relu_dropout_backward",
    ),
    "losses": (
        "softmax_cross_entropy",
        "binary_cross_entropy",
        "squared_error",
        "poisson_deviance",
    ),
    "optimizers": ("add_scaled", "sgd_step", "nesterov_step", "adam_step", "count_non_finite"),
    "statistics": ("column_moments", "weighted_column_moments", "normalize"),
}

# Kernels for sparse matrices and tables of moments, which are in host memory.
OF_HOST = {
    "statistics": (
        "csc_sums",
        "csr_sums",
        "decay",
        "merge_moments",
        "merge_squared_weights",
        "moments_from_sums",
        "scale_stored",
        "shift_to_mean",
        "squares_lose_digits",
    ),
}

# Kernels of the GPU only: the host multiplies sparse rows without making them dense.
OF_CUDA = {"layers": ("gather_sparse_rows",)}


def load(package, *tables):
    """A dict of the kernels of a package, by name."""
    return {
        name: getattr(import_module(f"{package}.{file}"), name)
        for table in tables
        for file, names in table.items()
        for name in names
    }
