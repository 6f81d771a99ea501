"""The ten daily ratios that samgraph began with.

`open` to `vwap`: log of the adjusted price over the adjusted close of the day before; `volume`: log of volume over
its mean of the last 20 trading days; `return_N`: log return of N days; `volatility_20`: log of the standard
deviation of the last 20 daily log returns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.rolling import Floats, ago

MONTH = 20  # trading days


def _price(name: str) -> Callable[[Bars], Floats]:
    return lambda bars: np.log(getattr(bars, name) / ago(bars.close, 1))


def _return(days: int) -> Callable[[Bars], Floats]:
    return lambda bars: np.log(bars.close / ago(bars.close, days))


def _volume(bars: Bars) -> Floats:
    usual = pd.DataFrame(bars.volume).rolling(MONTH, min_periods=MONTH // 2).mean()
    result: Floats = np.log(bars.volume / usual.to_numpy(dtype=np.float64))
    return result


def _volatility(bars: Bars) -> Floats:
    daily = pd.DataFrame(np.log(bars.close / ago(bars.close, 1)))
    spread = daily.rolling(MONTH, min_periods=MONTH // 2).std().to_numpy(dtype=np.float64)
    result: Floats = np.log(np.where(spread > 0, spread, np.nan))
    return result


FEATURES = (
    *(Feature(name, _price(name), 1) for name in ("open", "high", "low", "close", "vwap")),
    Feature("volume", _volume, MONTH - 1),
    *(Feature(f"return_{days}", _return(days), days) for days in (5, 20, 60)),
    Feature("volatility_20", _volatility, MONTH),
)
