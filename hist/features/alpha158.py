"""Alpha158 as qlib publishes it (qlib/contrib/data/loader.py): 9 of the day's candle, 4 prices, 29 kinds x 5 windows.

Statistics take what is known in their window, as qlib's do (`min_periods=1`): a day without trading is missing, and
a window that begins before the listing is shorter. Three things are read so that they depend neither on units nor on
gaps: a close counts as flat when its standard deviation is at most 2e-5 of today's close (qlib: 2e-5 of its
rebased price); `IMAX`, `IMIN` and `IMXD` pass over missing days (qlib's argmax stops at them); and `RANK` is a
share of the window, as in qlib since 0.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.rolling import Floats, quantiles, ranks

DAYS = (5, 10, 20, 30, 60)
TINY = 1e-12  # added to denominators
FLAT = 2e-5  # a standard deviation that counts as none

Function = Callable[[Bars], Floats]
Trailing = Callable[[Bars, int], Floats]


def _candle() -> Iterator[tuple[str, Function]]:
    def body(bars: Bars) -> Floats:
        return bars.traded("close") - bars.open

    def upper(bars: Bars) -> Floats:
        return bars.high - np.maximum(bars.open, bars.traded("close"))

    def lower(bars: Bars) -> Floats:
        return np.minimum(bars.open, bars.traded("close")) - bars.low

    def shift(bars: Bars) -> Floats:
        return 2 * bars.traded("close") - bars.high - bars.low

    def span(bars: Bars) -> Floats:
        return bars.high - bars.low

    def over_open(part: Function) -> Function:
        return lambda bars: part(bars) / bars.open

    def over_span(part: Function) -> Function:
        return lambda bars: part(bars) / (span(bars) + TINY)

    yield "KMID", over_open(body)
    yield "KLEN", over_open(span)
    yield "KMID2", over_span(body)
    for name, part in (("KUP", upper), ("KLOW", lower), ("KSFT", shift)):
        yield name, over_open(part)
        yield f"{name}2", over_span(part)


def price_ago(price: str, days: int) -> Function:
    """A price of so many days before, over today's close."""
    return lambda bars: bars.ago(price, days) / bars.series("close")


def _over_close(statistic: Trailing) -> Trailing:
    return lambda bars, days: statistic(bars, days) / bars.series("close")


def _over_volume(statistic: Trailing) -> Trailing:
    return lambda bars, days: statistic(bars, days) / (bars.series("volume") + TINY)


def _rsquare(bars: Bars, days: int) -> Floats:
    correlation = bars.pairs("close", None).correlation(days, FLAT * bars.series("close"), 0.0)
    return correlation * correlation


def _quantile(level: float) -> Trailing:
    def function(bars: Bars, days: int) -> Floats:
        both = bars.once(("quantiles", days), lambda: quantiles(bars.series("close"), days, (0.2, 0.8)))
        return both[level]

    return function


def _rank(bars: Bars, days: int) -> Floats:
    return bars.once(("ranks",), lambda: ranks(bars.series("close"), DAYS))[days]


def _position(bars: Bars, days: int) -> Floats:
    low = -bars.lowest("low").largest(days)
    high = bars.highest("high").largest(days)
    return (bars.series("close") - low) / (high - low + TINY)


def _day_of_high(bars: Bars, days: int) -> Floats:
    return (np.minimum(bars.days_listed, days) - bars.highest("high").days_ago(days)) / days


def _day_of_low(bars: Bars, days: int) -> Floats:
    return (np.minimum(bars.days_listed, days) - bars.lowest("low").days_ago(days)) / days


def _share(numerator: str, other: str, *, less: bool = False) -> Trailing:
    """Trailing sum of `numerator` (less `other`'s) over that of both."""

    def function(bars: Bars, days: int) -> Floats:
        one, two = bars.sums(numerator).sum(days), bars.sums(other).sum(days)
        return (one - two if less else one) / (one + two + TINY)

    return function


def _weighted_volatility(bars: Bars, days: int) -> Floats:
    moments = bars.moments("moved_volume")
    return moments.std(days) / (moments.mean(days) + TINY)


TRAILING: dict[str, Trailing] = {
    "ROC": _over_close(lambda bars, days: bars.ago("close", days)),
    "MA": _over_close(lambda bars, days: bars.moments("close").mean(days)),
    "STD": _over_close(lambda bars, days: bars.moments("close").std(days)),
    "BETA": _over_close(lambda bars, days: bars.pairs("close", None).slope(days)),
    "RSQR": _rsquare,
    "RESI": lambda bars, days: 1.0 - bars.pairs("close", None).fitted(days) / bars.series("close"),
    "MAX": _over_close(lambda bars, days: bars.highest("high").largest(days)),
    "MIN": _over_close(lambda bars, days: -bars.lowest("low").largest(days)),
    "QTLU": _over_close(_quantile(0.8)),
    "QTLD": _over_close(_quantile(0.2)),
    "RANK": _rank,
    "RSV": _position,
    "IMAX": _day_of_high,
    "IMIN": _day_of_low,
    "IMXD": lambda bars, days: _day_of_high(bars, days) - _day_of_low(bars, days),
    "CORR": lambda bars, days: bars.pairs("close", "log_volume").correlation(
        days, FLAT * bars.series("close"), FLAT
    ),
    "CORD": lambda bars, days: bars.pairs("growth", "log_volume_growth").correlation(days, FLAT, FLAT),
    "CNTP": lambda bars, days: bars.moments("rose").mean(days),
    "CNTN": lambda bars, days: bars.moments("fell").mean(days),
    "CNTD": lambda bars, days: bars.moments("rose").mean(days) - bars.moments("fell").mean(days),
    "SUMP": _share("gain", "loss"),
    "SUMN": _share("loss", "gain"),
    "SUMD": _share("gain", "loss", less=True),
    "VMA": _over_volume(lambda bars, days: bars.moments("volume").mean(days)),
    "VSTD": _over_volume(lambda bars, days: bars.moments("volume").std(days)),
    "WVMA": _weighted_volatility,
    "VSUMP": _share("volume_gain", "volume_loss"),
    "VSUMN": _share("volume_loss", "volume_gain"),
    "VSUMD": _share("volume_gain", "volume_loss", less=True),
}

# Kinds that compare a day with the day before look one day further back than their window.
_PAIRED = {"ROC", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD", "WVMA", "VSUMP", "VSUMN", "VSUMD"}


def _trailing(kind: str, days: int) -> Feature:
    function = TRAILING[kind]
    return Feature(f"{kind}{days}", lambda bars: function(bars, days), days if kind in _PAIRED else days - 1)


FEATURES = (
    *(Feature(name, function, 0) for name, function in _candle()),
    *(Feature(f"{price.upper()}0", price_ago(price, 0), 0) for price in ("open", "high", "low")),
    Feature("VWAP0", price_ago("vwap", 0), 0, columns=("vwap",)),
    *(_trailing(kind, days) for kind in TRAILING for days in DAYS),
)

# What qlib's own recurrent models on Alpha158 read of it (`FilterCol` in the workflows of its GRU, LSTM and ALSTM).
OF_SEQUENCES = (
    *("RESI5", "WVMA5", "RSQR5", "KLEN", "RSQR10", "CORR5", "CORD5", "CORR10", "ROC60", "RESI10"),
    *("VSTD5", "RSQR60", "CORR60", "WVMA60", "STD5", "RSQR20", "CORD60", "CORD10", "CORR20", "KLOW"),
)
