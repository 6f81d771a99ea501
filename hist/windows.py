"""Walk-forward windows: train, then validate, then test, each before the next, without overlap of labels.

The label of day t is known only at t + lag + horizon. A day whose label reaches into the next part is purged
from its own, so no price of the next part is ever seen; `embargo` further days are left out between them,
because neighbouring days' features and labels resemble each other.

    |------------ train ------------|purged|embargo|--- valid ---|purged|embargo|--- test ---|
                                                                                 ^ first_test, then rolling
"""

from __future__ import annotations

from dataclasses import dataclass

from samgraph.errors import ConfigError


@dataclass(frozen=True)
class Window:
    """One step of a walk-forward; slices of positions in the market's dates."""

    train: slice
    valid: slice
    test: slice

    @property
    def fit_day(self) -> int:
        """The last day before the test: what is known by its close is what the fit may know."""
        return int(self.test.start) - 1

    def __str__(self) -> str:
        parts = (f"{name} [{s.start}, {s.stop})" for name, s in vars(self).items())
        return ", ".join(parts)


def walk_forward(
    n_dates: int,
    *,
    first_test: int,
    train_days: int,
    valid_days: int,
    test_days: int,
    horizon: int,
    lag: int,
    embargo: int,
    first_train: int = 0,
    min_train_days: int = 20,
) -> list[Window]:
    """Rolling windows whose test parts tile [first_test, n_dates), the last one possibly shorter.

    Nominally train is the `train_days` days before valid, and valid the `valid_days` days before test; each
    then loses its last lag + horizon + embargo days (purge and embargo), and train starts at day `first_train` where
    the history is shorter.

    Raises:
        ConfigError: a length below 1, or a window whose purged train or valid part has too few days
    """
    lengths = {"train_days": train_days, "valid_days": valid_days, "test_days": test_days, "horizon": horizon}
    for name, value in lengths.items():
        if value < 1:
            raise ConfigError(f"{name} must be at least 1 trading day, found {value}")
    if lag < 1 or embargo < 0:
        raise ConfigError(f"lag must be at least 1 and embargo at least 0, found {lag} and {embargo}")
    if not 0 < first_test < n_dates:
        raise ConfigError(
            f"the first test day {first_test} lies outside the {n_dates} days; check the period"
        )
    if not 0 <= first_train < first_test:
        raise ConfigError(
            f"the first training day {first_train} does not lie before the first test day {first_test}"
        )
    lost = lag + horizon + embargo
    windows = []
    for start in range(first_test, n_dates, test_days):
        valid_start = start - valid_days
        valid = slice(valid_start, start - lost)
        train = slice(max(first_train, valid_start - train_days), valid_start - lost)
        if valid.stop - valid.start < 1:
            raise ConfigError(
                f"valid_days {valid_days} leaves no day after {lost} days of purge and embargo; "
                f"make it at least {lost + 1}"
            )
        if train.stop - train.start < min_train_days:
            left = max(0, train.stop - train.start)
            raise ConfigError(
                f"the window that tests from day {start} has {left} training days after purge and embargo, "
                f"fewer than {min_train_days}; start the test later or take more history"
            )
        windows.append(Window(train, valid, slice(start, min(start + test_days, n_dates))))
    return windows
