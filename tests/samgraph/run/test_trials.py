"""The ledger of trials: what was tried is counted once, by whoever ran it, also at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from samgraph.config import RunConfig, load_config
from samgraph.errors import RunError
from samgraph.factors.evaluation.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    probability_of_overfitting,
)
from samgraph.outcome.overfitting import overfitting
from samgraph.run.trials import Parent, Question, Trial, TrialLedger

DATA = {"bars": "a1", "products": "b2"}


def settings(**changes: object) -> RunConfig:
    base = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    return load_config(None, base | changes)


def daily(seed: int, days: int = 200, names: tuple[str, ...] = ("product", "industry")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2020-06-01", periods=days)
    return pd.concat(
        pd.DataFrame({"variant": name, "date": dates, "excess_return": rng.normal(2e-4, 0.005, days)})
        for name in names
    )


def trial(draw: int, data: dict[str, str] = DATA, days: int = 200, **changes: object) -> Trial:
    config = settings(**changes)
    return Trial.of(config, Question.of(config, data), daily(draw, days), Path("run"))


def test_the_same_configuration_counts_once_and_what_changes_no_number_makes_no_trial(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "deep" / "trials.jsonl")
    assert ledger.trials() == []
    for made in (trial(0), trial(0), trial(0, jobs=2), trial(0, data={"products": "b2", "bars": "a1"})):
        ledger.append(made)
    assert len(ledger.trials()) == 1
    ledger.append(trial(1, seed=7))
    ledger.append(trial(2, trading={"top": 30}))
    question = trial(0).question
    assert len(ledger.trials(question)) == 3
    for other in (trial(3, data={"bars": "x"}), trial(3, universe="V"), trial(3, end="2021-02-01")):
        ledger.append(other)
    assert len(ledger.trials(question)) == 3 and len(ledger.trials()) == 6
    np.testing.assert_array_equal(ledger.trials(question)[0].returns["product"], trial(0).returns["product"])


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    ledger.append(trial(0))
    with ledger.path.open("a") as file:
        file.write(trial(1, seed=1).line()[:500])
    ledger.append(trial(2, seed=2))
    assert [t.config for t in ledger.trials()] == [trial(0).config, trial(2, seed=2).config]


APPEND = """
import sys
from pathlib import Path
import numpy as np
from samgraph.run.trials import TrialLedger, Question, Trial
path, first = Path(sys.argv[1]), int(sys.argv[2])
question = Question("d", "U", "2020-01-01", "2021-01-01")
for k in range(first, first + 10):
    returns = np.random.default_rng(k).normal(0, 0.01, 1500)
    TrialLedger(path).append(Trial(question, str(k), "", "", {"product": returns}))
"""


def test_runs_that_end_at_the_same_moment_all_leave_their_line(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    workers = [subprocess.Popen([sys.executable, "-c", APPEND, str(path), str(10 * k)]) for k in range(4)]
    assert [worker.wait(100) for worker in workers] == [0, 0, 0, 0]
    assert len(path.read_text().splitlines()) == 40 == len(TrialLedger(path).trials())


def test_figures_are_those_of_the_papers_functions_over_what_the_ledger_holds(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    for k in range(1, 6):
        ledger.append(trial(k, seed=k))
    own = trial(0)
    found = overfitting(ledger.trials(own.question), own)
    assert found == overfitting([*ledger.trials(own.question), own], own)  # its own line changes nothing
    assert (found["trials"], found["configurations"]) == (12, 6)
    every = [v for t in (*ledger.trials(), own) for v in t.returns.values()]
    ratios = [v.mean() / v.std(ddof=1) for v in every]
    variance = max(np.var(ratios, ddof=1), 1 / 199)
    product = found["variants"]["product"]
    assert product["threshold"] == pytest.approx(expected_best_sharpe(12, variance))
    wanted = deflated_sharpe(own.returns["product"], 12, trial_variance=variance)
    assert product["deflated_sharpe"] == pytest.approx(wanted.probability)
    alone = overfitting([], own)
    assert (
        product["deflated_sharpe"] < alone["variants"]["product"]["deflated_sharpe"]
    )  # trying has its price
    chance = found["probability_of_overfitting"]
    assert chance["trials"]["probability"] == probability_of_overfitting(np.column_stack(every)).probability
    assert chance["variants"]["trials"] == 2


def test_shorter_and_flat_trials_are_told_apart_from_missing_ones() -> None:
    own, short = trial(0), trial(1, days=20, seed=1)
    assert overfitting([short], own)["probability_of_overfitting"]["trials"]["days"] == 20
    flat = Trial(own.question, "c", "", "", {"product": np.zeros(50)})
    found = overfitting([], flat)
    assert found["variants"]["product"]["deflated_sharpe"] is None and found["trials"] == 1
    assert found["probability_of_overfitting"] == {"trials": None, "variants": None}


def test_a_ledger_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"ledger of trials .* cannot be written: .* SAMGRAPH_TRIALS"):
        TrialLedger(tmp_path / "file" / "trials.jsonl").ready()


def test_a_run_that_grows_stays_one_trial_and_goes_on_competing_with_what_was_tried_where_it_began(
    tmp_path: Path,
) -> None:
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    for made in (trial(1, seed=1), trial(0), trial(2, seed=2)):
        ledger.append(made)
    config, kept = settings(), []
    manifest: dict[str, object] = {"inputs": DATA, "config": config.model_dump(mode="json")}
    for number, end in enumerate(("2021-01-04", "2021-01-05")):
        parent = Parent.of(config, manifest)
        data = DATA | {"bars": f"grown {number}"}
        config = settings(end=end)
        own = Trial.of(config, Question.of(config, data), daily(0, 201 + number), Path("run"), 252, parent)
        found = overfitting(ledger.trials(), own)
        assert (found["trials"], found["configurations"]) == (6, 3), "its own beginning is no rival"
        assert found["probability_of_overfitting"]["trials"]["days"] == 201 + number, "of the same days alone"
        ledger.append(own)
        manifest = {"inputs": data, "config": config.model_dump(mode="json"), "parent": parent.values()}
        kept = [one.question.end for one in ledger.trials()]
        assert kept == ["2021-01-01", end, "2021-01-01"], "its new line stands where the old one stood"
    assert ledger.trials()[1].parent == parent and parent.origin == trial(0).question
