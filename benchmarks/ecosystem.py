"""Try skbn with other libraries, and print a table in Markdown of what works.

A trial works if it runs without an error, and if what it returns is true. A library that is not
installed is reported as such.

    pip install -e ".[dask]" optuna imbalanced-learn mapie category_encoders feature_engine \\
        dask-ml mlxtend shap skrub skops onnxruntime skl2onnx polars pyarrow xarray fairlearn \\
        lightgbm cloudpickle
"""

import warnings
from importlib.metadata import PackageNotFoundError, version

from suite import ecosystem_others, ecosystem_sklearn  # noqa: F401  adds the trials
from suite.ecosystem import TRIALS


def outcome(library, function):
    """What the table says of a trial."""
    try:
        version(library)
    except PackageNotFoundError:
        return "–", "not installed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function()
    except Exception as error:
        return version(library), f"**fails**: {type(error).__name__}: {error}".splitlines()[0][:120]
    return version(library), "works" if result else "**gives a wrong result**"


def main():
    results = [(library, use, *outcome(library, function)) for library, use, function in TRIALS]
    print("| library | version | use | result |\n|---|---|---|---|")
    for library, use, installed, result in results:
        print(f"| {library} | {installed} | {use} | {result} |")
    n_working = sum(result == "works" for *_, result in results)
    print(f"\n{n_working} of {len(results)} trials work.")


if __name__ == "__main__":
    main()
