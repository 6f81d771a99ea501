"""What do more days and more stocks teach the encoder, and what the concept path?

    python benchmarks/learning_curve.py RUN --out FOLDER [--shares 0.25 0.5 1] [--seed 0] [--jobs 2]

RUN is a finished run whose test days may be looked at: `quality.py qlib` leaves one in its FOLDER/run. On its first
window the plain GRU and HIST on products, as the run sets them, are fitted on each share of the training days (the
latest) and of the stocks (drawn once, a smaller share within the larger); the other stocks have no label in training,
but still enter the inputs, validation and test. Ends with a table: Rank IC of the label on the test days of the GRU's
score, of HIST's, and of HIST's concept part, with t, and from where validation let HIST start. Each fit is kept in
FOLDER; the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from quality import panel

from samgraph.errors import SamgraphError
from samgraph.factors.evaluation.inference import mean_test
from samgraph.files import write_json
from samgraph.hist.data import TrainingInputs, training_inputs
from samgraph.hist.metrics import rank_ic
from samgraph.hist.train import FittedWindow, fit_window
from samgraph.hist.windows import Window
from samgraph.run.folder import RunFolder


def fit(run: Path, out: Path, days: float, stocks: float, seed: int) -> dict[str, Any]:
    """Both models on a share of the training days and of the stocks: a row of the table."""
    opened = RunFolder.open(run)
    kept = out / f"{opened.run_id}-days{days}-stocks{stocks}-seed{seed}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    config = opened.config.model.hist(opened.config.trading)
    inputs = training_inputs(opened.market, opened.series(), config, run / "checkpoints")
    whole = opened.windows[0]
    first = whole.train.stop - round(days * (whole.train.stop - whole.train.start))
    window = replace(whole, train=slice(first, whole.train.stop))
    taught = np.random.default_rng(seed).random(len(inputs.market.stocks)) < stocks
    label = inputs.label.copy()
    label[window.train, ~taught] = np.nan
    less = replace(inputs, label=label)
    plain = fit_window(replace(less, series=None), window, config, seed)
    hist = fit_window(less, window, config, seed, start=plain.parameters)
    labelled = np.isfinite(label[window.train]) & inputs.market.member[window.train]
    row = {
        "days": window.train.stop - window.train.start,
        "stocks": stocks,
        "stock_days": int(labelled.sum()),
        "gru": _quality(plain, "score", inputs, window, config.horizon),
        "hist": _quality(hist, "score", inputs, window, config.horizon),
        "concept": _quality(hist, "concept", inputs, window, config.horizon),
        "start": str(hist.curves.loc[hist.curves["best"], "start"].iloc[0]),
        "valid_gru": float(plain.curves.loc[plain.curves["best"], "valid_ic"].iloc[0]),
        "valid_hist": float(hist.curves.loc[hist.curves["best"], "valid_ic"].iloc[0]),
    }
    write_json(kept, row)
    return row


def _quality(
    fitted: FittedWindow, part: str, inputs: TrainingInputs, window: Window, horizon: int
) -> tuple[float, float | None]:
    """Mean Rank IC of a part of the score on the test days, and its t; nothing is told by a part that is 0."""
    values = panel(inputs.market, fitted.predictions, part)
    tested = mean_test(rank_ic(values[window.test], inputs.label[window.test]), horizon)
    return (float(tested.mean), float(tested.t)) if np.isfinite(tested.t) else (0.0, None)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    names = ("training days", "share of stocks", "labels", "GRU (t)", "HIST (t)", "its concept part (t)")
    lines = [
        f"| {' | '.join(names)} | started from | valid: GRU, HIST |",
        "|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    for row in rows:
        figures = [
            "–" if t is None else f"{value:+.4f} ({t:.1f})"
            for value, t in (row[name] for name in ("gru", "hist", "concept"))
        ]
        cells = [f"{row['days']:,}", f"{row['stocks']:g}", f"{row['stock_days']:,}", *figures]
        lines.append(
            f"| {' | '.join(cells)} | {row['start']} | {row['valid_gru']:.3f}, {row['valid_hist']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, fit, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a finished run with the arm product")
    parser.add_argument("--out", type=Path, required=True, help="folder of the fits")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    asked = parser.parse_args()
    shares = sorted(set(asked.shares), reverse=True)
    if not all(0 < share <= 1 for share in shares) or asked.jobs < 1:
        parser.error("a share is above 0 and at most 1, jobs are 1 or more")
    cells = list(product(shares, repeat=2))
    try:
        RunFolder.open(asked.run).require_variant("product")
        asked.out.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
            waiting = [
                pool.submit(fit, asked.run, asked.out, days, stocks, asked.seed) for days, stocks in cells
            ]
            print(table([one.result() for one in waiting]))
    except (SamgraphError, OSError) as error:
        sys.exit(f"learning_curve: {error}")


if __name__ == "__main__":
    main()
