"""What each part of the method is worth: the model with one thing changed, against itself unchanged.

Every row of the table is a model fitted on the same days and seeds as the base, with one change: the edges (static,
binary, industries, random groups of the same sizes), the attention, the number of neighbours, the concept cut, the
value chain. Rank IC is of the raw score and of the raw concept part, one day ahead and at the label's horizon; a
row's figure is the mean over seeds and days of single models, and its difference to the base is paired by both
(`samgraph.ablation.table`). Rows that equal the base share its models.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.ablation.table import compare, markdown, table_of
from samgraph.arms.hist import ENCODER
from samgraph.arms.registry import ARMS
from samgraph.arms.registry import BASE as BASE_ARM
from samgraph.config import RunConfig
from samgraph.errors import ConfigError
from samgraph.files import write_frame, write_json, write_text
from samgraph.graph.ask.period import extract_period
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.config import HistConfig
from samgraph.hist.labels import forward_returns
from samgraph.hist.metrics import rank_ic
from samgraph.progress import stage
from samgraph.run import manifest
from samgraph.run.begin import NOT_DECIDING, begin
from samgraph.run.concepts import concept_file, concept_series
from samgraph.run.inputs import Inputs, read_inputs
from samgraph.training.executor import open_executor
from samgraph.training.pieces import fit_pieces
from samgraph.training.stored import write_market, write_series
from samgraph.training.task import PREDICTIONS, Piece, Task, Work

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

BASE = "base"
NEIGHBOURS = (1, 3, 5, 10)
CUTS = ("leaf", "level:4", "adaptive:min=3,max=0.2", "levels:2-6")
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One change. `edges` is what the model reads (a kind of `samgraph.run.concepts`, or "cut CUT"), `changes` are
    settings of the model.
    """

    name: str
    group: str
    words: str
    edges: str = "products"
    changes: dict[str, Any] = field(default_factory=dict)


def all_rows(config: RunConfig) -> list[Row]:
    """Every row that the settings allow, the base first."""
    model = config.model.hist(config.trading)
    rows = [
        Row(BASE, "base", f"product concepts, {config.concepts.cut}, as of each day"),
        Row("static", "time", "the period's last edges on every day (look-ahead, on purpose)", "static"),
        Row("binary", "weights", "every edge weighs 1 instead of its share of revenue", "binary"),
        Row("industry", "concepts", "industry labels as concepts", "industries"),
        Row("random", "concepts", "random groups of the same sizes, drawn anew for each seed", "placebo"),
    ]
    rows += [
        Row(f"attention-{kind}", "attention", words, changes={"attention": kind})
        for kind, words in (
            ("edges", "messages along edges only"),
            ("all", "every stock hears every concept"),
        )
    ]
    rows += [
        Row(f"k-{k}", "neighbours", f"K = {k} hidden concepts a stock", changes={"neighbours": k})
        for k in NEIGHBOURS
    ]
    rows += [Row(f"cut-{cut.partition(':')[0]}", "cut", f"product cut {cut}", f"cut {cut}") for cut in CUTS]
    rows += [
        Row(f"chain-{word}", "value chain", f"value-chain links {word}", changes={"value_chain": on})
        for word, on in (("off", False), ("on", True))
    ]
    return [_as_base(row, model, config) for row in rows]


def _as_base(row: Row, model: HistConfig, config: RunConfig) -> Row:
    """A row whose change changes nothing reads what the base reads, so that it shares its models."""
    edges = "products" if row.edges == f"cut {config.concepts.cut}" else row.edges
    changes = {name: value for name, value in row.changes.items() if getattr(model, name) != value}
    return replace(row, edges=edges, changes=changes)


def chosen_rows(config: RunConfig, only: Sequence[str]) -> list[Row]:
    """The base and the rows named, or all.

    Raises:
        ConfigError: a name that no row has
    """
    rows = all_rows(config)
    names = [row.name for row in rows]
    for name in only:
        if name not in names:
            raise ConfigError(f"there is no ablation {name!r}; choose among {', '.join(names)}")
    return [row for row in rows if not only or row.name in only or row.name == BASE]


def ablate(
    config: RunConfig,
    out: Path,
    *,
    only: Sequence[str] = (),
    known: dt.datetime | None = None,
    graph: Graph | None = None,
) -> pd.DataFrame:
    """Fit, or go on fitting, the rows' models in folder `out`; the table, as in `out`/ablations.parquet.

    Also writes ablations.json (with the settings), ablations.md and ablation_days.parquet (the daily Rank ICs).
    The same folder takes more rows and more seeds later.

    Raises:
        SamgraphError: what was wrong and what to do; finished models are kept
    """
    rows = chosen_rows(config, only)
    dataset = Dataset(config.data)
    started = begin(config, out, dataset, known, free=(*NOT_DECIDING, "seeds", "variants", "horizons"))
    with ExitStack() as stack:
        server = graph or stack.enter_context(connect(config.neo4j.settings()))
        inputs = read_inputs(config, server, dataset, started.known)
        started.content["kernels"] = manifest.kernels()
        started.keep_known(inputs.known)
        if not inputs.products.chain:  # no link joins two concepts: the row would say nothing
            if "chain-on" in only:
                raise ConfigError(
                    f"on no day does a value-chain link join two concepts of the cut {config.concepts.cut}; load a "
                    "table product_links, choose a finer cut, or leave chain-on out"
                )
            rows = [row for row in rows if row.group != "value chain"]
        tasks = _tasks(config, inputs, rows, out / "checkpoints", _reader(config, server, inputs))
    with stage("train") as progress:
        distinct = {task.folder: task for of_row in tasks.values() for task in of_row}
        with open_executor(config.engine, config.address, config.jobs) as executor:
            fit_pieces(list(distinct.values()), executor, progress)
    horizon = config.model.hist(config.trading).horizon
    with stage("evaluate"):
        days = _daily(config, inputs, tasks, horizon)
        figures = compare(days, BASE, horizon)
        table = table_of(figures, {row.name: (row.group, row.words) for row in rows})
    tested = inputs.market.dates[inputs.test]
    facts = {
        "universe": config.universe,
        "start": config.start.isoformat(),
        "test_start": tested[0].date().isoformat(),
        "end": tested[-1].date().isoformat(),
        "days": len(tested),
        "seeds": config.seeds,
        "label_horizon": horizon,
        "windows": len(inputs.windows),
        "model": _model_words(config),
    }
    write_frame(out / "ablation_days.parquet", days)
    write_frame(out / "ablations.parquet", table)
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    write_json(out / "ablations.json", facts | {"rows": records})
    write_text(out / "ablations.md", markdown(table, facts))
    return table


