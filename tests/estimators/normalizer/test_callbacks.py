"""Callbacks of scikit-learn follow a fit of BatchNormalizer."""

import numpy as np
import pytest

from skbn import BatchNormalizer


class Recorder:
    """A callback that writes down what it is told."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X, metadata):
        self.calls.append(("begin", X.shape, metadata["sample_weight"]))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.calls.append(("end", fitted_estimator.transform([[2.0]]).item()))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_callbacks_follow_a_fit(method):
    recorder = Recorder()
    normalizer = BatchNormalizer().set_callbacks(recorder)
    getattr(normalizer, method)([[1.0], [3.0]])
    assert recorder.calls == ["setup", ("begin", (2, 1), None), ("end", 0.0), "teardown"]


def test_callbacks_are_torn_down_after_a_refusal():
    recorder = Recorder()
    with pytest.raises(ValueError, match="infinity"):
        BatchNormalizer().set_callbacks(recorder).fit([[1.0], [np.inf]])
    assert [call if isinstance(call, str) else call[0] for call in recorder.calls] == [
        "setup",
        "begin",
        "teardown",
    ]
