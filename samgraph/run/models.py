"""The fitted models of a run: one row per arm, seed and walk-forward window; and how old ones are removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from samgraph.hist.checkpoint import STATE, forget_checkpoint
from samgraph.run.folder import RunFolder
from samgraph.seals import seal_piece, sealed_names
from samgraph.training.task import CURVES, PREDICTIONS

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


def has_model(folder: Path) -> bool:
    """Whether a finished piece's folder still has what it was fitted to, beside its curves and predictions."""
    return (folder / STATE).exists() or not set(sealed_names(folder)) <= {CURVES, PREDICTIONS}


def prune(run: RunFolder) -> pd.DataFrame:
    """Remove the parameters of all windows but the newest; every table and prediction stays.

    Scores of new days, the report and explanations of the newest window's days need the newest alone; an older day can
    be explained no more.

    Returns:
        The rows of `models` whose parameters were removed, with the bytes that they took.

    Raises:
        RunError: as `models`
    """
    before = models(run)
    there = before["folder"].map(lambda folder: has_model(run.folder / folder)).astype(bool)
    old = before[(before["window"] < before["window"].max()) & there]
    for name in old["folder"]:
        folder = run.folder / name
        further = [one for one in sealed_names(folder) if one not in (CURVES, PREDICTIONS)]
        seal_piece(
            folder, (CURVES, PREDICTIONS)
        )  # first: killed in between, what it no longer seals is only left over
        forget_checkpoint(folder)
        for one in further:
            (folder / one).unlink(missing_ok=True)
        shutil.rmtree(folder / "encoder", ignore_errors=True)
    after = models(run).set_index("folder")["bytes"]
    removed: pd.DataFrame = old.assign(
        bytes=old["bytes"].to_numpy() - after.reindex(old["folder"]).to_numpy()
    )
    return removed.reset_index(drop=True)
