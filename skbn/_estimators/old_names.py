"""The modules of version 0.1, so that models that it saved can be loaded."""

import sys
from importlib import import_module
from types import ModuleType

# The modules that pickles and skops files of version 0.1 name, and those that replace them.
MODULES = {
    "_mlp.classifier": ["_estimators.classifier"],
    "_mlp.labels": ["_estimators.label_targets"],
    "_mlp.regressor": ["_estimators.regressor"],
    "_moments": ["_statistics.moments"],
    "_normalizer.normalizer": ["_estimators.normalizer"],
    "_optimizers": ["_model.optimizers", "_model.schedules"],
}


def register():
    """Register the old modules, which pickle looks up in ``sys.modules``."""
    for old, replacements in MODULES.items():
        module = ModuleType(f"skbn.{old}")
        for replacement in replacements:
            vars(module).update(_public(import_module(f"skbn.{replacement}")))
        sys.modules[module.__name__] = module


def _public(module):
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
