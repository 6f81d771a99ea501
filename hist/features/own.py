"""A user's own features: further columns of the bars, and Python functions by their dotted names.

A function takes `Bars` (all stocks of the market) and returns [n_dates, n_stocks]. It is checked for look-ahead
before it is used: computed again without the later days, the earlier ones must stay as they were.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from samgraph.errors import ModelError
from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.rolling import Floats

OWN_HISTORY = 250  # trading days that a plain function may look back on; a `Feature` says its own
CHECKED = (0.4, 0.7, 0.95)  # of the days: where the market is cut to see whether later days matter


def column(name: str) -> Feature:
    """A further column of the bars as it stands; known, as all of a bar, by the day's close."""
    return Feature(name, lambda bars: bars.column(name), 0, columns=(name,))


def imported(name: str) -> Feature:
    """The function or `Feature` of a dotted name such as "mine.signals.quality" or "mine.signals:quality".

    Modules of the present folder are found, too.

    Raises:
        ModelError: it cannot be imported, or is neither a function nor a `Feature`
    """
    module_name, _, attribute = name.replace(":", ".").rpartition(".")
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # a user's module may fail in any way
        raise ModelError(
            f"feature '{name}' cannot be imported ({type(error).__name__}: {error}); name a function as "
            "package.module.function, in the present folder or installed"
        ) from error
    finally:
        sys.path.remove(here)
    if isinstance(found, Feature):
        return Feature(name, _checked(name, found.function), found.history, found.columns, of_market=True)
    if not callable(found):
        raise ModelError(f"feature '{name}' is a {type(found).__name__}; make it a function of the bars")
    return Feature(name, _checked(name, found), OWN_HISTORY, of_market=True)


def source_of(feature: Feature) -> bytes:
    """The text of the file that defines the feature, for telling whether it changed; empty where there is none."""
    function = inspect.unwrap(feature.function)
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        return b""
    return Path(file).read_bytes() if file is not None and Path(file).is_file() else b""


def _checked(name: str, function: Callable[[Bars], Floats]) -> Callable[[Bars], Floats]:
    def checked(bars: Bars) -> Floats:
        values = _called(name, function, bars)
        for share in CHECKED:
            stop = max(1, int(share * len(values)))
            earlier = _called(name, function, Bars(bars.market.until(stop)))
            moved = ~np.isclose(earlier, values[:stop], rtol=1e-6, atol=1e-9, equal_nan=True)
            if moved.any():
                t, i = (int(place) for place in np.argwhere(moved)[0])
                raise ModelError(
                    f"feature '{name}' sees the future: company {bars.market.stocks[i]} on "
                    f"{bars.dates[t].date()} is {values[t, i]:.6g}, but {earlier[t, i]:.6g} without the days after "
                    f"{bars.dates[stop - 1].date()}; use nothing later than the day itself"
                )
        return values

    checked.__wrapped__ = function  # type: ignore[attr-defined]
    return checked


def _called(name: str, function: Callable[[Bars], Floats], bars: Bars) -> Floats:
    shape = (bars.market.n_dates, bars.market.n_stocks)
    try:
        values = np.asarray(function(bars), dtype=np.float64)
    except Exception as error:
        raise ModelError(f"feature '{name}' failed: {type(error).__name__}: {error}") from error
    if values.shape != shape:
        raise ModelError(
            f"feature '{name}' gives the shape {values.shape}; make it (n_dates, n_stocks), here {shape}"
        )
    return values
