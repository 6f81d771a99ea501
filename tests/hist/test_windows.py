"""Walk-forward windows never let a label of one part reach into the next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.errors import ConfigError
from samgraph.hist.windows import walk_forward


@settings(max_examples=200, deadline=None)
@given(
    extra=st.tuples(*[st.integers(0, 250)] * 3),
    train=st.integers(60, 300),
    test=st.integers(1, 250),
    horizon=st.integers(1, 30),
    lag=st.integers(1, 3),
    embargo=st.integers(0, 20),
)
def test_labels_are_purged_and_test_parts_tile_the_period(
    extra: tuple[int, int, int], train: int, test: int, horizon: int, lag: int, embargo: int
) -> None:
    lost = horizon + lag + embargo
    valid = lost + 1 + extra[0] // 4
    first = valid + lost + 20 + extra[1]
    n_dates = first + 1 + extra[2]
    windows = walk_forward(
        n_dates, first_test=first, train_days=train + lost, valid_days=valid, test_days=test,
        horizon=horizon, lag=lag, embargo=embargo,
    )  # fmt: skip
    tested = [t for w in windows for t in range(w.test.start, w.test.stop)]
    assert tested == list(range(first, n_dates))
    for w in windows:
        assert 0 <= w.train.start < w.train.stop and w.valid.start < w.valid.stop
        for t in range(w.train.start, w.train.stop):
            # The price that ends the label, and the embargo after it, come before the first day of valid.
            assert t + lag + horizon + embargo < w.valid.start
        assert w.train.stop - 1 + lag + horizon + embargo == w.valid.start - 1
        assert w.valid.stop - 1 + lag + horizon + embargo == w.test.start - 1
        assert w.train.stop - w.train.start <= train + lost and w.valid.stop - w.valid.start <= valid


def test_training_begins_on_its_first_day_and_takes_what_history_there_is() -> None:
    settings_ = {"train_days": 400, "valid_days": 60, "test_days": 100, "horizon": 10, "lag": 1, "embargo": 5}
    first, second, third = walk_forward(500, first_train=30, first_test=240, **settings_)
    assert (first.train, first.valid, first.test) == (slice(30, 164), slice(180, 224), slice(240, 340))
    assert second.train == slice(30, 264) and third.test == slice(440, 500)
    assert [w.fit_day for w in (first, second, third)] == [239, 339, 439]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"first_test": 600}, "first test day"),
        ({"valid_days": 10}, "valid_days"),
        ({"first_test": 60, "valid_days": 40}, "training days"),
        ({"horizon": 0}, "horizon"),
        ({"lag": 0}, "lag"),
        ({"embargo": -1}, "embargo"),
        ({"first_train": 300}, "first training day 300"),
    ],
)
def test_what_cannot_be_split_is_refused_in_words(change: dict[str, int], word: str) -> None:
    settings_ = {
        "first_test": 300, "train_days": 200, "valid_days": 60, "test_days": 100, "horizon": 10, "lag": 1,
        "embargo": 5,
    }  # fmt: skip
    with pytest.raises(ConfigError, match=word):
        walk_forward(500, **{**settings_, **change})
