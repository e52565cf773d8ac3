"""Rows of a batch and epochs of a fit that follow the size of the data."""

# Of "lbfgs", whose iterations take all rows: scikit-learn's.
LBFGS_MAX_ITER = 200


def scaled_batch_size(n_rows):
    """All rows up to 64, then a 40th of them within 64 and 256."""
    return min(max(n_rows // 40, 64), 256, n_rows)


def scaled_max_iter(n_rows):
    """50 epochs up to 10,000 rows, fewer by the square root above, 15 from 111,000 on."""
    return round(50 * min(max((10_000 / n_rows) ** 0.5, 0.3), 1.0))
