"""What docs/guide/dask_journey.md says of the model that is served."""

import subprocess
import sys

import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from on_dask.models import PAIRS, SMALL

SERVE = """
import sys
import joblib
import pandas as pd
model = joblib.load(sys.argv[1])
print(*model.predict(pd.read_json(sys.argv[2])).tolist())
assert not [name for name in sys.modules if name.partition(".")[0] in ("dask", "distributed")]
"""


@pytest.mark.parametrize("name", PAIRS)
def test_a_saved_local_model_predicts_in_a_process_without_dask(name, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "day": rng.choice(["x", "y", None], 200)})
    y = pd.Series((table.a > 0).astype(int))
    model = PAIRS[name][0](**SMALL, exchange_rows=True)
    model.fit(dd.from_pandas(table, npartitions=4), dd.from_pandas(y, npartitions=4))
    joblib.dump(model.to_local(), tmp_path / "model.joblib")
    rows = pd.DataFrame({"a": [0.5, np.nan], "day": ["x", "unknown"]})
    rows.to_json(tmp_path / "rows.json")
    paths = tmp_path / "model.joblib", tmp_path / "rows.json"
    command = [sys.executable, "-c", SERVE, *map(str, paths)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    np.testing.assert_allclose(np.array(printed.split(), float), model.predict(rows), rtol=1e-6)
