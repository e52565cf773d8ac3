"""The examples in the order in which one reads them, others by name; one that warns fails."""

import warnings

ORDER = (
    "quickstart.py",
    "normalizer.py",
    "drifting_stream.py",
    "merge_workers.py",
    "learning_curves.py",
    "pilots.py",
    "ghost_batches.py",
    "recalibration.py",
    "imbalanced.py",
    "deployment.py",
)


class ByReading:
    """A key to sort by, as sphinx-gallery makes one for each folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name):
        return ORDER.index(name) if name in ORDER else len(ORDER), name


def warnings_are_errors(_gallery_conf, _name):
    """Before each example: readers would see its warnings; what it ignores, others do not."""
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    for category in (UserWarning, FutureWarning, RuntimeWarning):
        warnings.simplefilter("error", category)
