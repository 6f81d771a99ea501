"""A run that grows is, to the last bit, the run that a fresh one over the longer period would be."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from oracles.hist_making import make_market, make_series
from oracles.nights import published, settings
from oracles.outcome_inputs import inputs_by_hand
from oracles.outcome_inputs import settings as made_settings

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig, load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import ModelError, RunError
from samgraph.explain.scores import RunModels
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.config import variant
from samgraph.hist.market import Market
from samgraph.hist.windows import Window, walk_forward
from samgraph.night.status import status
from samgraph.run import backtest as running
from samgraph.run.backtest import backtest
from samgraph.run.changes import MarketChanges, SeriesChanges
from samgraph.run.folder import RunFolder
from samgraph.run.grow import growing, keep_fits, settle, take_place
from samgraph.run.inputs import Inputs
from samgraph.run.models import models, prune
from samgraph.run.pieces import piece_of, write_model_inputs
from samgraph.run.score import score
from samgraph.run.seeds import averaged
from samgraph.run.trials import TrialLedger
from samgraph.training.fit import fit_piece
from samgraph.training.stored import read_market
from samgraph.training.task import PREDICTIONS, Event, Piece, Task, Work

# In between SIM0009 joins, SIM0033 is delisted, reports come out and a third window begins.
BEGUN, GROWN = "2020-02-20", "2020-04-24"


@pytest.mark.slow
def test_a_grown_run_is_bit_for_bit_a_fresh_one_over_the_longer_period(
    graph_server: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, data, run = tmp_path / "whole", tmp_path / "data", tmp_path / "run"
    monkeypatch.setenv("SAMGRAPH_TRIALS", str(tmp_path / "trials.jsonl"))
    simulate(whole, 5, companies=40, products=60, years=2)
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(published(whole, BEGUN, data)))
        backtest(settings(data, BEGUN), run, graph=graph)
        first = RunFolder.open(run)
        begun, fits = first.table("predictions"), fitted(run)
        assert len(fits) == 4

        load(graph, Dataset(published(whole, GROWN, data)))
        longer = settings(data, GROWN)
        tonight = score(first, graph, as_of=dt.date(2020, 3, 20)).frame.set_index("company_id").sort_index()
        health = status(first, graph)
        with pytest.MonkeyPatch.context() as patch:  # the power fails when all is fitted
            patch.setattr(running, "assess", fail)
            with pytest.raises(OSError, match="power"):
                backtest(longer, run, graph=graph)
        assert RunFolder.open(run).run_id == first.run_id, "until it is finished the old run can be used"
        backtest(longer, run, graph=graph)
        grown = RunFolder.open(run)
        backtest(longer, tmp_path / "fresh", graph=graph)
        fresh = RunFolder.open(tmp_path / "fresh")

    assert not growing(run).exists() and sorted(p.name for p in tmp_path.iterdir() if p.name[0] == ".") == []
    step = grown.manifest["grown"][0]
    assert (step["kept"], step["scored"], step["fitted"], step["changes"]) == (2, 2, 2, [])
    assert fits.items() <= fitted(run).items(), "fits that were there are the files of before"
    for state in (run / "checkpoints").glob("*/state.json"):
        made_anew = tmp_path / "fresh" / state.relative_to(run)
        assert state.read_bytes() == made_anew.read_bytes(), "and say of themselves what fresh ones would"
    predictions = grown.table("predictions")
    assert "SIM0009" in set(predictions["company_id"]) - set(begun["company_id"])
    assert predictions["window"].nunique() == 3 and begun["window"].nunique() == 2
    whole_score = averaged(grown.rows("predictions", "variant", "product")).set_index(["date", "company_id"])
    expected = whole_score.loc[pd.Timestamp("2020-03-20")]
    assert list(tonight.index) == list(expected.index) and tonight["concept"].any()
    np.testing.assert_array_equal(tonight[["concept", "score"]], expected[["concept", "score"]])
    assert (health.facts["run_through"], health.facts["newest_bars"]) == (BEGUN, GROWN)
    assert health.facts["model_days"] > 60 and any("to be fitted anew" in told for told in health.warnings)
    kept, made = grown.tables(), fresh.tables()
    assert list(kept) == list(made)
    for name, table in kept.items():
        pd.testing.assert_frame_equal(table, made[name], check_exact=True, obj=name)
    assert grown.run_id == fresh.run_id
    assert growing(run).name not in (run / "report.html").read_text(encoding="utf-8")

    trials = TrialLedger(tmp_path / "trials.jsonl").trials()
    assert [trial.question.end for trial in trials] == [GROWN], "one growing run is one trial"
    assert grown.summary["overfitting"]["trials"] == 2
    removed = prune(grown)
    assert set(removed["window"]) == {0, 1} and (removed["bytes"] > 0).all() and prune(grown).empty
    assert len(fitted(run)) == 2 and len(models(RunFolder.open(run))) == 6
    with Graph.open(graph_server) as graph:
        again = score(RunFolder.open(run), graph).frame.set_index("company_id").sort_index()
    np.testing.assert_array_equal(again["score"], whole_score.loc[pd.Timestamp(GROWN)]["score"])
    with pytest.raises(ModelError, match="--prune"):
        RunModels(run).day(pd.Timestamp("2020-03-20"))
    with pytest.raises(RunError, match="begun with another setting seeds"):
        backtest(longer.model_copy(update={"seeds": 2}), run)


def fail(*_: Any) -> None:
    raise OSError("power")


def fitted(run: Path) -> dict[str, tuple[int, int]]:
    """Files of fitted parameters, by their names, and which files they are."""
    files = (run / "checkpoints").glob("*/*.safetensors")
    return {
        f"{file.parent.name}/{file.name}": (file.stat().st_ino, file.stat().st_mtime_ns) for file in files
    }


def windows(days: int) -> list[Window]:
    parts = {"train_days": 60, "valid_days": 30, "test_days": 20}
    return walk_forward(days, first_test=100, horizon=3, lag=1, embargo=1, **parts)


def made_run(folder: Path, market: Market, series: SnapshotSeries) -> tuple[Any, list[Piece], Work]:
    """Inputs of a run on a simulated market, kept for its models, its pieces and their folder; nothing is fitted."""
    parts = windows(market.n_dates)
    fitted_on = tuple(series.between(slice(0, window.test.stop)) for window in parts)
    inputs: Any = SimpleNamespace(market=market, fitted={"product": fitted_on}, windows=parts)
    model = {"hidden_size": 4, "horizon": 3, "burn_in": 20, "min_history": 10, "start": "nothing"}
    work = Work(folder / "checkpoints", variant("samgraph", epochs=1, **model), "cpu")
    pieces = [
        piece_of(ARMS[name], 0, number, inputs) for name in ("product", "gru") for number in range(len(parts))
    ]
    write_model_inputs(pieces, inputs, work.folder)
    return inputs, pieces, work


def fit_all(pieces: list[Piece], work: Work) -> None:
    for piece in pieces:
        fit_piece(Task(piece, work), lambda _: None)


def test_kept_and_extended_fits_are_byte_for_byte_those_of_a_fresh_run(tmp_path: Path) -> None:
    """Ten days of a window's test and a new window come, and with them a stock that nobody had heard of."""
    market = make_market(1, 150, 12, missing=0.03)
    member = market.member.copy()
    member[:135, 4] = False
    market, series = dataclasses.replace(market, member=member), make_series(market, 2)
    others = np.delete(np.arange(12), 4)
    axis = np.insert(np.arange(11), 4, -1)
    known = dataclasses.replace(
        series,
        stocks=tuple(series.stocks[i] for i in others),
        versions=tuple(
            Edges(axis[e.stock[e.stock != 4]], e.concept[e.stock != 4], e.weight[e.stock != 4])
            for e in series.versions
        ),
    )
    series = dataclasses.replace(series, versions=known_until(series, 135))
    _, pieces, work = made_run(
        tmp_path / "old", market.until(130).permuted(others), known.between(slice(0, 130))
    )
    fit_all(pieces, work)
    before: Any = SimpleNamespace(
        folder=tmp_path / "old", market=read_market(work.folder), windows=tuple(windows(130))
    )
    inputs, pieces, work = made_run(tmp_path / "grown", market, series)
    kept = keep_fits(before, pieces, inputs, work)
    assert kept.kept == ("product-seed0-window0", "gru-seed0-window0") and kept.changes == ()
    assert kept.scored == ("product-seed0-window1", "gru-seed0-window1")
    assert kept.fitted == ("product-seed0-window2", "gru-seed0-window2")
    assert keep_fits(before, pieces, inputs, work) == kept, "done twice, as after a kill"
    fit_all(pieces, work)
    _, fresh, anew = made_run(tmp_path / "fresh", market, series)
    fit_all(fresh, anew)
    for piece in pieces:
        own, other = work.piece_folder(piece), anew.piece_folder(piece)
        assert (own / "finished.json").exists()
        for file in sorted(path for path in other.iterdir() if not path.name.startswith(".")):
            assert (own / file.name).read_bytes() == file.read_bytes(), f"{piece.name}/{file.name}"
    last = pd.read_parquet(work.piece_folder(pieces[2]) / PREDICTIONS)
    assert "S04" in set(last["company_id"])

    close = market.close.copy()
    close[110, 3] *= 1.01  # within the first window's test, and the second one's validation
    inputs, pieces, work = made_run(tmp_path / "corrected", dataclasses.replace(market, close=close), series)
    told = keep_fits(before, pieces, inputs, work)
    assert told.kept == () and told.scored == ("product-seed0-window0", "gru-seed0-window0")
    assert told.changes == (f"bars of S03 on {market.dates[110].date()}",)
    (tmp_path / "old" / "checkpoints" / "gru-seed0-window1" / "state.json").unlink()  # as --prune does
    inputs, pieces, work = made_run(tmp_path / "pruned", market, series)
    assert "gru-seed0-window1" in keep_fits(before, pieces, inputs, work).fitted


