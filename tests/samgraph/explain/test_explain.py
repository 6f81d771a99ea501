"""An explanation's figures are the run's own, its attention is the paper's, and in Neo4j it is no fact."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from oracles.hist_making import make_market, make_series

from samgraph.arms.registry import ARMS
from samgraph.cli import main
from samgraph.config import RunConfig
from samgraph.config_text import to_toml
from samgraph.errors import GraphError, ModelError, RunError
from samgraph.explain.graph import remove_explanations, write_explanation
from samgraph.explain.scores import RunModels, explain, explained_table
from samgraph.files import write_frame, write_json, write_text
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.graph.series.chain_links import ChainLinks, ValueChain
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.data import training_inputs
from samgraph.hist.explain import DayReading
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window
from samgraph.run.concepts import concept_file
from samgraph.training.fit import fit_piece
from samgraph.training.pieces import gather
from samgraph.training.stored import write_market, write_series
from samgraph.training.task import PREDICTIONS, Piece, Task, Work

WINDOWS = (
    Window(slice(30, 80), slice(90, 110), slice(120, 145)),
    Window(slice(40, 105), slice(115, 135), slice(145, 170)),
)
SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "epochs": 2,
    "tuning_epochs": 1,
    "horizon": 3,
    "burn_in": 20,
    "min_history": 10,
}
DAY = 151


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """The process explains with other threads than the fit had; the figures are to be the fit's all the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of made inputs: two seeds, two windows, products and the plain GRU."""
    folder = tmp_path_factory.mktemp("run")
    market = make_market(1, 170, 12, missing=0.03)
    config = RunConfig.model_validate(
        {
            "data": "data", "universe": "MADE", "start": "2020-02-12", "end": "2020-08-25", "seeds": 2,
            "variants": ["product", "gru"], "model": {"hidden_size": 8, "epochs": 2, "tuning_epochs": 1, "horizon": 3},
        }
    )  # fmt: skip
    work = Work(folder / "checkpoints", config.model.hist(config.trading), "cpu")
    write_market(work.folder, market)
    for number in range(len(WINDOWS)):
        write_series(work.folder, concept_file("products", 0, number), make_series(market))
    pieces = [
        Piece(
            ARMS[name],
            seed,
            number,
            window,
            None if name == "gru" else concept_file("products", seed, number),
        )
        for name in ("product", "gru")
        for seed in (0, 1)
        for number, window in enumerate(WINDOWS)
    ]
    for piece in pieces:
        fit_piece(Task(piece, work), lambda _: None)
    write_frame(folder / "predictions.parquet", gather(pieces, work, PREDICTIONS))
    parts = [("train", "train"), ("validate", "valid"), ("test", "test")]
    table = [
        (number, part, market.dates[days][0], market.dates[days][-1], days.stop - days.start)
        for number, window in enumerate(WINDOWS)
        for part, name in parts
        for days in [getattr(window, name)]
    ]
    write_frame(
        folder / "windows.parquet", pd.DataFrame(table, columns=["window", "part", "first", "last", "days"])
    )
    names = pd.DataFrame({"company_id": market.stocks, "name": [f"Company {s}" for s in market.stocks]})
    write_frame(folder / "names.parquet", names)
    decides = config.model_dump(mode="json", exclude={"jobs", "engine", "address", "neo4j"})
    write_json(
        folder / "manifest.json",
        {"config": decides, "inputs": {}, "known": None, "seeds": [0, 1], "finished": "2026-01-01"},
    )
    write_text(folder / "config.toml", to_toml(config))
    write_json(folder / "summary.json", {})
    return folder


PARTS = ["concept", "hidden", "individual", "score"]


def predictions(run: Path, variant_: str, date: pd.Timestamp) -> pd.DataFrame:
    """Of one variant on a day, each seed's parts less their mean over the stocks, over the score's deviation."""
    frame = pd.read_parquet(run / "predictions.parquet")
    frame = frame[(frame["variant"] == variant_) & (frame["date"] == date)]
    seeds = []
    for _, own in frame.groupby("seed"):
        own[PARTS] = (own[PARTS].astype(float) - own[PARTS].mean()) / own["score"].std(ddof=0)
        seeds.append(own)
    return pd.concat(seeds)


