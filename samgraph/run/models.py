"""The fitted models of a run: one row per arm, seed and walk-forward window."""

from __future__ import annotations

import pandas as pd

from samgraph.run.folder import RunFolder

COLUMNS = (
    *("variant", "seed", "window", "trained_from", "trained_to", "validated_to", "in_use_from", "in_use_to"),
    *("epoch", "valid_rank_ic", "bytes", "folder"),
)


def models(run: RunFolder) -> pd.DataFrame:
    """What was fitted, on which days, and where it lies.

    Returns:
        variant, seed, window; trained_from, trained_to, validated_to, in_use_from, in_use_to (trading days);
        epoch (the step of the fit that was kept); valid_rank_ic (mean daily Rank IC of its validation days); bytes and
        folder (of the run's folder) of its files.

    Raises:
        RunError: a table of the run is missing, or a fit is not what was written
    """
    windows = {(int(row["window"]), str(row["part"])): row for row in run.table("windows").to_dict("records")}
    rows = []
    for row in run.table("curves").query("best").to_dict("records"):
        variant, seed, window = str(row["variant"]), int(row["seed"]), int(row["window"])
        folder = run.task(variant, seed, window).folder
        train, valid, test = (windows[(window, part)] for part in ("train", "validate", "test"))
        days = (train["first"], train["last"], valid["last"], test["first"], test["last"])
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        named = folder.relative_to(run.folder).as_posix()
        rows.append((variant, seed, window, *days, int(row["epoch"]), float(row["valid_ic"]), size, named))
    return pd.DataFrame(rows, columns=list(COLUMNS))
