"""Training repeats itself, goes on after a kill, learns what is there, and never looks ahead."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from oracles.hist_making import make_market, make_series
from scipy.stats import median_abs_deviation

from samgraph.errors import ModelError
from samgraph.graph.series.snapshots import Edges
from samgraph.hist import data as hist_data
from samgraph.hist import train
from samgraph.hist.checkpoint import chosen_parameters
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.data import TrainingInputs, WindowData, training_inputs
from samgraph.hist.metrics import mean, rank_ic
from samgraph.hist.model import Hist
from samgraph.hist.progress import Training
from samgraph.hist.train import FittedWindow, fit_window
from samgraph.hist.windows import Window

WINDOW = Window(slice(30, 90), slice(100, 130), slice(140, 170))
SMALL: dict[str, Any] = {
    "hidden_size": 8, "epochs": 4, "horizon": 3, "burn_in": 20, "min_history": 10, "window_length": 10,
    "start": "nothing",
}  # fmt: skip


def small(name: str = "samgraph", **changes: Any) -> HistConfig:
    return variant(name, **{**SMALL, **changes})


def inputs_of(config: HistConfig, *, concepts: bool = True, **making: Any) -> TrainingInputs:
    market = make_market(1, 170, 12, **{"missing": 0.03, **making})
    return training_inputs(market, make_series(market) if concepts else None, config)


def assert_same(a: FittedWindow, b: FittedWindow) -> None:
    pd.testing.assert_frame_equal(a.predictions, b.predictions, check_exact=True)
    pd.testing.assert_frame_equal(a.curves, b.curves, check_exact=True)
    assert a.best_epoch == b.best_epoch and a.bias == b.bias
    assert all(torch.equal(value, b.parameters[name]) for name, value in a.parameters.items())


@pytest.mark.parametrize(
    "config",
    [
        small(),
        small(dropout=0.3, epochs=2),
        small(encoder="window", attention="all", epochs=2),
        small("paper", chunk=5, epochs=1),
        small("qlib", chunk=5, epochs=1),
        small(split="heads", auxiliary=0.5, epochs=1),
    ],
    ids=["stream", "dropout", "window", "paper", "qlib", "heads"],
)
def test_the_same_seed_gives_the_same_numbers(config: HistConfig) -> None:
    inputs = inputs_of(config)
    first, again, other = (fit_window(inputs, WINDOW, config, seed) for seed in (3, 3, 4))
    assert_same(first, again)
    assert not np.allclose(first.predictions["score"], other.predictions["score"])
    frame = first.predictions
    assert list(frame.columns) == ["date", "company_id", "concept", "hidden", "individual", "score"]
    if config.split == "exact":
        total = frame["concept"] + frame["hidden"] + frame["individual"] + first.bias
        np.testing.assert_allclose(frame["score"], total, atol=1e-5)


def test_predictions_cover_members_with_history_on_test_days() -> None:
    config = small()
    inputs = inputs_of(config)
    frame = fit_window(inputs, WINDOW, config, 0).predictions
    market = inputs.market
    seen = inputs.feature_mask[10:].cumsum(axis=0)  # the stream starts burn_in days before the window
    expected = {
        (market.dates[t], market.stocks[i])
        for t in range(140, 170)
        for i in range(12)
        if market.member[t, i] and seen[t - 10, i] >= 10
    }
    assert set(zip(frame["date"], frame["company_id"], strict=True)) == expected
    assert "S00" not in set(frame["company_id"])  # left the universe before
    # A member that did not trade that day is scored with the state that it had.
    idle = market.member[140:] & ~inputs.feature_mask[140:]
    t, i = np.argwhere(idle)[0]
    assert ((frame["date"] == market.dates[140 + t]) & (frame["company_id"] == market.stocks[i])).any()


def test_a_stock_is_fitted_only_where_it_traded_and_its_label_is_known() -> None:
    config = small()
    inputs = inputs_of(config)
    data = WindowData(inputs, WINDOW, config, torch.device("cpu"))
    known = torch.isfinite(data.target).numpy()
    columns = [inputs.market.stocks.index(s) for s in data.stocks]
    allowed = (inputs.feature_mask & inputs.market.member & np.isfinite(inputs.label))[10:][:, columns]
    assert not (known & ~allowed).any() and known.sum() > 0.8 * allowed[10:].sum()


def test_the_plain_gru_puts_everything_into_individual() -> None:
    config = small()
    frame = fit_window(inputs_of(config, concepts=False), WINDOW, config, 0).predictions
    assert (frame["concept"] == 0).all() and (frame["hidden"] == 0).all() and frame["individual"].std() > 0


@pytest.mark.parametrize("encoder", ["stream", "window"])
def test_hist_starts_as_the_gru_that_it_is_given_or_fits_the_same_itself(encoder: str) -> None:
    """Before its first pass every score is the encoder's, and that start is a candidate."""
    config = small(
        start="encoder", encoder=encoder, tuning_epochs=1, epochs=2, tuning_rate=1e-9, separation=0.0
    )
    inputs = inputs_of(config)
    plain = fit_window(replace(inputs, series=None), WINDOW, config, 0)
    given = fit_window(inputs, WINDOW, config, 0, start=plain.parameters)
    curves = given.curves
    assert list(curves["start"]) == ["encoder"] * 2 + ["nothing"] * 2
    assert np.isnan(curves["train_loss"][0])
    assert curves["valid_ic"][0] == pytest.approx(plain.curves["valid_ic"].max(), abs=1e-6)
    assert_same(given, fit_window(inputs, WINDOW, config, 0))
    if curves["start"][given.best_epoch] == "encoder":
        np.testing.assert_allclose(given.predictions["score"], plain.predictions["score"], atol=1e-5)
        assert (given.predictions[["concept", "hidden"]].abs() < 1e-5).all(axis=None)