def known_until(series: SnapshotSeries, day: int) -> tuple[Edges, ...]:
    """The versions of days before `day` without the stock that joins then."""
    early = set(series.day_version[:day].tolist())
    return tuple(
        Edges(edges.stock[edges.stock != 4], edges.concept[edges.stock != 4], edges.weight[edges.stock != 4])
        if number in early
        else edges
        for number, edges in enumerate(series.versions)
    )


class AtOnce:
    """An executor that fits in this process."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def submit(self, task: Task) -> None:
        fit_piece(task, lambda _: None)
        self.events.append(Event(task, done=True))

    def poll(self, seconds: float) -> list[Event]:
        found, self.events = self.events, []
        return found

    def close(self) -> None: ...


def by_hand(config: RunConfig) -> Inputs:
    """The inputs up to the settings' end, in two windows."""
    inputs = inputs_by_hand()
    stop = int(inputs.market.dates.searchsorted(pd.Timestamp(config.end), side="right"))
    days = slice(0, stop)
    parts = (
        Window(slice(0, 120), slice(130, 170), slice(180, 205)),
        Window(slice(25, 145), slice(155, 195), slice(205, stop)),
    )
    products, industries = inputs.products.between(days), inputs.industries.between(days)
    return dataclasses.replace(
        inputs,
        market=inputs.market.until(stop),
        products=products,
        industries=industries,
        fitted={"product": tuple(products.between(slice(0, part.test.stop)) for part in parts)},
        coarse_products=products,
        coarse_industries=industries,
        sectors=inputs.sectors[days],
        windows=parts,
    )


