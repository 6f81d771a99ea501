"""An ablation's interval covers the truth as often as it says, and its rows differ from the base in one thing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from scipy import stats

from samgraph.ablation.run import ablate, all_rows, chosen_rows
from samgraph.ablation.table import compare, interval, markdown, table_of
from samgraph.config import RunConfig, load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, RunError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.hist.labels import forward_returns
from samgraph.training.stored import read_market, read_series


def settings(data: Path, **changes: Any) -> RunConfig:
    return load_config(
        None,
        {
            "data": data, "universe": "SIM", "start": "2019-07-01", "end": "2020-06-30", "seeds": 2,
            "windows": {"train_days": 120, "valid_days": 40, "test_days": 100},
            "model": {"epochs": 1, "tuning_epochs": 1, "hidden_size": 8, "horizon": 5},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
            **changes,
        },
    )  # fmt: skip


def test_an_interval_is_the_hand_worked_one() -> None:
    one = np.tile([0.1, 0.3, 0.2, 0.4, 0.6], 6)
    x = np.array([one, one + 0.2])
    # Horizon 1, thirty days: the floor(0.4 * 30^(2/3)) = 3 lowest frequencies of the daily means.
    days = sum(
        (math.sqrt(2 / 30) * sum(v * math.cos(math.pi * j * (t + 0.5) / 30) for t, v in enumerate(one))) ** 2
        for j in (1, 2, 3)
    ) / (3 * 30)
    seeds = 0.02 / 2  # of two means that differ by 0.2
    freedom = (days + seeds) ** 2 / (days**2 / 3 + seeds**2 / 1)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(days + seeds)
    assert interval(x, 1) == pytest.approx((0.42, 0.42 - half, 0.42 + half))
    few = interval(x[:, :29], 1)
    assert few.mean == pytest.approx(x[:, :29].mean()) and math.isnan(few.low) and math.isnan(few.high)
    assert interval(np.zeros((2, 5)), 1) == (0.0, 0.0, 0.0)
    assert all(math.isnan(value) for value in interval(np.full((2, 5), np.nan), 1))


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_intervals_cover_the_truth_of_autocorrelated_days_and_differing_seeds(n_seeds: int) -> None:
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(400):
        noise = rng.normal(size=509)
        overlapping = np.convolve(noise, np.ones(10), mode="valid") / 10  # as labels of ten days overlap
        spread = 0.05 if n_seeds > 1 else 0.0
        own = rng.normal(0, spread, (n_seeds, 1)) + rng.normal(0, 0.05, (n_seeds, 500))
        low, high = interval(0.03 + overlapping + own, 10)[1:]
        covered.append(low <= 0.03 <= high)
    assert 0.88 <= np.mean(covered) <= 0.995


def test_differences_are_paired_by_seed_and_day() -> None:
    rng = np.random.default_rng(1)
    dates = pd.bdate_range("2020-01-01", periods=60)
    base = rng.normal(size=(2, 60))
    frames = [
        pd.DataFrame({"name": name, "seed": seed, "date": dates, "part": "score", "horizon": 1, "rank_ic": x})
        for name, values in (("base", base), ("better", base + 0.01))
        for seed, x in enumerate(values)
    ]
    figures = compare(pd.concat(frames), "base", 1).set_index(["name", "measure"])
    row = figures.loc[("better", "rank_ic")]
    # What both share cancels: the means are uncertain, their difference is not.
    assert row["difference"] == pytest.approx(0.01) and row["difference_high"] - row["difference_low"] < 1e-9
    assert row["high"] - row["low"] > 0.1
    assert math.isnan(figures.loc[("base", "rank_ic"), "difference"])


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (-0.05, "products are better than random groups"),
        (0.05, "random groups are better than products"),
        (0.0, "products are not shown to be better than random groups"),
    ],
)
def test_the_table_says_whether_random_concepts_lost(gap: float, words: str) -> None:
    rng = np.random.default_rng(2)
    dates = pd.bdate_range("2020-01-01", periods=100)
    frames = [
        pd.DataFrame(
            {
                "name": name, "seed": seed, "date": dates, "part": part, "horizon": 5,
                "rank_ic": rng.normal(shift, 0.02, 100),
            }
        )
        for name, shift in (("base", 0.1), ("random", 0.1 + gap))
        for seed in range(2)
        for part in ("score", "concept")
    ]  # fmt: skip
    table = table_of(
        compare(pd.concat(frames), "base", 5), {"base": ("base", "as it is"), "random": ("concepts", "a|b")}
    )
    facts = dict.fromkeys(("universe", "start", "test_start", "end", "model"), "x")
    text = markdown(table, facts | {"days": 30, "windows": 1, "seeds": 3, "label_horizon": 5})
    assert "(30 days, 1 window), 3 seeds" in text
    assert words in text and "a\\|b" in text


def test_rows_change_one_thing_and_those_that_change_nothing_are_the_base(tmp_path: Path) -> None:
    rows = {row.name: row for row in all_rows(settings(tmp_path))}
    assert {
        "base",
        "static",
        "binary",
        "industry",
        "random",
        "attention-all",
        "k-1",
        "k-10",
        "cut-leaf",
    } <= set(rows)
    assert {"cut-level", "cut-adaptive", "cut-levels", "chain-on", "chain-off"} <= set(rows)
    for name in ("k-3", "attention-edges", "cut-adaptive", "chain-off"):
        assert rows[name].edges == "products" and rows[name].changes == {}, name
    for name, row in rows.items():
        assert len(row.changes) + (row.edges != "products") <= 1, name
    assert [row.name for row in chosen_rows(settings(tmp_path), ["random"])] == ["base", "random"]
    with pytest.raises(ConfigError, match=r"no ablation 'rnd'; choose among base, static"):
        chosen_rows(settings(tmp_path), ["rnd"])


@pytest.mark.slow
def test_an_ablation_writes_what_its_models_say_and_takes_more_rows_later(
    graph_server: Address, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    simulate(data, 3, companies=40, products=60, years=2)
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(data))
        ablate(settings(data), out, only=["static"], graph=graph)
        first = {file: file.read_bytes() for file in (out / "checkpoints").glob("base-*/predictions.parquet")}
        assert len(first) == 2
        table = ablate(settings(data), out, only=["static", "random", "k-3"], graph=graph)
        with pytest.raises(RunError, match="begun with another setting model"):
            ablate(settings(data, model={"epochs": 2}), out, graph=graph)
    assert all(file.read_bytes() == content for file, content in first.items())
    assert list(table["name"]) == ["base", "static", "random", "k-3"] and (table["seeds"] == 2).all()
    same = table.set_index("name")
    assert same.loc["k-3", "rank_ic_difference"] == 0 and not list((out / "checkpoints").glob("k-3*"))

    # Rank IC again, by pandas alone, from the kept predictions.
    market = read_market(out / "checkpoints")
    label = pd.DataFrame(forward_returns(market, 5), market.dates, market.stocks)
    means = {}
    for name in ("base", "random"):
        daily = []
        for seed in (0, 1):
            frame = pd.read_parquet(
                out / "checkpoints" / f"{name}-seed{seed}-window0" / "predictions.parquet"
            )
            score = frame.pivot_table(index="date", columns="company_id", values="score")
            daily.append(score.corrwith(label.reindex_like(score), axis=1, method="spearman"))
        means[name] = pd.concat(daily, axis=1).dropna().to_numpy().T
        assert same.loc[name, "rank_ic"] == pytest.approx(means[name].mean(), abs=1e-9)
    gap = interval(means["random"] - means["base"], 5)
    found = [same.loc["random", f"rank_ic_difference{end}"] for end in ("", "_low", "_high")]
    assert found == pytest.approx(list(gap), abs=1e-9)

    one, other = (read_series(out / "checkpoints", f"placebo-{seed}-window0") for seed in (0, 1))
    assert one.fingerprint() != other.fingerprint()  # each seed draws its own groups
    kept = json.loads((out / "ablations.json").read_text())
    assert [row["name"] for row in kept["rows"]] == list(table["name"]) and kept["label_horizon"] == 5
    text = (out / "ablations.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("| random |"))
    assert line.split(" | ")[2] == f"{same.loc['random', 'rank_ic_1d']:+.4f}"