@pytest.mark.parametrize("turned", [False, True])
def test_of_both_starts_the_better_in_validation_is_kept(turned: bool) -> None:
    """Never worse than the encoder there; the epochs from nothing are those of a training from nothing alone."""
    config = small(start="encoder", tuning_epochs=2, epochs=3, min_epochs=2, tuning_rate=1e-3)
    inputs = inputs_of(config)
    if turned:  # what is learnt from nothing is wrong on the validation days; the encoder knows better
        alternative = np.where(np.arange(170)[:, None] < 90, -inputs.label, inputs.label)
        encoder = fit_window(replace(inputs, series=None), WINDOW, config, 0).parameters
        inputs = replace(inputs, label=alternative)
    else:
        encoder = fit_window(replace(inputs, series=None, label=-inputs.label), WINDOW, config, 0).parameters
    fitted = fit_window(inputs, WINDOW, config, 0, start=encoder)
    alone = fit_window(inputs, WINDOW, replace(config, start="nothing"), 0)
    curves, best = fitted.curves, fitted.best_epoch
    from_nothing = curves[curves["start"] == "nothing"]
    # given up where it is far behind; a later epoch of it is then no better, as the candidates below say
    same = alone.curves[: len(from_nothing)]
    np.testing.assert_array_equal(from_nothing["valid_ic"], same["valid_ic"])
    np.testing.assert_array_equal(from_nothing["train_loss"], same["train_loss"])
    candidates = [*curves["valid_ic"][curves["start"] == "encoder"], *alone.curves["valid_ic"][1:]]
    assert curves["valid_ic"][best] == max(candidates) >= curves["valid_ic"][0]
    assert curves["start"][best] == ("encoder" if turned else "nothing")
    if not turned:
        pd.testing.assert_frame_equal(fitted.predictions, alone.predictions, check_exact=True)


