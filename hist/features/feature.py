"""What a feature is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from samgraph.hist.features.bars import Bars
from samgraph.hist.features.rolling import Floats


@dataclass(frozen=True)
class Feature:
    """A named number that a stock has on a day.

    Attributes:
        name: as settings and tables call it
        function: from bars to float64 [n_dates, n_stocks]; day t's value may use days up to t alone
        history: trading days before a day that its value looks back on
        columns: optional columns of the bars without which it is left out
        of_market: it compares stocks with each other, so it must be given all of them at once
    """

    name: str
    function: Callable[[Bars], Floats]
    history: int
    columns: tuple[str, ...] = ()
    of_market: bool = False