@pytest.mark.slow
def test_a_finished_run_grows_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command's function to the report; the graph's answers are made, so that no server is needed."""
    data, run, graph = tmp_path / "data", tmp_path / "run", cast("Graph", object())
    monkeypatch.setenv("SAMGRAPH_TRIALS", str(tmp_path / "trials.jsonl"))
    monkeypatch.setattr(running, "inputs_of", lambda config, *_: (by_hand(config), None))
    monkeypatch.setattr(running, "open_executor", lambda *_: contextlib.nullcontext(AtOnce()))
    data.mkdir()
    names = "".join(f"S{i:02d},Stock {i}\n" for i in range(24))
    (data / "companies.csv").write_text(f"company_id,name\n{names}", encoding="utf-8")
    settled = made_settings().model_dump(mode="json") | {
        "data": str(data),
        "variants": ["product", "gru"],
        "seeds": 1,
        "model": {"horizon": 5, "hidden_size": 4, "epochs": 1, "start": "nothing", "burn_in": 20},
        "trading": {"construction": "topk", "top": 8, "drop": 3, "capital": 1e8},
    }

    def until(end: str) -> RunConfig:
        return load_config(None, settled | {"end": end})

    backtest(until("2020-10-27"), run, graph=graph)  # 215 days
    first, fits, few = RunFolder.open(run), fitted(run), len(pd.read_parquet(run / "predictions.parquet"))
    (data / "companies.csv").write_text(f"company_id,name\n{names}NEW,Just listed\n", encoding="utf-8")
    longer = until("2020-11-10")
    with pytest.MonkeyPatch.context() as patch:  # the power fails when all is fitted
        patch.setattr(running, "assess", fail)
        with pytest.raises(OSError, match="power"):
            backtest(longer, run, graph=graph)
    assert RunFolder.open(run).run_id == first.run_id, "until it is finished the old run can be used"
    backtest(longer, run, graph=graph)
    grown = RunFolder.open(run)
    backtest(longer, tmp_path / "fresh", graph=graph)
    fresh = RunFolder.open(tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "fresh", "run", "trials.jsonl"]
    step = grown.manifest["grown"][0]
    assert (step["kept"], step["scored"], step["fitted"], step["changes"]) == (2, 2, 0, [])
    assert step["from"]["end"] == "2020-10-27" and fits == fitted(run)
    assert grown.run_id == fresh.run_id
    kept, made = grown.tables(), fresh.tables()
    assert list(kept) == list(made) and len(kept["predictions"]) > few
    for name, table in kept.items():
        pd.testing.assert_frame_equal(table, made[name], check_exact=True, obj=name)
    assert growing(run).name not in (run / "report.html").read_text(encoding="utf-8")
    trials = TrialLedger(tmp_path / "trials.jsonl").trials()
    assert [trial.question.end for trial in trials] == ["2020-11-10"], "one growing run is one trial"

    with pytest.raises(RunError, match="begun with another setting seeds"):
        backtest(longer.model_copy(update={"seeds": 2}), run, graph=graph)
    with pytest.raises(RunError, match="begun with another setting end"):
        backtest(until("2020-10-01"), run, graph=graph)


def test_who_joins_later_and_what_happens_later_changes_nothing_of_before() -> None:
    market = make_market(3, n_dates=60, n_stocks=6)
    whole = MarketChanges(market.until(40), market)
    assert whole.shared == 40 and whole.first(39) is None and whole.sentences() == []
    member = market.member.copy()
    member[:50, 2] = False  # S02 joins on day 50; until 40 the run had never heard of it
    later = dataclasses.replace(market, member=member)
    without = later.until(40).permuted(np.array([0, 1, 3, 4, 5]))
    found = MarketChanges(without, later)
    assert found.first(39) is None and found.sentences() == []
    assert found.first(40) == 40, "a day that the run did not have"


def test_a_correction_touches_what_knew_the_stock_on_or_after_its_day() -> None:
    market = make_market(3, n_dates=60, n_stocks=6)
    close = market.close.copy()
    close[30, 4] *= 1.01
    found = MarketChanges(market.until(40), dataclasses.replace(market, close=close))
    assert found.first(29) is None and found.first(30) == found.first(39) == 30
    day = market.dates[30].date()
    assert found.sentences() == [f"bars of S04 on {day}"]
    member = market.member.copy()
    member[20:23, 1] = False
    left = MarketChanges(market.until(40), dataclasses.replace(market, member=member))
    assert left.first(19) is None and left.first(25) == 20
    assert left.sentences() == [
        f"members of S01 on 3 days from {market.dates[20].date()} to {market.dates[22].date()}"
    ]
    never = market.member.copy()
    never[:35, 4] = (
        False  # the corrected stock joins only on day 35: who is fitted up to day 34 never reads it
    )
    before = dataclasses.replace(market, member=never)
    found = MarketChanges(before.until(40), dataclasses.replace(before, close=close))
    assert found.first(34) is None and found.first(35) == 30


def test_a_day_that_is_no_longer_traded_ends_what_is_the_same() -> None:
    market = make_market(3, n_dates=60, n_stocks=6)
    dates = market.dates.delete(20).append(pd.DatetimeIndex([market.dates[-1] + pd.Timedelta(days=1)]))
    found = MarketChanges(market, dataclasses.replace(market, dates=dates.as_unit("s")))
    assert found.shared == 20 and found.first(19) is None and found.first(20) == 20
    assert "trading days differ from" in found.sentences()[0]


def test_snapshots_are_compared_by_names_whatever_the_axes() -> None:
    market = make_market(3, n_dates=60, n_stocks=6)
    series = make_series(market)
    order = [4, 2, 0, 1, 3, 5]
    back = np.argsort(order)
    shuffled = dataclasses.replace(
        series,
        stocks=tuple(series.stocks[i] for i in order),
        versions=tuple(Edges(back[e.stock][::-1], e.concept[::-1], e.weight[::-1]) for e in series.versions),
    )
    assert SeriesChanges(series, shuffled).first(market.dates[-1]) is None
    weight = series.versions[1].weight.copy()
    weight[0] += 0.001
    other = (series.versions[0], Edges(series.versions[1].stock, series.versions[1].concept, weight))
    changed = dataclasses.replace(shuffled, stocks=series.stocks, versions=(*other, series.versions[2]))
    found = SeriesChanges(series, changed)
    assert found.first(market.dates[24]) is None and found.first(market.dates[30]) == market.dates[25]
    assert np.flatnonzero(found.differing()).tolist() == list(range(25, 50))


@pytest.mark.parametrize("finished", [True, False])
def test_a_replacement_that_was_killed_half_way_leaves_one_whole_run(tmp_path: Path, finished: bool) -> None:
    run, new = tmp_path / "run", growing(tmp_path / "run")
    for folder, what in ((run, "old"), (new, "new")):
        folder.mkdir()
        (folder / "manifest.json").write_text(
            json.dumps({"what": what} | ({"finished": "yes"} if finished else {})), encoding="utf-8"
        )
    run.rename(tmp_path / ".run.replaced")  # killed between the two renamings
    settle(run)
    kept = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["what"]
    assert kept == ("new" if finished else "old")
    if not finished:
        take_place(run)
    assert json.loads((run / "manifest.json").read_text(encoding="utf-8"))["what"] == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