def test_a_training_stopped_in_either_attempt_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    config = small(start="encoder", tuning_epochs=2, epochs=3)
    inputs = inputs_of(config)
    encoder = fit_window(replace(inputs, series=None), WINDOW, config, 0).parameters
    whole = fit_window(inputs, WINDOW, config, 0, start=encoder)
    for stop in (1, 4):
        heard: list[int] = []

        def stopping(amount: int, heard: list[int] = heard, stop: int = stop) -> None:
            heard.append(amount)
            if sum(heard) == stop:
                raise KeyboardInterrupt

        folder = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            fit_window(inputs, WINDOW, config, 0, start=encoder, checkpoint_dir=folder, progress=stopping)
        rest: list[int] = []
        again = fit_window(
            inputs, WINDOW, config, 0, start=encoder, checkpoint_dir=folder, progress=rest.append
        )
        assert_same(whole, again)
        assert sum(rest) == 6


def test_a_planted_reversal_is_learnt_and_noise_is_not() -> None:
    config = small(epochs=8, horizon=1, lag=1, hidden_size=16, learning_rate=5e-3)
    quality = {}
    for strength in (0.0, 0.9):
        market = make_market(2, 170, 40, reversal=strength)
        inputs = training_inputs(market, make_series(market), config)
        # The reversal of day t comes on t + 1, before the lag of one day: give the label that day.
        returns = np.vstack([market.returns()[1:], np.full((1, 40), np.nan)])
        inputs = replace(inputs, label=returns)
        frame = fit_window(inputs, WINDOW, config, 0).predictions
        score = np.full(returns.shape, np.nan)
        column = frame["company_id"].map({stock: i for i, stock in enumerate(market.stocks)})
        score[market.dates.get_indexer(pd.DatetimeIndex(frame["date"])), column] = frame["score"]
        quality[strength] = mean(rank_ic(score, returns))
    assert quality[0.9] > 0.35
    assert abs(quality[0.0]) < 0.12


@pytest.mark.parametrize("scaling", ["day", "training"])
def test_predictions_do_not_change_with_what_comes_after(scaling: str) -> None:
    config = small(epochs=2, scaling=scaling)
    market = make_market(1, 170, 12, missing=0.03)
    series = make_series(market)
    day = 155
    rng = np.random.default_rng(8)
    changes = {}
    for name in ("open", "high", "low", "close", "vwap", "adj", "volume", "market_cap"):
        values = getattr(market, name).copy()
        values[day + 1 :] *= rng.uniform(0.3, 3.0, values[day + 1 :].shape)
        changes[name] = values
    tradable = market.tradable.copy()
    tradable[day + 1 :] = False
    later = replace(market, **changes, tradable=tradable)
    version = series.day_version.copy()
    version[day + 1 :] = len(series.versions)
    grown = replace(
        series, day_version=version, versions=(*series.versions, Edges.of([1, 2], [0, 0], [1.0, 0.5]))
    )
    frames = []
    for m, s in ((market, series), (later, grown)):
        frame = fit_window(training_inputs(m, s, config), WINDOW, config, 0).predictions
        frames.append(frame[frame["date"] <= market.dates[day]].reset_index(drop=True))
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert len(frames[0]) > 100


def test_training_does_not_see_labels_or_bars_of_the_test_part() -> None:
    config = small(epochs=2)
    inputs = inputs_of(config)
    label = inputs.label.copy()
    label[WINDOW.test.start :] = 7.0
    a, b = (fit_window(replace(inputs, label=values), WINDOW, config, 0) for values in (inputs.label, label))
    assert_same(a, b)


def test_permuting_stocks_permutes_the_predictions() -> None:
    config = small(epochs=1)
    inputs = inputs_of(config)
    assert inputs.series is not None
    order = np.random.default_rng(3).permutation(12)
    market = inputs.market.permuted(order)
    moved = training_inputs(market, inputs.series.permuted(order, np.arange(4)), config)
    a, b = (fit_window(i, WINDOW, config, 0).predictions for i in (inputs, moved))
    keys = ["date", "company_id"]
    joined = a.merge(b, on=keys, suffixes=("", "_moved"))
    assert len(joined) == len(a) == len(b)
    np.testing.assert_allclose(joined["score"], joined["score_moved"], atol=2e-4)


