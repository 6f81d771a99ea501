"""The numerical core of toraniko 1.1, which imports polars for its frames without declaring it.

`_factor_returns` is numpy alone: one day's sector, style and residual returns. Where polars is not installed an empty
module stands in for it while toraniko is imported; nothing of it is called.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

import numpy as np


class _Nothing(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


def load_core() -> Any:
    """toraniko's `_factor_returns(returns, mkt_caps, sector_scores, style_scores, residualize_styles)`."""
    if importlib.util.find_spec("polars") is not None:
        return importlib.import_module("toraniko.model")._factor_returns
    held = ("polars", "polars.exceptions")
    try:
        for name in held:
            sys.modules[name] = _Nothing(name)
        return importlib.import_module("toraniko.model")._factor_returns
    finally:
        for name in held:
            sys.modules.pop(name, None)


def toraniko_returns(returns: Any, cap: Any, sectors: Any, styles: Any) -> Any:
    """Factor returns of every day: market, sectors, styles.

    Shapes: returns, cap [n_dates, n_stocks]; sectors [n_dates, n_stocks, n_sectors]; styles [n_dates, n_stocks,
    n_styles]; result [n_dates, 1 + n_sectors + n_styles].
    """
    core = load_core()
    return np.stack([core(*day, True)[0] for day in zip(returns, cap, sectors, styles, strict=True)])