@pytest.mark.parametrize("name", ["product", "gru"])
def test_the_split_is_that_of_the_predictions_on_every_day_asked(run: Path, name: str) -> None:
    dates = make_market(1, 170, 12).dates
    for day in (120, 144, 145, DAY, 169):
        rows = predictions(run, name, dates[day])
        for seed in (0, 1, None):
            own = rows if seed is None else rows[rows["seed"] == seed]
            mean = own.groupby("company_id")[PARTS].mean()
            ranked = mean["score"].rank(ascending=False)
            company = str(mean.index[3])
            found = explain(run, company, dates[day], variant=name, seed=seed)
            for part in ("concept", "hidden", "individual", "score"):
                assert found.split[part] == pytest.approx(mean.loc[company, part], abs=1e-6), (
                    day,
                    seed,
                    part,
                )
            assert found.split["rank"] == ranked[company] and found.split["stocks"] == len(mean)
    assert found.concepts.empty == (name == "gru")


def reading(config: HistConfig, day: int = DAY) -> tuple[DayReading, Any]:
    market = make_market(1, 170, 12, missing=0.03)
    series = make_series(market)
    if config.value_chain:
        links = ChainLinks(np.array([0, 2]), np.array([1, 3]), np.array([1.0, 0.5], dtype=np.float32))
        series = replace(series, chain=ValueChain(np.zeros(170, dtype=np.int64), (links,)))
    inputs = training_inputs(market, series, config)
    fitted = fit_window(inputs, WINDOWS[1], config, 0)
    return DayReading(inputs, WINDOWS[1], config, fitted.parameters, day), fitted


@pytest.mark.parametrize(
    "config",
    [
        variant("samgraph", **SMALL),
        variant("samgraph", **SMALL, attention="all", neighbours=2),
        variant("samgraph", **SMALL, correction=False),
        variant("samgraph", **SMALL, value_chain=True),
        variant("paper", **{**SMALL, "epochs": 1, "window_length": 10, "chunk": 10}),
        variant("qlib", **{**SMALL, "epochs": 1, "window_length": 10, "chunk": 10}),
    ],
    ids=["edges", "all", "uncorrected", "chain", "paper", "qlib"],
)
def test_attention_put_together_again_is_what_the_model_s_modules_give(config: HistConfig) -> None:
    """Members' attention forms the concepts, the stock's attention sums them: the modules' output, by other code."""
    read, fitted = reading(config)
    head, x = read.model.head, read.x
    stocks = read.stocks
    score = fitted.predictions.set_index(["date", "company_id"])["score"]
    date = read.inputs.market.dates[DAY]
    with torch.no_grad():
        heard = head.predefined(x, read.batch)
        residual = x - head.predefined_part(read.received)[0]
        from_hidden = head.hidden(residual, read.batch)
        unit = residual / residual.norm(dim=1, keepdim=True)
        cosine = (unit @ unit.T).numpy()
    np.fill_diagonal(cosine, 0.0)
    assert np.isfinite(from_hidden.numpy()).all()
    assert torch.allclose(read.received, heard, atol=1e-5) != config.value_chain
    for i, stock in enumerate(stocks):
        found = read.stock(stock)
        assert found.parts["score"] == score[(date, stock)]
        concepts = found.concepts
        if len(concepts):
            assert concepts["attention"].sum() == pytest.approx(1.0, abs=1e-5)
        own = concepts[concepts["revenue"] > 0]
        assert set(found.members["concept_id"]) == set(own["concept_id"])
        # Nearest by cosine, in order.
        expected = [stocks[j] for j in np.argsort(-cosine[i], kind="stable")[: config.neighbours]]
        assert set(expected) <= set(found.neighbours["company_id"])
        nearest = found.neighbours.set_index("company_id")["similarity"]
        for other in expected:
            assert nearest[other] == pytest.approx(cosine[i, stocks.index(other)], abs=1e-5)
        if config.attention == "edges":
            states = {
                concept: sum(row.attention * x[stocks.index(row.company_id)] for row in rows.itertuples())
                for concept, rows in found.members.groupby("concept_id")
            }
            if config.correction:
                sums = found.members.groupby("concept_id")["attention"].sum()
                np.testing.assert_allclose(sums, 1.0, atol=1e-5)
            total = sum(
                (row.attention * states[row.concept_id] for row in concepts.itertuples()), torch.zeros(8)
            )
            np.testing.assert_allclose(total, heard[i], atol=1e-5)