def _model_words(config: RunConfig) -> str:
    model = config.model.hist(config.trading)
    return (
        f"{config.model.variant}, hidden size {model.hidden_size}, at most {model.epochs} epochs, K = "
        f"{model.neighbours}, attention {model.attention}, cut {config.concepts.cut}, "
        f"{config.windows.train_days} training and {config.windows.valid_days} validation days"
    )


def _reader(config: RunConfig, graph: Graph, inputs: Inputs) -> Callable[[str, int], SnapshotSeries]:
    by_fit = config.windows.knowledge == "fit"

    def read(cut: str, number: int) -> SnapshotSeries:
        market, days = inputs.market.for_models(), inputs.fitted["product"][number].dates
        first = int(market.dates.searchsorted(days[0]))
        return extract_period(
            graph,
            days,
            stocks=market.stocks,
            members=market.member[first : first + len(days)],
            cut=cut,
            known=inputs.known,
            chain=bool(inputs.products.chain),
            fit_day=market.dates[inputs.windows[number].fit_day] if by_fit else None,
        )

    return read


def _tasks(
    config: RunConfig,
    inputs: Inputs,
    rows: Iterable[Row],
    folder: Path,
    read: Callable[[str, int], SnapshotSeries],
) -> dict[str, list[Task]]:
    """The rows' pieces; rows with the same edges and settings have the same ones. Writes the models' inputs."""
    write_market(folder, inputs.market)
    written: set[str] = set()
    model = config.model.hist(config.trading)
    tasks: dict[str, list[Task]] = {}
    owner: dict[tuple[str, HistConfig], str] = {}
    for row in rows:
        settings = replace(model, **row.changes)
        name = owner.setdefault((row.edges, settings), row.name)
        tasks[row.name] = []
        seeds = range(config.seed, config.seed + config.seeds)
        for seed, (number, window) in itertools.product(seeds, enumerate(inputs.windows)):
            edges = concept_file(row.edges, seed, number)
            if edges not in written:
                kind, _, cut = row.edges.partition(" ")
                found = read(cut, number) if cut else concept_series(kind, inputs, seed, number)
                write_series(folder, edges, found)
                written.add(edges)
            # the encoder knows nothing of what a row changes: one fit serves all
            needs = (Piece(ARMS[ENCODER], seed, number, window, None),) if settings.start == "encoder" else ()
            piece = Piece(ARMS[BASE_ARM], seed, number, window, edges, needs, label=name)
            tasks[row.name].append(Task(piece, Work(folder, settings, config.device)))
    return tasks


def _daily(config: RunConfig, inputs: Inputs, tasks: dict[str, list[Task]], horizon: int) -> pd.DataFrame:
    """Rank IC by row, seed and test day: name, seed, date, part (score or concept), horizon, rank_ic."""
    market, test = inputs.market, inputs.test
    labels = {}
    for h in sorted({1, horizon}):
        forward = forward_returns(market, h, lag=config.trading.lag, price=config.trading.price)
        labels[h] = np.where(market.member, forward, np.nan)[test]
    row_of = pd.Series(range(market.n_dates), index=market.dates)
    column_of = pd.Series(range(market.n_stocks), index=list(market.stocks))
    held: dict[Path, list[pd.DataFrame]] = {}
    frames = []
    for name, of_row in tasks.items():
        for seed in sorted({task.piece.seed for task in of_row}):
            own = [task for task in of_row if task.piece.seed == seed]
            if own[0].folder not in held:
                predictions = pd.concat([pd.read_parquet(task.folder / PREDICTIONS) for task in own])
                place = (
                    row_of[pd.DatetimeIndex(predictions["date"]).as_unit("s")].to_numpy() - test.start,
                    column_of[predictions["company_id"]].to_numpy(),
                )
                held[own[0].folder] = [
                    _rank_ics(predictions[part].to_numpy(), place, label).assign(part=part, horizon=h)
                    for part in ("score", "concept")
                    for h, label in labels.items()
                ]
            frames += [
                frame.assign(name=name, seed=seed, date=market.dates[test]) for frame in held[own[0].folder]
            ]
    return pd.concat(frames, ignore_index=True)[["name", "seed", "date", "part", "horizon", "rank_ic"]]


def _rank_ics(values: FloatArray, place: tuple[Any, Any], label: FloatArray) -> pd.DataFrame:
    scores = np.full(label.shape, np.nan)
    scores[place] = values
    return pd.DataFrame({"rank_ic": rank_ic(scores, label)})
