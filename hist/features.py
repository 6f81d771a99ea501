"""Daily inputs of the encoders. Everything at day t is known at t's close.

For the stream encoder each day is described by ratios that need no later day: prices against the close of the
day before, volume against its own moving average, trailing returns. On request each is standardised across that
day's members, which takes out the market's own move and volatility. For the published window encoder the
adjusted levels are kept as they are and divided by the window's last close when a window is cut.

A stock has valid features on a day when it traded that day and had a bar on the trading day before. Limit
flags are never features: they say whether the same close could be traded. This module does not need torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ModelError
from samgraph.hist.market import BoolArray, FloatArray, Market
from samgraph.sums import over_stocks

Float32Array = npt.NDArray[np.float32]

RATIOS = ("open", "high", "low", "close", "vwap", "volume")
TRAILING = ("return_5", "return_20", "return_60", "volatility_20")
FEATURES = (*RATIOS, *TRAILING)
WINDOW_FEATURES = ("open", "high", "low", "close", "vwap", "volume")

VOLUME_DAYS = 20  # moving average that volume is compared with
CLIP = 4.0  # standard deviations; a first day after a re-listing would otherwise drown the day


def stream_features(
    market: Market, names: Sequence[str] = FEATURES, *, by_day: bool = False
) -> tuple[Float32Array, BoolArray]:
    """Daily ratios.

    `open` to `vwap`: log of the adjusted price over the adjusted close of the day before; `volume`: log of
    volume over its mean of the last 20 trading days; `return_N`: log return of N days; `volatility_20`:
    log of the standard deviation of the last 20 daily log returns. NaN where unknown.

    With `by_day` standardised with the mean and standard deviation of that day's members with valid features,
    clipped at 4; 0, the day's average, where unknown.

    Shapes:
        features: float32 [n_dates, n_stocks, n_features]
        mask: bool [n_dates, n_stocks], where the stock's features are valid

    Raises:
        ModelError: an unknown feature
    """
    unknown = [name for name in names if name not in RATIOS + TRAILING]
    if unknown or not names:
        raise ModelError(
            f"unknown feature '{', '.join(unknown)}'; choose among {', '.join(RATIOS + TRAILING)}"
        )
    mask = valid_days(market)
    members = mask & market.member
    features = np.zeros((market.n_dates, market.n_stocks, len(names)), dtype=np.float32)
    for f, name in enumerate(names):
        values = np.where(mask, _raw(market, name), np.nan)
        features[:, :, f] = _standardise(values, members) if by_day else values
    return features, mask


def window_features(market: Market) -> tuple[Float32Array, BoolArray]:
    """Adjusted price levels and volumes for the published window form, with the same mask.

    Six columns: open, high, low, close, vwap as price x adj, and volume / adj, so that a split changes
    nothing. NaN where unknown. The window encoder divides each window by its last close and volume, as
    Alpha360 does.

    Shapes:
        features: float32 [n_dates, n_stocks, 6]; mask: bool [n_dates, n_stocks]
    """
    prices = [getattr(market, name) * market.adj for name in ("open", "high", "low", "close", "vwap")]
    volume = np.where(market.volume > 0, market.volume, np.nan) / market.adj
    return np.stack([*prices, volume], axis=-1).astype(np.float32), valid_days(market)


def scaled_by(features: Float32Array, fitted: BoolArray) -> Float32Array:
    """Features less their median, over their median absolute deviation x 1.4826, clipped at 4; 0 where unknown.

    Both are those of the cells `fitted`; a feature that does not vary there keeps its scale.

    Shapes:
        features: float32 [n_dates, n_stocks, n_features]; fitted: bool [n_dates, n_stocks]
    """
    scaled = np.zeros_like(features)
    for f in range(features.shape[2]):
        column = features[:, :, f]
        values = column[fitted]
        values = values[np.isfinite(values)]
        centre = spread = np.float32(0)
        if len(values):
            centre = np.median(values)
            spread = np.float32(1.4826) * np.median(np.abs(values - centre))
        score = (column - centre) / (spread if spread > 0 else np.float32(1))
        scaled[:, :, f] = np.nan_to_num(np.clip(score, -CLIP, CLIP), nan=0.0)
    return scaled


def valid_days(market: Market) -> BoolArray:
    """Days on which a stock traded and had a bar on the trading day before [n_dates, n_stocks]."""
    has_bar = np.isfinite(market.close) & np.isfinite(market.adj)
    result = market.tradable & has_bar
    result[1:] &= has_bar[:-1]
    result[0] = False
    return result


def _raw(market: Market, name: str) -> FloatArray:
    close = market.close * market.adj
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "volume":
            volume = np.where(market.volume > 0, market.volume, np.nan) / market.adj
            return _log(volume / _trailing_mean(volume, VOLUME_DAYS))
        if name == "volatility_20":
            daily = pd.DataFrame(_log(close / _shift(close, 1)))
            spread = daily.rolling(20, min_periods=10).std().to_numpy(dtype=np.float64)
            return _log(np.where(spread > 0, spread, np.nan))
        if name.startswith("return_"):
            return _log(close / _shift(close, int(name.removeprefix("return_"))))
        return _log(getattr(market, name) * market.adj / _shift(close, 1))


def _log(values: FloatArray) -> FloatArray:
    result: FloatArray = np.log(values)
    return result


def _shift(values: FloatArray, days: int) -> FloatArray:
    result = np.full_like(values, np.nan)
    result[days:] = values[: max(len(values) - days, 0)]  # none where the period is shorter than that
    return result


def _trailing_mean(values: FloatArray, days: int) -> FloatArray:
    return pd.DataFrame(values).rolling(days, min_periods=days // 2).mean().to_numpy(dtype=np.float64)


def _standardise(values: FloatArray, members: BoolArray) -> FloatArray:
    used = members & np.isfinite(values)
    count = np.maximum(used.sum(axis=1), 1)
    mean = over_stocks(np.where(used, values, 0.0)) / count
    centred = values - mean[:, None]
    variance = (over_stocks(np.where(used, centred * centred, 0.0)) / count)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(variance > 0, centred / np.sqrt(variance), 0.0)
    result: FloatArray = np.clip(np.nan_to_num(scaled, nan=0.0), -CLIP, CLIP)
    return result
