"""Model inputs kept in files for the workers: the market and the snapshots of each arm."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.files import whole
from samgraph.graph.series.chain_links import ChainLinks, ValueChain
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.market import FURTHER, LISTINGS, Market
from samgraph.training.task import MARKET


def write_market(folder: Path, market: Market) -> None:
    """Keep `market` for the workers."""
    panels: dict[str, Any] = market.panels()
    panels |= {name: getattr(market, name) for name in LISTINGS if getattr(market, name) is not None}
    with whole(folder / MARKET) as scratch, scratch.open("wb") as file:
        np.savez(
            file,
            dates=_seconds(market.dates),
            stocks=np.asarray(market.stocks, dtype=np.str_),
            benchmark=market.benchmark,
            has_vwap=market.has_vwap,
            further=np.asarray(list(market.further), dtype=np.str_),
            **panels,
        )


@contextlib.contextmanager
def _loaded(path: Path) -> Iterator[Any]:
    """The arrays of a file of model inputs; every one of them carries a CRC-32, which is checked when it is read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            yield held
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(
            f"{path} cannot be read ({error}): it is damaged; run the same command again, which makes it anew"
        ) from error


def read_market(folder: Path) -> Market:
    """What `write_market` kept."""
    with _loaded(folder / MARKET) as held:
        arrays = {name: held[name] for name in held.files}
        further = {str(name): arrays.pop(f"{FURTHER}{name}") for name in arrays.pop("further")}
        return Market(
            dates=_dates(arrays.pop("dates")),
            stocks=tuple(arrays.pop("stocks").tolist()),
            has_vwap=bool(arrays.pop("has_vwap")),
            further=further,
            **arrays,
        )


def write_series(folder: Path, variant: str, series: SnapshotSeries) -> None:
    """Keep the snapshots of one variant for the workers."""
    sizes = [len(edges) for edges in series.versions]
    chain: dict[str, Any] = {} if series.chain is None else _chain_arrays(series.chain)
    with whole(folder / f"{variant}.npz") as scratch, scratch.open("wb") as file:
        np.savez(
            file,
            dates=_seconds(series.dates),
            stocks=np.asarray(series.stocks, dtype=np.str_),
            concepts=np.asarray(series.concepts, dtype=np.str_),
            names=np.asarray(series.concept_names, dtype=np.str_),
            day_version=series.day_version,
            ends=np.cumsum(sizes, dtype=np.int64),
            stock=np.concatenate([edges.stock for edges in series.versions]),
            concept=np.concatenate([edges.concept for edges in series.versions]),
            weight=np.concatenate([edges.weight for edges in series.versions]),
            **chain,
        )


def _chain_arrays(chain: ValueChain) -> dict[str, np.ndarray[Any, Any]]:
    columns = {
        f"chain_{name}": np.concatenate([getattr(links, name) for links in chain.versions])
        for name in ("supplier", "customer", "weight")
    }
    ends = np.cumsum([len(links) for links in chain.versions], dtype=np.int64)
    return columns | {"chain_day": chain.day_version, "chain_ends": ends}


def _chain(held: Mapping[str, np.ndarray[Any, Any]]) -> ValueChain:
    split = held["chain_ends"][:-1]
    columns = [np.split(held[f"chain_{name}"], split) for name in ("supplier", "customer", "weight")]
    return ValueChain(held["chain_day"], tuple(ChainLinks(*triple) for triple in zip(*columns, strict=True)))


def read_series(folder: Path, variant: str) -> SnapshotSeries:
    """What `write_series` kept."""
    with _loaded(folder / f"{variant}.npz") as held:
        split = held["ends"][:-1]
        columns = [np.split(held[name], split) for name in ("stock", "concept", "weight")]
        concepts = tuple(held["concepts"].tolist())
        return SnapshotSeries(
            dates=_dates(held["dates"]),
            stocks=tuple(held["stocks"].tolist()),
            concepts=concepts,
            concept_names=tuple(held["names"].tolist()) if "names" in held.files else concepts,
            day_version=held["day_version"],
            versions=tuple(Edges(*triple) for triple in zip(*columns, strict=True)),
            chain=_chain(held) if "chain_day" in held.files else None,
        )


def _seconds(dates: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return dates.as_unit("s").asi8


def _dates(seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"))
