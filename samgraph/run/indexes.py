"""Which index a run is held against, and whether its level holds dividends.

`kind` of table benchmarks decides. Where it is empty, a name that ends in TR (CSI300TR beside CSI300) is a total-return
index and any other a price index. Holdings reinvest dividends, so by default the total-return index of the universe is
the benchmark where it has levels on the days that are needed, and the price index stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ConfigError, DatasetError
from samgraph.graph.check.series import read_benchmarks
from samgraph.graph.dataset.folder import Dataset

Kind = Literal["total_return", "price"]
TOTAL: Kind = "total_return"
ENDING = "TR"
BETWEEN = ("", "_", "-", " ")  # what may stand before the ending


@dataclass(frozen=True, eq=False)
class Index:
    """An index of table benchmarks: `level` [n_dates] on the days of the run's market, NaN where it has none."""

    name: str
    kind: Kind
    level: npt.NDArray[np.float64]


def indexes(
    dataset: Dataset, universe: str, named: str | None, dates: pd.DatetimeIndex, needed: pd.DatetimeIndex
) -> tuple[Index, ...]:
    """The benchmark and then, where there is one, its twin of the other kind; none where the dataset has neither.

    Args:
        dataset: with or without table benchmarks
        universe: its total-return index, else the index called as it is, is the benchmark where none is named
        named: the name of the benchmark, taken as it is
        dates: the market's days
        needed: of these, the days on which a total-return index must have a level to be chosen by itself

    Raises:
        ConfigError: the named benchmark is not in the table
        DatasetError: a `kind` that is none, or two kinds of one index
    """
    table = read_benchmarks(dataset) if dataset.has("benchmarks") else None
    names = [] if table is None else sorted(str(name) for name in table["benchmark"].unique())
    if named is not None and named not in names:
        known = "none" if table is None else ", ".join(names)
        raise ConfigError(
            f"benchmark {named!r} is not in table benchmarks (there: {known}); name one of them or none"
        )
    if table is None:
        return ()
    asked = named or universe
    found = [_index(table, name, dates) for name in (asked, *_twins(asked, names)) if name in names]
    if named is None and len(found) > 1 and found[1].kind == TOTAL != found[0].kind:
        level = pd.Series(found[1].level, index=dates).reindex(needed)
        if level.notna().all():
            found = [found[1], found[0], *found[2:]]
    return tuple(found[:1]) + tuple(one for one in found[1:] if one.kind != found[0].kind)[:1]


def _twins(name: str, names: Iterable[str]) -> list[str]:
    """The names that differ from `name` by the ending alone."""
    longer = {f"{name}{sign}{ENDING}".upper() for sign in BETWEEN}
    shorter = {
        name[: -len(f"{sign}{ENDING}")].upper()
        for sign in BETWEEN
        if name.upper().endswith(f"{sign}{ENDING}") and len(name) > len(sign) + len(ENDING)
    }
    return [other for other in names if other.upper() in longer | shorter]


def _index(table: pd.DataFrame, name: str, dates: pd.DatetimeIndex) -> Index:
    rows = table[table["benchmark"] == name]
    said = set() if "kind" not in rows else {str(kind) for kind in rows["kind"].dropna() if str(kind)}
    if len(said) > 1 or not said <= set(get_args(Kind)):
        raise DatasetError(
            f"table benchmarks calls {name} {' and '.join(sorted(said))}; its kind must be total_return or price, the "
            "same in each row"
        )
    ends = name.upper().endswith(ENDING) and len(name) > len(ENDING)
    kind: Kind = "total_return" if TOTAL in said or (not said and ends) else "price"
    level = pd.Series(rows["close"].to_numpy(), index=pd.DatetimeIndex(rows["date"]).as_unit("s"))
    return Index(name, kind, level.reindex(dates).to_numpy(dtype=np.float64))