def test_parameters_are_the_mean_over_the_last_epochs_and_the_best_is_kept() -> None:
    config = small(average=3, min_epochs=2, patience=2, epochs=10)
    training = Training.begin(Hist(config, 9, seed=0), config, {})
    name = "head.output.weight"
    kept = []
    for epoch, quality in enumerate([0.9, 0.1, 0.3, float("nan"), 0.2, 0.5]):
        if training.finished:
            break
        with torch.no_grad():
            training.model.head.output.weight.fill_(float(epoch))
        training.keep_parameters()
        kept.append(float(training.average()[name][0, 0]))
        training.judge(1.0, quality)
    assert kept == [0.0, 0.5, 1.0, 2.0, 3.0]
    # 0.9 came before min_epochs; 0.3 was best; two epochs without a better one end it.
    assert training.progress.best_epoch == 2 and training.progress.epoch == 5
    assert float(training.best[name][0, 0]) == 1.0
    curves = training.progress.curves()
    assert list(curves["best"]) == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("first", "epochs"), [(0.0899, 4), (0.0901, 12), (0.12, 12), (float("nan"), 4)], ids=str
)
def test_a_later_attempt_ends_at_its_first_choice_where_it_is_behind_by_a_hundredth(
    first: float, epochs: int
) -> None:
    """The first attempt reached 0.1; the second may be chosen from its fourth epoch on, and would go on improving."""
    config = small(average=1, min_epochs=4, patience=5, epochs=12)
    tuned = replace(config, min_epochs=1, epochs=2)
    training = Training.begin(Hist(config, 9, seed=0), tuned, {})
    for quality in (0.1, 0.05):
        training.keep_parameters()
        training.judge(1.0, quality)
    training = training.again(Hist(config, 9, seed=1), config)
    while not training.finished:
        training.keep_parameters()
        here = training.progress.here
        training.judge(1.0, first + 0.001 * (here - 3) if here >= 3 else -0.5)
    assert training.progress.here == epochs
    assert (training.progress.best_ic > 0.1) == (training.progress.best_epoch >= 2)


@pytest.mark.parametrize(
    ("epochs", "min_epochs"), [(2, 10), (3, 10), (8, 10), (10, 10), (11, 10), (20, 10), (1, 1)]
)
def test_never_is_the_last_epoch_the_only_one_that_can_be_chosen(epochs: int, min_epochs: int) -> None:
    config = small(average=1, min_epochs=min_epochs, patience=epochs, epochs=epochs)
    training = Training.begin(Hist(config, 9, seed=0), config, {})
    for epoch in range(epochs):
        training.keep_parameters()
        training.judge(1.0, -float(epoch))  # ever worse: the first that can be chosen is
    chosen = training.progress.best_epoch
    assert chosen == config.first_choice
    assert chosen < epochs - 1 or epochs == 1
    assert chosen == min_epochs - 1 or epochs <= min_epochs


def test_the_published_readings_stop_on_ic_and_the_default_on_rank_ic() -> None:
    assert (small().stop_on, variant("paper").stop_on, variant("qlib").stop_on) == ("rank_ic", "ic", "ic")
    settings = ("neighbours", "epochs", "patience", "learning_rate", "average", "clip", "horizon", "lag")
    published = {name: [getattr(variant(name), one) for one in settings] for name in ("paper", "qlib")}
    assert published == {"paper": [1, 200, 30, 2e-4, 5, 3.0, 1, 1], "qlib": [1, 200, 20, 1e-4, 5, 3.0, 1, 1]}
    inputs = inputs_of(small(epochs=2))
    by = {
        stop: fit_window(inputs, WINDOW, small(epochs=2, stop_on=stop), 0).curves["valid_ic"].to_numpy()
        for stop in ("ic", "rank_ic")
    }
    assert (by["ic"] != by["rank_ic"]).all()


