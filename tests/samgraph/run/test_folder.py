"""A run speaks only as the backtest left it: whatever was changed since is named, and nothing is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_run import made_run

from samgraph.cli import main
from samgraph.config import load_config
from samgraph.errors import RunError
from samgraph.files import write_json
from samgraph.run.folder import RunFolder
from samgraph.seals import digests


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run with its seals."""
    folder = made_run(tmp_path / "run")
    dates = pd.read_parquet(folder / "portfolio.parquet")["date"].unique()
    pairs = pd.MultiIndex.from_product([dates, ["A", "B", "C"]], names=["date", "company_id"])
    scores = pairs.to_frame(index=False).assign(variant="product", seed=0, window=0)
    rng = np.random.default_rng(0)
    for part in ("concept", "hidden", "individual", "score"):
        scores[part] = rng.normal(size=len(scores))
    scores.to_parquet(folder / "predictions.parquet", index=False)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    needed = {"data": "data", "universe": "U", "start": "2022-01-04", "end": "2024-02-06"}
    manifest["config"] = load_config(None, needed).model_dump(mode="json", exclude={"neo4j"})
    manifest |= {"inputs": {}, "seeds": [0]}
    names = [*(file.name for file in folder.glob("*.parquet")), "summary.json"]
    write_json(folder / "manifest.json", manifest | {"files": digests(folder, names)})
    return folder


def flipped(run: Path) -> None:
    table = pd.read_parquet(run / "predictions.parquet")
    numbers = table.select_dtypes("number").columns
    table.assign(**{name: -table[name] for name in numbers}).to_parquet(
        run / "predictions.parquet", index=False
    )


def other_summary(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps(summary | {"days": 61}), encoding="utf-8")


def table_gone(run: Path) -> None:
    (run / "trades.parquet").unlink()


COMMANDS = {
    "export": ["export", "{run}", "{out}", "--to", "qlib"],
    "report": ["report", "{run}"],
    "explain": ["explain", "{run}", "--company", "A", "--date", "2023-12-01"],
}


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize(
    ("change", "name"),
    [(flipped, "predictions.parquet"), (other_summary, "summary.json"), (table_gone, "trades.parquet")],
    ids=["every sign flipped", "another summary", "a table gone"],
)
def test_export_report_and_explain_refuse_a_changed_run(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    change: Callable[[Path], None],
    name: str,
) -> None:
    change(run)
    words = [word.format(run=run, out=tmp_path / "out") for word in COMMANDS[command]]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert f"{name} is not what the backtest wrote" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists() and not (run / "report.html").exists()


def test_an_unchanged_run_is_exported_and_reported(run: Path, tmp_path: Path) -> None:
    assert main(["report", str(run)]) == 0
    assert main(["export", str(run), str(tmp_path / "out"), "--to", "qlib"]) == 0
    left = pd.read_parquet(tmp_path / "out" / "pred.parquet")["score"].to_numpy()
    opened = RunFolder.open(run)
    np.testing.assert_array_equal(left, opened.scores("product").sort_index().to_numpy())


def test_a_table_that_the_backtest_did_not_seal_is_not_the_run_s(run: Path) -> None:
    pd.DataFrame({"factor": ["x"]}).to_parquet(run / "exposures.parquet")
    opened = RunFolder.open(run)
    assert not opened.has("exposures") and "exposures" not in opened.tables()
    with pytest.raises(RunError, match=r"has no table exposures\.parquet"):
        opened.table("exposures")


def test_what_is_advised_for_a_folder_that_is_no_run_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"summary\.json is missing; name the folder that samgraph backtest --out wrote"
    ):
        RunFolder.open(tmp_path)
    write_json(tmp_path / "manifest.json", {})
    with pytest.raises(RunError, match=r"backtest --config \S+config\.toml --out \S+ again to continue it"):
        RunFolder.open(tmp_path)


def test_a_run_that_is_being_continued_is_not_finished(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    del manifest["finished"]
    write_json(run / "manifest.json", manifest)
    with pytest.raises(RunError, match=r"is not a finished run; run samgraph backtest .* again to continue"):
        RunFolder.open(run)
