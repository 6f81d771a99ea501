"""What a model is trained on, and one walk-forward window's share of it as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samgraph.errors import ModelError
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.batch import GraphCache, collate
from samgraph.hist.concept_returns import concept_returns
from samgraph.hist.config import HistConfig
from samgraph.hist.day_graph import Batch, Reach
from samgraph.hist.features.compute import daily_features
from samgraph.hist.features.levels import LEVELS, levels
from samgraph.hist.features.scaling import Float32Array, scaled_by, scaled_by_day
from samgraph.hist.labels import forward_returns, rank_normalise
from samgraph.hist.market import BoolArray, FloatArray, Market
from samgraph.hist.windows import Window
from samgraph.hist.yesterday import collate_reach


@dataclass(frozen=True, eq=False)
class TrainingInputs:
    """Everything that is known before a window is chosen.

    Shapes:
        features: float32 [n_dates, n_stocks, n_features]; feature_mask: bool [n_dates, n_stocks]
        label: float64 [n_dates, n_stocks], forward returns, NaN where none can be earned
        series: as-of edges of (at least) the days used; None trains the plain GRU
        told: float32 [n_dates, n_stocks, n_half_lives], what the stocks' concepts returned; None where no model asks
    """

    market: Market
    features: Float32Array
    feature_mask: BoolArray
    label: FloatArray
    series: SnapshotSeries | None
    feature_names: tuple[str, ...] = ()
    told: Float32Array | None = None

    def __post_init__(self) -> None:
        shape = (self.market.n_dates, self.market.n_stocks)
        for name in ("feature_mask", "label"):
            if getattr(self, name).shape != shape:
                raise ModelError(
                    f"{name} has the shape {getattr(self, name).shape}, but the market has {shape[0]} dates "
                    f"and {shape[1]} stocks"
                )
        if self.features.ndim != 3 or self.features.shape[:2] != shape:
            raise ModelError(
                f"features have the shape {self.features.shape}; make it (n_dates, n_stocks, n_features) "
                f"with {shape[0]} dates and {shape[1]} stocks"
            )

    @property
    def n_features(self) -> int:
        """Number of daily features."""
        return int(self.features.shape[2])

    def fingerprint(self) -> str:
        """SHA-256 of all values: equal for equal inputs."""
        digest = hashlib.sha256("\0".join(self.market.stocks).encode())
        digest.update(self.market.dates.as_unit("s").asi8.tobytes())
        for array in (
            self.features,
            self.feature_mask,
            self.label,
            self.market.member,
            self.market.weights(),
            *(() if self.told is None else (self.told,)),
        ):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        digest.update((self.series.fingerprint() if self.series is not None else "").encode())
        return digest.hexdigest()


def training_inputs(
    market: Market, series: SnapshotSeries | None, config: HistConfig, folder: Path | None = None
) -> TrainingInputs:
    """Features and labels as the configuration names them, of everyone whom models see.

    `folder` keeps computed features.
    """
    market = market.for_models()
    names: tuple[str, ...]
    if config.reads_levels:
        names, (features, mask) = LEVELS, levels(market)
    else:
        daily = daily_features(market, config.features, folder)
        names, features, mask = daily.chosen.names, daily.values, daily.mask
    label = forward_returns(market, config.horizon, lag=config.lag, price=config.price)
    told = None
    if series is not None and config.concept_returns:
        told = concept_returns(market, series, config.concept_returns)
    return TrainingInputs(market, features, mask, label, series, names, told)


_LEAST_CAP = (
    0.01  # a day's mean cap in its units: less drowns in an eps of 1, and every concept is the mean of all
)


class WindowData:
    """One window's days and stocks on the device.

    Two sets of stocks a day: `rows`, to which the model is applied (members whose encoder has seen at least
    `min_history` valid days, traded today or not), and those among them that it is fitted on (with valid
    features today and a known label). `start` is the first day that the stream runs over.

    Only stocks that are a member on some day are kept, in the order in which they joined (`joined`): positions here
    are not the market's, and who joins later stands behind all who were there. To fit, the days end with the
    validation: whoever joins the universe in the test days cannot change the parameters, not even in the last bit.
    """

    def __init__(
        self,
        inputs: TrainingInputs,
        window: Window,
        config: HistConfig,
        device: torch.device,
        *,
        fit: bool = False,
    ) -> None:
        """Cut the window's share out of the inputs; `fit` leaves the test days out."""
        market = inputs.market
        self.inputs, self.window, self.config, self.device = inputs, window, config, device
        self.start = max(0, window.train.start - config.burn_in)
        if not 0 <= self.start < window.test.stop <= market.n_dates:
            raise ModelError(f"the window ({window}) does not fit into {market.n_dates} dates")
        self.parts = (window.train, window.valid) if fit else (window.train, window.valid, window.test)
        self.stop = self.parts[-1].stop
        period = slice(self.start, self.stop)
        self.columns = joined(market.member[period])
        self.stocks = [market.stocks[i] for i in self.columns]
        mask = inputs.feature_mask[period][:, self.columns]
        seen_from = 0 if config.encoder == "window" else self.start
        seen = inputs.feature_mask[seen_from : self.stop, self.columns].cumsum(axis=0)[
            self.start - seen_from :
        ]
        applied = market.member[period][:, self.columns] & (seen >= config.min_history)
        label = inputs.label[period][:, self.columns]
        fitted = applied & mask & np.isfinite(label)
        self.label = np.where(fitted, label, np.nan)
        self.rows = [np.flatnonzero(day) for day in applied]
        self.target = torch.from_numpy(rank_normalise(label, fitted)).to(device)
        features = inputs.features[period][:, self.columns]
        if config.encoder == "stream":
            features = self._scaled(features, mask, market.member[period][:, self.columns])
            # on days without valid features too: 0 x NaN is NaN, and would stay in the recurrence's state
            assert np.isfinite(features.sum()), "scaling left a feature that is no number"
        # torch's own memory is aligned for vectors always, numpy's by chance: the same numbers need the same kernels
        self.features = torch.from_numpy(np.ascontiguousarray(features)).clone().to(device)
        self.mask = torch.from_numpy(mask).to(device)
        self.cap = torch.from_numpy(self._caps(market.weights()[period][:, self.columns])).to(device)
        self.told = None
        if inputs.told is not None:
            self.told = torch.from_numpy(inputs.told[period][:, self.columns]).clone().to(device)
        self.graphs = GraphCache(inputs.series, self.stocks, device)
        self._date = market.dates[period].as_unit("s").asi8
        self._check_series()

    def days(self, part: slice) -> range:
        """A part of the window as days counted from `start`."""
        return range(part.start - self.start, part.stop - self.start)

    def date(self, day: int) -> str:
        """ISO date of a day counted from `start`."""
        return str(self.inputs.market.dates[self.start + day].date())

    def batch(self, days: Sequence[int]) -> tuple[Batch, Tensor, Tensor]:
        """The block-diagonal graph of some days, with the day (place in `days`) and stock of each row."""
        rows = [self.rows[day] for day in days]
        place = torch.from_numpy(np.repeat(np.arange(len(days)), [len(r) for r in rows])).to(self.device)
        stock = torch.from_numpy(np.concatenate(rows)).to(self.device)
        day = torch.tensor(list(days), device=self.device)[place]
        graphs = [self.graphs.graph(int(self._date[d]), r) for d, r in zip(days, rows, strict=True)]
        batch = collate(graphs, self.cap[day, stock])
        if self.told is not None:
            batch = replace(batch, told=self.told[day, stock])
        return batch, place, stock

    def before(self, days: Sequence[int]) -> tuple[Batch, Tensor, Tensor, tuple[Reach, Reach]]:
        """The days before some days, and the value chain's links to them; before the first day there is nothing.

        Returns:
            the earlier days' graph; of each of its rows the later day (place in `days`) and the stock; the links
            up and down from the rows of `batch(days)` to the earlier concepts
        """
        graphs, reaches, rows = [], [], []
        for day in days:
            earlier = max(day - 1, 0)
            rows.append(self.rows[earlier] if day > 0 else self.rows[0][:0])
            graphs.append(self.graphs.graph(int(self._date[earlier]), rows[-1]))
            today = self.graphs.graph(int(self._date[day]), self.rows[day])
            reaches.append(
                self.graphs.reach(int(self._date[day]), today, graphs[-1], binary=self.config.binary_edges)
            )
        place = torch.from_numpy(np.repeat(np.arange(len(days)), [len(r) for r in rows])).to(self.device)
        stock = torch.from_numpy(np.concatenate(rows)).to(self.device)
        cap = self.cap[(torch.tensor(list(days), device=self.device) - 1).clamp(min=0)[place], stock]
        up, down = (collate_reach(parts) for parts in zip(*reaches, strict=True))
        return collate(graphs, cap), place, stock, (up, down)

    @property
    def hears_chain(self) -> bool:
        """Whether the model hears the value chain of these inputs."""
        series = self.inputs.series
        return self.config.value_chain and series is not None and series.chain is not None

    def _caps(self, cap: FloatArray) -> Float32Array:
        """Caps in units of `cap_unit`, or of the day's mean: without one, and where caps are lost beside it and eps."""
        unit = self.config.cap_unit
        scaled = np.ones_like(cap)
        for t, rows in enumerate(self.rows):
            if len(rows):
                mean = cap[t, rows].mean()
                scaled[t] = cap[t] / (mean if unit is None or mean < _LEAST_CAP * unit else unit)
        return scaled.astype(np.float32)

    def _scaled(self, features: Float32Array, mask: BoolArray, members: BoolArray) -> Float32Array:
        """Features over what the day's, or the training days', members had (`samgraph.hist.features.scaling`)."""
        infinite = np.argwhere(np.isinf(features) & mask[:, :, None])
        if len(infinite):
            t, i, f = (int(place) for place in infinite[0])
            raise ModelError(
                f"{_feature(self, t, i, f, features[t, i, f])}; correct the bars or leave the feature out"
            )
        if self.config.scaling == "day":
            return scaled_by_day(features, mask, members)
        days = self.days(self.window.train)
        fitted = np.zeros_like(members)
        fitted[days.start : days.stop] = members[days.start : days.stop]
        return scaled_by(features, mask, fitted)

    def _check_series(self) -> None:
        for part in self.parts:
            for day in self.days(part):
                if not self.graphs.has_day(int(self._date[day])):
                    raise ModelError(
                        f"the snapshot series has no day {self.date(day)}, which the window uses "
                        f"({self.window}); extract the series over the market's dates"
                    )


def joined(member: BoolArray) -> npt.NDArray[np.int64]:
    """Columns of those who are a member on some day [n_dates, n_stocks], by their first day, then as they stand."""
    ever = np.flatnonzero(member.any(axis=0))
    return ever[np.argsort(member[:, ever].argmax(axis=0), kind="stable")]


def first_bad_feature(data: WindowData) -> str | None:
    """The first feature value that is not finite on a valid day up to the last training day, in words."""
    stop = data.days(data.window.train).stop
    values = data.features[:stop].cpu().numpy()
    if data.config.encoder == "window":
        bad: BoolArray = np.isinf(values)
    else:
        bad = ~np.isfinite(values) & data.mask[:stop].cpu().numpy()[:, :, None]
    where = np.argwhere(bad)
    if not len(where):
        return None
    t, i, f = (int(v) for v in where[0])
    return _feature(data, t, i, f, float(data.features[t, i, f]))


def _feature(data: WindowData, day: int, stock: int, number: int, value: float) -> str:
    names = data.inputs.feature_names
    name = names[number] if number < len(names) else f"number {number}"
    return f"feature '{name}' of company {data.stocks[stock]} is {value} on {data.date(day)}"
