"""Alpha360 as qlib publishes it: the last 60 days' prices over today's close and volumes over today's volume."""

from __future__ import annotations

from collections.abc import Callable

from samgraph.hist.features.alpha158 import TINY, price_ago
from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.rolling import Floats

DAYS = 60


def _volume_ago(days: int) -> Callable[[Bars], Floats]:
    return lambda bars: bars.ago("volume", days) / (bars.series("volume") + TINY)


FEATURES = (
    *(
        Feature(
            f"{price.upper()}{days}",
            price_ago(price, days),
            days,
            columns=("vwap",) if price == "vwap" else (),
        )
        for price in ("close", "open", "high", "low", "vwap")
        for days in range(DAYS - 1, -1, -1)
    ),
    *(Feature(f"VOLUME{days}", _volume_ago(days), days) for days in range(DAYS - 1, -1, -1)),
)
