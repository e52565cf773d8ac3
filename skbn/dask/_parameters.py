"""The parameters that the MLPs of skbn.dask have beside those of the local ones."""

from inspect import Parameter, signature
from numbers import Integral

from .._estimators.validation import Interval, StrOptions

SYNC_EVERY = "auto"


def with_distributed_parameters(local):
    """An ``__init__`` with the parameters of the local estimator and those of ADDED."""

    def __init__(self, *args, sync_every=SYNC_EVERY, exchange_rows=False, **parameters):
        local.__init__(self, *args, **parameters)
        self.sync_every, self.exchange_rows = sync_every, exchange_rows

    parameters = signature(local.__init__)
    added = [Parameter(name, Parameter.KEYWORD_ONLY, default=ADDED[name]) for name in ADDED]
    __init__.__signature__ = parameters.replace(
        parameters=[*parameters.parameters.values(), *added]
    )
    return __init__


ADDED = {"sync_every": SYNC_EVERY, "exchange_rows": False}
CONSTRAINT = {
    "sync_every": [None, StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "exchange_rows": ["boolean"],
}