@pytest.mark.parametrize("unit", [None, 1e9])
@pytest.mark.parametrize("caps", [np.nan, 1e-8, 1e-4])
def test_concepts_do_not_drown_where_market_caps_are_unknown_or_in_another_unit(
    unit: float | None, caps: float
) -> None:
    """With caps of 1 in units of a billion beside an eps of 1 every concept would be nothing, and all stocks alike."""
    config = variant("paper", cap_unit=unit, encoder="stream")
    inputs = inputs_of(config)
    known = replace(inputs.market, market_cap=inputs.market.market_cap * caps)
    day = WindowData(replace(inputs, market=known), WINDOW, config, torch.device("cpu"))
    t = next(t for t, rows in enumerate(day.rows) if len(rows))
    assert day.cap[t, day.rows[t]].mean().item() == pytest.approx(1.0, rel=1e-5)


def test_of_epochs_that_only_rounding_tells_apart_the_earlier_is_kept() -> None:
    config = small(average=1, min_epochs=1, patience=5, epochs=5)
    training = Training.begin(Hist(config, 9, seed=0), config, {})
    for quality in (0.2, 0.3, 0.1 + 0.2, 0.3 + 1e-6, 0.1):
        training.keep_parameters()
        training.judge(1.0, quality)
        best = training.progress.best_epoch
        assert best == {1: 0, 2: 1, 3: 1, 4: 3, 5: 3}[training.progress.epoch]


def test_progress_counts_all_epochs_and_threads_are_put_back() -> None:
    config = small(epochs=1, threads=2)
    before = torch.get_num_threads()
    counted: list[int] = []
    fit_window(inputs_of(config), WINDOW, config, 0, progress=counted.append)
    assert sum(counted) == 1 and torch.get_num_threads() == before


@pytest.mark.parametrize("scaling", ["day", "training"])
def test_an_infinite_feature_is_named_with_company_and_day(scaling: str) -> None:
    config = small(scaling=scaling)
    inputs = inputs_of(config)
    features = inputs.features.copy()
    i = int(np.argmax(inputs.feature_mask[60] & inputs.market.member[60]))
    features[60, i, 2] = np.inf
    date = inputs.market.dates[60].date()
    with pytest.raises(
        ModelError, match=f"feature 'low' of company {inputs.market.stocks[i]} is .* on {date}"
    ):
        fit_window(replace(inputs, features=features), WINDOW, config, 0)


def test_a_diverging_training_names_the_learning_rate() -> None:
    config = small(learning_rate=1e30)
    with pytest.raises(ModelError, match="lower learning_rate"):
        fit_window(inputs_of(config), WINDOW, config, 0)


def test_windows_without_labels_or_snapshots_are_refused() -> None:
    config = small()
    inputs = inputs_of(config)
    label = inputs.label.copy()
    label[WINDOW.valid] = np.nan
    with pytest.raises(ModelError, match="valid days"):
        fit_window(replace(inputs, label=label), WINDOW, config, 0)
    assert inputs.series is not None
    short = replace(
        inputs.series, dates=inputs.series.dates[:150], day_version=inputs.series.day_version[:150]
    )
    with pytest.raises(ModelError, match="has no day"):
        fit_window(replace(inputs, series=short), WINDOW, config, 0)
    with pytest.raises(ModelError, match="shape"):
        replace(inputs, label=inputs.label[:-1])


SCRIPT = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from test_train import WINDOW, inputs_of, small
from samgraph.hist.train import fit_window
config = small(epochs=15, patience=15)
fit_window(inputs_of(config), WINDOW, config, 5, checkpoint_dir=Path({folder!r}))
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent
    # Not the checkout's root: its samgraph/ folder would hide the installed package.
    script = SCRIPT.format(path=[str(here), str(here.parent)], folder=str(tmp_path))
    config = small(epochs=15, patience=15)
    inputs = inputs_of(config)
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path)
    state = tmp_path / "state.json"
    deadline = time.monotonic() + 200
    try:
        while time.monotonic() < deadline and process.poll() is None:
            if state.exists() and json.loads(state.read_text())["values"]["progress"]["epoch"] >= 2:
                break
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = json.loads(state.read_text())["values"]["progress"]["epoch"]
    assert 2 <= done < 15
    counted: list[int] = []
    resumed = fit_window(inputs, WINDOW, config, 5, checkpoint_dir=tmp_path, progress=counted.append)
    assert counted[0] == done and sum(counted) == 15
    assert_same(resumed, fit_window(inputs, WINDOW, config, 5))


