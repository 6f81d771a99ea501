"""Planted leaks: each puts a leaking function in the place of one of the product's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from samgraph.factors.portfolio import optimised
from samgraph.graph.load import plan
from samgraph.hist import data
from samgraph.hist.features import compute
from samgraph.hist.labels import forward_returns
from samgraph.outcome import assess as outcome
from samgraph.run import inputs

Patch = pytest.MonkeyPatch


def full_sample_medians(patch: Patch) -> None:
    """Features are scaled by the median and deviation of all days, not of the training days."""
    honest = data.scaled_by
    patch.setattr(data, "scaled_by", lambda features, mask, fitted: honest(features, mask, mask))


def full_sample_z_score(patch: Patch) -> None:
    """Features are standardised by the mean and deviation of all days, not of their own."""

    def leaking(features: Any, mask: Any, members: Any) -> Any:
        used = features[members & mask]
        return np.clip(
            np.nan_to_num((features - np.nanmean(used, axis=0)) / np.nanstd(used, axis=0)), -4.0, 4.0
        )

    patch.setattr(data, "scaled_by_day", leaking)


def label_used_on_its_own_day(patch: Patch) -> None:
    """The prediction target is one of the day's features."""
    honest = compute._masked

    def leaking(feature: Any, bars: Any, mask: Any) -> Any:
        if feature.name == "return_5":
            return bars._cut(forward_returns(bars.market, 5)).astype(np.float32)
        return honest(feature, bars, mask)

    patch.setattr(compute, "_masked", leaking)


def restatement_dated_by_period_end(patch: Patch) -> None:
    """A report holds from the end of its period, not from the day after its announcement."""
    honest = plan.intervals

    def leaking(reports: pd.DataFrame, **settings: Any) -> pd.DataFrame:
        dated = reports.assign(announced_on=reports["period_end"])
        return honest(dated.drop(columns="usable_from", errors="ignore"), **settings)

    patch.setattr(plan, "intervals", leaking)


def survivors_only(patch: Patch) -> None:
    """Only the last day's members ever were members."""
    honest = inputs.universe_members

    def leaking(*args: Any, **settings: Any) -> pd.DataFrame:
        found = honest(*args, **settings)
        return found & found.iloc[-1]

    patch.setattr(inputs, "universe_members", leaking)


def limit_flag_of_the_execution_day(patch: Patch) -> None:
    """Names that will be locked at their limit when the order is due are not chosen at the close before."""
    honest = outcome.keep_books

    def leaking(config: Any, found: Any, scores: Any, *rest: Any) -> Any:
        locked = np.zeros_like(found.market.limit_up)
        locked[:-1] = (found.market.limit_up | ~found.market.tradable)[1:]
        return honest(config, found, {n: np.where(locked, np.nan, s) for n, s in scores.items()}, *rest)

    patch.setattr(outcome, "keep_books", leaking)


def cut_of_all_years(patch: Patch) -> None:
    """Concepts are counted by everybody who is ever a member."""
    honest = inputs.extract_period

    def leaking(*args: Any, members: Any, **settings: Any) -> Any:
        return honest(*args, members=np.broadcast_to(members.any(axis=0), members.shape).copy(), **settings)

    patch.setattr(inputs, "extract_period", leaking)


def unpurged_window(patch: Patch) -> None:
    """Training and validation go on to the day before the next part begins."""
    honest = inputs.walk_forward

    def leaking(*args: Any, **settings: Any) -> Any:
        return [
            replace(w, train=slice(w.train.start, w.valid.start), valid=slice(w.valid.start, w.test.start))
            for w in honest(*args, **settings)
        ]

    patch.setattr(inputs, "walk_forward", leaking)


def filled_gap(patch: Patch) -> None:
    """A day without a bar has the next day's price."""
    honest = inputs.build_market

    def leaking(*args: Any, **settings: Any) -> Any:
        market = honest(*args, **settings)
        return replace(market, close=pd.DataFrame(market.close).bfill().to_numpy())

    patch.setattr(inputs, "build_market", leaking)


def benchmark_weight_of_tomorrow(patch: Patch) -> None:
    """The optimiser holds its portfolio against the benchmark's weights of the day after the decision."""
    honest = optimised.universe_weights

    def leaking(market: Any) -> Any:
        weights = honest(market)
        return np.concatenate([weights[1:], weights[-1:]])

    patch.setattr(optimised, "universe_weights", leaking)


def average_over_test_days(patch: Patch) -> None:
    """Scores are held against their mean over all test days."""
    honest = outcome._average

    def leaking(*args: Any) -> Any:
        parts = honest(*args)
        with np.errstate(invalid="ignore"):
            return {
                name: values - np.nan_to_num(pd.DataFrame(values).mean().to_numpy())
                for name, values in parts.items()
            }

    patch.setattr(outcome, "_average", leaking)


# leak, the cheapest level that must catch it, the inputs that are changed, the output that must give it away
LEAKS: tuple[tuple[Callable[[Patch], None], str, tuple[str, ...], str], ...] = (
    (full_sample_medians, "inputs", ("prices",), "features_scaled"),
    (full_sample_z_score, "inputs", ("prices",), "features_scaled"),
    (label_used_on_its_own_day, "inputs", ("prices",), "features"),
    (restatement_dated_by_period_end, "inputs", ("reports", "restatements"), "snapshots_products"),
    (survivors_only, "inputs", ("memberships",), "members"),
    (cut_of_all_years, "inputs", ("memberships",), "cuts_products"),
    (unpurged_window, "inputs", ("prices",), "training_labels"),
    (filled_gap, "inputs", ("prices",), "bars"),
    (limit_flag_of_the_execution_day, "factors", ("prices",), "orders"),
    (average_over_test_days, "factors", ("prices",), "factors"),
    (benchmark_weight_of_tomorrow, "factors", ("caps",), "optimiser"),
)