def test_neighbours_attention_sums_the_hidden_concepts_that_the_module_gives() -> None:
    config = variant("samgraph", **SMALL, neighbours=3)
    read, _ = reading(config)
    head, x = read.model.head, read.x
    with torch.no_grad():
        residual = x - head.predefined_part(head.predefined(x, read.batch))[0]
        expected = head.hidden(residual, read.batch)
    stocks, found = read.stocks, [read.stock(stock) for stock in read.stocks]
    r = residual.numpy().astype(np.float64)
    unit = r / np.linalg.norm(r, axis=1, keepdims=True)
    cosine = unit @ unit.T
    linked = {(i, stocks.index(o)) for i, one in enumerate(found) for o in one.neighbours["company_id"]}
    linked |= {(j, j) for _, j in linked}
    states = np.stack(
        [
            sum((cosine[i, k] * r[i] for i in range(len(r)) if (i, k) in linked), np.zeros(8))
            for k in range(len(r))
        ]
    )
    for i, one in enumerate(found):
        others = [stocks.index(o) for o in one.neighbours["company_id"]]
        rest = (
            1.0 - one.neighbours["attention"].sum()
        )  # what it hears from the concept that starts from itself
        total = one.neighbours["attention"].to_numpy() @ states[others] + rest * states[i]
        np.testing.assert_allclose(total, expected[i], atol=1e-4)


def test_an_explanation_of_a_day_knows_nothing_of_later_ones() -> None:
    """Prices, volumes, caps and edges of every later day are others; not a bit of the day's reading is."""
    config = variant("samgraph", **SMALL)
    read, fitted = reading(config)
    market, series = read.inputs.market, read.inputs.series
    assert series is not None
    moved = {}
    for name in ("open", "high", "low", "close", "vwap", "volume", "market_cap"):
        values = getattr(market, name).copy()
        values[DAY + 1 :] *= np.random.default_rng(0).uniform(0.5, 2.0, values[DAY + 1 :].shape)
        moved[name] = values
    version = series.day_version.copy()
    version[DAY + 1 :] = 0
    inputs = training_inputs(replace(market, **moved), replace(series, day_version=version), config)
    again = DayReading(inputs, WINDOWS[1], config, fitted.parameters, DAY)
    assert again.stocks == read.stocks
    for stock in read.stocks:
        one, other = read.stock(stock), again.stock(stock)
        assert one.parts == other.parts
        for name in ("concepts", "members", "neighbours"):
            pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    later = DayReading(inputs, WINDOWS[1], config, fitted.parameters, DAY + 3)
    before = DayReading(read.inputs, WINDOWS[1], config, fitted.parameters, DAY + 3)
    assert any(later.stock(s).parts != before.stock(s).parts for s in set(later.stocks) & set(before.stocks))


def test_what_cannot_be_explained_is_said_in_words(run: Path, tmp_path: Path) -> None:
    dates = make_market(1, 170, 12).dates
    with pytest.raises(ModelError, match="S00 has no score on"):
        explain(run, "S00", dates[DAY])
    with pytest.raises(RunError, match=r"is not a test day of .* choose a trading day from"):
        explain(run, "S01", dates[100])
    with pytest.raises(RunError, match="has no seed 7; choose among 0, 1"):
        RunModels(run, seed=7)
    with pytest.raises(RunError, match="has no variant industry"):
        RunModels(run, variant="industry")
    with pytest.raises(RunError, match=r"summary\.json is missing"):
        RunModels(tmp_path)


def test_the_report_s_table_names_the_best_stocks_of_the_last_day(run: Path) -> None:
    table = explained_table(run, top=3)
    last = predictions(run, "product", make_market(1, 170, 12).dates[169])
    best = last.groupby("company_id")["score"].mean().sort_values(ascending=False)
    assert list(table["company_id"]) == list(best.index[:3]) and list(table["rank"]) == [1, 2, 3]
    np.testing.assert_allclose(table["score"], best[:3], rtol=1e-12)  # a mean by another sum
    assert (
        table["name"].str.startswith("Company S").all()
        and table["neighbours"].str.contains("Company S").all()
    )