def test_a_finished_training_is_not_repeated_and_a_foreign_one_not_continued(tmp_path: Path) -> None:
    config = small(epochs=2)
    inputs = inputs_of(config)
    first = fit_window(inputs, WINDOW, config, 0, checkpoint_dir=tmp_path)
    counted: list[int] = []
    again = fit_window(inputs, WINDOW, config, 0, checkpoint_dir=tmp_path, progress=counted.append)
    assert_same(first, again)
    assert counted == [2, 0]
    with pytest.raises(ModelError, match=r"another training \(different: seed\)"):
        fit_window(inputs, WINDOW, config, 1, checkpoint_dir=tmp_path)
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match="damaged"):
        fit_window(inputs, WINDOW, config, 0, checkpoint_dir=tmp_path)


def test_a_fit_that_another_arithmetic_began_is_not_continued_and_can_still_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(epochs=2)
    inputs = inputs_of(config)
    first = fit_window(inputs, WINDOW, config, 0, checkpoint_dir=tmp_path)
    monkeypatch.setattr(train, "ARITHMETIC", train.ARITHMETIC + 1)
    with pytest.raises(ModelError, match=r"another training \(different: arithmetic\); remove that folder"):
        fit_window(inputs, WINDOW, config, 0, checkpoint_dir=tmp_path)
    kept = chosen_parameters(tmp_path, config=config.identity(), seed=0)
    assert all(torch.equal(kept[name], value) for name, value in first.parameters.items())


@pytest.mark.parametrize("scaling", ["day", "training"])
def test_no_feature_stays_in_a_state_by_not_being_a_number(
    scaling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(scaling=scaling)
    inputs = inputs_of(config)
    features, mask = inputs.features.copy(), inputs.feature_mask
    assert not mask.all()
    features[~mask] = np.resize(np.array([np.nan, np.inf, -np.inf], dtype=np.float32), features[~mask].shape)
    features[mask, 0] = np.nan
    data = WindowData(replace(inputs, features=features), WINDOW, config, torch.device("cpu"))
    assert bool(data.features.isfinite().all()) and not bool(data.features[~data.mask].any())
    monkeypatch.setattr(hist_data, "scaled_by_day", lambda features, *_: features)
    monkeypatch.setattr(hist_data, "scaled_by", lambda features, *_: features)
    features[:, :, 0] = np.where(mask, 0.0, np.nan)
    features[~np.isfinite(features)] = np.nan
    with pytest.raises(AssertionError, match="no number"):
        WindowData(replace(inputs, features=features), WINDOW, config, torch.device("cpu"))


def test_features_are_scaled_by_what_members_had_on_the_training_days_alone() -> None:
    config = small(scaling="training")
    inputs = inputs_of(config)
    member = inputs.market.member.copy()
    member[:, 4] = False
    inputs = replace(inputs, market=replace(inputs.market, member=member))
    data = WindowData(inputs, WINDOW, config, torch.device("cpu"))
    used = inputs.feature_mask[WINDOW.train] & member[WINDOW.train]
    for f in range(inputs.n_features):
        values = inputs.features[WINDOW.train][:, :, f][used].astype(np.float64)
        values = values[np.isfinite(values)]
        spread = median_abs_deviation(values, scale="normal")
        raw = inputs.features[data.start :][:, data.columns, f].astype(np.float64)
        expected = np.nan_to_num(np.clip((raw - np.median(values)) / spread, -4, 4))
        expected[~inputs.feature_mask[data.start :][:, data.columns]] = 0.0
        np.testing.assert_allclose(data.features[:, :, f].numpy(), expected[: data.stop], atol=1e-4)
    later = inputs.features.copy()
    later[WINDOW.train.stop :] *= 3.0
    later[:, 4] *= 3.0
    other = WindowData(replace(inputs, features=later), WINDOW, config, torch.device("cpu"))
    days = WINDOW.train.stop - data.start
    assert torch.equal(other.features[:days], data.features[:days])
