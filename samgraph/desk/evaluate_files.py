"""From files of factors to a folder with their evaluation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.config import RunConfig
from samgraph.config_sections import Windows
from samgraph.desk.evaluate import FactorStudy, evaluate_factors
from samgraph.desk.factor_files import read_factors
from samgraph.errors import DatasetError, RunError
from samgraph.files import is_unfinished, whole_folder, write_frame, write_json, write_text
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.progress import stage
from samgraph.report.factor import factor_page
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import Inputs, read_inputs

MARK = "evaluation.json"


def evaluate_files(
    paths: Sequence[Path],
    out: Path,
    configure: Callable[[dt.date, dt.date], RunConfig],
    *,
    run: Path | None = None,
    quantiles: int = 5,
    known: dt.datetime | None = None,
) -> FactorStudy:
    """Evaluate the factors of files and leave tables, summary.json and report.html in `out`.

    Args:
        paths: see `samgraph.desk.factor_files`.
        out: absent, empty, or an earlier evaluation, which is replaced.
        configure: from the factors' first and last day to the settings.
        run: a finished run whose factors they are correlated with.
        quantiles: how many portfolios.
        known: the moment of recorded knowledge; the newest load by default.

    Raises:
        SamgraphError: what was wrong and what to do; `out` is as it was
    """
    if out.exists() and not (out / MARK).exists() and not all(map(is_unfinished, out.iterdir())):
        raise RunError(
            f"{out} holds files that are not an evaluation; choose an empty or new folder for --out"
        )
    factors = read_factors(paths)
    days = pd.DatetimeIndex(np.concatenate([one.index.get_level_values(0) for one in factors.values()]))
    if not len(days):
        raise DatasetError(f"{paths[0]} has no value at all; a factor needs numbers")
    config = configure(days.min().date(), days.max().date()).model_copy(update={"windows": Windows()})
    dataset = Dataset(config.data)
    with connect(config.neo4j.settings()) as graph:
        inputs = read_inputs(config, graph, dataset, known, whole=True)
    others = {} if run is None else _factors_of_run(RunFolder.open(run), inputs)
    with stage("evaluate"):
        found = evaluate_factors(config, inputs, factors, quantiles=quantiles, others=others)
    with whole_folder(out) as folder:
        for name, frame in found.tables.items():
            write_frame(folder / f"{name}.parquet", frame)
        write_json(folder / "summary.json", found.summary)
        write_json(folder / MARK, {"known": inputs.known.isoformat(), "inputs": dataset.fingerprint()})
        write_text(folder / "report.html", factor_page(found.tables, found.summary))
    return found


def _factors_of_run(run: RunFolder, inputs: Inputs) -> dict[str, npt.NDArray[np.float64]]:
    """A run's factors, raw, on these days and stocks, under `run NAME`."""
    dates, stocks = inputs.market.dates, list(inputs.market.stocks)
    return {
        f"run {name}": rows.pivot_table(index="date", columns="company_id", values="value")
        .reindex(index=dates, columns=stocks)
        .to_numpy(dtype=np.float64)
        for name, rows in run.table("factors").groupby("factor", sort=False)
    }