def test_the_command_prints_a_table_csv_and_json_of_the_same_figures(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    date = make_market(1, 170, 12).dates[DAY]
    ask = ["explain", str(run), "--company", "S03", "--date", date.date().isoformat()]
    found = explain(run, "S03", date)
    assert main([*ask, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["split"]["score"] == found.split["score"] and told["seeds"] == [0, 1]
    assert [c["concept_id"] for c in told["concepts"]] == list(found.concepts["concept_id"])
    assert sum(len(c["members"]) for c in told["concepts"]) == len(found.members)
    assert main([*ask, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1 + 6 + len(found.concepts) + len(found.members) + len(found.neighbours)
    assert main(ask) == 0
    assert f"rank {found.split['rank']} of {found.split['stocks']}" in capsys.readouterr().out
    assert main(["explain", str(run)]) == 2 and "needs --company" in capsys.readouterr().err
    assert main(["explain", str(run), "--company", "S03", "--format", "json"]) == 0
    last = pd.read_parquet(run / "predictions.parquet")["date"].max()
    assert json.loads(capsys.readouterr().out)["date"] == last.date().isoformat()


DATASET = {
    "products": "product_id,name,parent_id\nP0,Nought,\nP1,One,\nP2,Two,\nP3,Three,\n",
    "companies": "company_id,name\n" + "".join(f"S{i:02d},Company S{i:02d}\n" for i in range(12)),
    "segments": "company_id,product_id,weight,valid_from,valid_to\nS03,P1,0.4,2020-01-01,\nS04,P1,0.6,2020-01-01,\n",
    "universes": "universe,company_id,valid_from,valid_to\n"
    + "".join(f"MADE,S{i:02d},2020-01-01,\n" for i in range(12)),
}


def test_written_explanations_are_merged_removed_and_never_taken_for_facts(
    run: Path, graph: Graph, graph_env: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    date = make_market(1, 170, 12).dates[DAY]
    found = explain(run, "S03", date)
    with pytest.raises(GraphError, match="knows no company S03"):
        write_explanation(graph, found, "made")
    for name, text in DATASET.items():
        (tmp_path / f"{name}.csv").write_text(text)
    load(graph, Dataset(tmp_path))
    as_of = AsOf(date.date())
    before = snapshot(graph, as_of, universe="MADE").frame
    expected = 1 + len(found.concepts) + len(found.neighbours)
    assert [write_explanation(graph, found, "made") for _ in range(2)] == [expected, expected]
    shown = graph.read("explain/score", company_id="S03", date=date.date(), run=None)
    assert len(shown) == 1
    assert len(shown[0]["concepts"]) == len(found.concepts) and len(shown[0]["alike"]) == len(
        found.neighbours
    )
    assert shown[0]["score"].relationships[0]["score"] == found.split["score"]
    attended = [path.relationships[0]["weight"] for path in shown[0]["concepts"]]
    assert attended == list(found.concepts["attention"])
    assert graph.read("explain/score", company_id="S03", date=date.date(), run="another") == []
    # Facts are asked and loaded as if nothing had been written.
    pd.testing.assert_frame_equal(snapshot(graph, as_of, universe="MADE").frame, before)
    again = load(graph, Dataset(tmp_path))
    assert again.moment is None  # nothing to write
    pd.testing.assert_frame_equal(snapshot(graph, as_of, universe="MADE").frame, before)
    other = explain(run, "S04", date)
    write_explanation(graph, other, "made")
    assert remove_explanations(graph, found.run, company_id="S03", date=dt.date(2019, 1, 1)) == 0
    assert remove_explanations(graph, found.run, company_id="S03") == expected
    ask = ["explain", str(run), "--company", "S03", "--date", date.date().isoformat()]
    assert main([*ask, "--write", "-q"]) == 0 and main(["explain", str(run), "--remove"]) == 0
    everything = expected + 1 + len(other.concepts) + len(other.neighbours)
    assert f"{everything} relationships removed" in capsys.readouterr().out
    pd.testing.assert_frame_equal(snapshot(graph, as_of, universe="MADE").frame, before)
