"""The features of a market: float32 [n_dates, n_stocks, n_features], kept in files where a folder is given.

A file is whole or absent, named by the SHA-256 of what it was computed from (bars, features, and the program that
computes them), and mapped into memory, so that several processes share one copy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from samgraph.files import locked, whole
from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.own import source_of
from samgraph.hist.features.registry import Chosen, choose
from samgraph.hist.features.scaling import Float32Array
from samgraph.hist.market import BoolArray, Market

BLOCK = 24  # stocks whose statistics are held at once
THREADS = 2
WAIT_SECONDS = 3600.0  # for another process that computes the same


@dataclass(frozen=True, eq=False)
class DailyFeatures:
    """Features of every stock and day.

    Shapes:
        values: float32 [n_dates, n_stocks, n_features], NaN where unknown and outside `mask`
        mask: bool [n_dates, n_stocks], where the stock traded and had a bar the trading day before
    """

    values: Float32Array
    mask: BoolArray
    chosen: Chosen


def daily_features(market: Market, names: Sequence[str], folder: Path | None = None) -> DailyFeatures:
    """Features by their names, unscaled.

    Args:
        market: bars, with enough days before those of interest (`registry.history`)
        names: features, sets, further columns of the bars, dotted names of functions
        folder: where they are kept, or found, as a file; None computes them in memory

    Raises:
        ModelError: an unknown feature, or a user's function that fails or sees the future
        RunError: the folder cannot be written
    """
    chosen, mask = choose(names, market.columns), valid_days(market)
    if folder is None:
        values = np.empty((market.n_dates, market.n_stocks, len(chosen.features)), dtype=np.float32)
        for stocks, block in _blocks(market, chosen.features, mask):
            values[:, stocks] = block
        return DailyFeatures(values, mask, chosen)
    file = folder / f"features-{_key(market, chosen.features)[:32]}.npy"
    if not file.exists():
        with locked(folder / f".{file.name}.lock", WAIT_SECONDS):
            if not file.exists():
                _write(file, market, chosen.features, mask)
    return DailyFeatures(np.load(file, mmap_mode="r", allow_pickle=False), mask, chosen)


def valid_days(market: Market) -> BoolArray:
    """Days on which a stock traded and had a bar on the trading day before [n_dates, n_stocks]."""
    has_bar = np.isfinite(market.close) & np.isfinite(market.adj)
    result = market.tradable & has_bar
    result[1:] &= has_bar[:-1]
    result[0] = False
    return result


def _blocks(
    market: Market, features: tuple[Feature, ...], mask: BoolArray
) -> Iterator[tuple[slice, Float32Array]]:
    """The features of some stocks after others [n_dates, n_stocks of the block, n_features]."""
    of_market = {
        place: _masked(feature, Bars(market), mask)
        for place, feature in enumerate(features)
        if feature.of_market
    }

    def block(stocks: slice) -> tuple[slice, Float32Array]:
        bars = Bars(market, stocks)
        out = np.empty(
            (market.n_dates, len(range(*stocks.indices(market.n_stocks))), len(features)), np.float32
        )
        for place, feature in enumerate(features):
            out[:, :, place] = (
                of_market[place][:, stocks] if place in of_market else _masked(feature, bars, mask[:, stocks])
            )
        return stocks, out

    parts = [slice(i, min(i + BLOCK, market.n_stocks)) for i in range(0, market.n_stocks, BLOCK)]
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        for first in range(0, len(parts), THREADS):  # no block is computed before it can be written
            yield from pool.map(block, parts[first : first + THREADS])


def _masked(feature: Feature, bars: Bars, mask: BoolArray) -> Float32Array:
    with np.errstate(all="ignore"):
        return np.where(mask, feature.function(bars), np.nan).astype(np.float32)


def _write(file: Path, market: Market, features: tuple[Feature, ...], mask: BoolArray) -> None:
    shape = (market.n_dates, market.n_stocks, len(features))
    with whole(file) as scratch, scratch.open("wb", buffering=0) as out:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        begin, day = out.tell(), 4 * shape[1] * shape[2]
        out.truncate(begin + day * shape[0])
        for stocks, block in _blocks(market, features, mask):
            rows = np.ascontiguousarray(block, dtype="<f4")
            place = begin + 4 * shape[2] * stocks.start
            for t in range(shape[0]):
                out.seek(place + day * t)
                out.write(rows[t].data)


def _key(market: Market, features: tuple[Feature, ...]) -> str:
    digest = hashlib.sha256(_program())
    digest.update("\0".join(market.stocks).encode())
    digest.update(market.dates.as_unit("s").asi8.tobytes())
    for name, panel in market.panels().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(panel).view(np.uint8).data)
    for feature in features:
        digest.update(f"\0{feature.name}".encode())
        if feature.of_market:
            digest.update(source_of(feature))
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _program() -> bytes:
    """A digest of this package's own text."""
    digest = hashlib.sha256(np.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
