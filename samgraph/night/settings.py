"""The settings of a night, as `nightly.toml` has them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field, ValidationError

from samgraph.arms.registry import ARMS, BASE
from samgraph.config import RunConfig, load_config
from samgraph.config_sections import Section
from samgraph.errors import ConfigError
from samgraph.run.backtest import last_day


class NightlyTrade(Section):
    """The account whose orders a night writes."""

    holdings: Path = Field(description="as samgraph trade --holdings, after the close of the newest day")
    cash: float | Path = Field(
        0.0, description="money after the close of the newest day, or a text file that holds the number"
    )
    portfolio: str | None = Field(None, description="as samgraph trade --portfolio")

    def money(self) -> float:
        """The cash.

        Raises:
            ConfigError: the file cannot be read as a number
        """
        if isinstance(self.cash, float):
            return self.cash
        try:
            return float(self.cash.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the cash in {self.cash} cannot be read ({error}); write one number, such as 1250000.50"
            ) from error


class Nightly(Section):
    """The settings of a night; paths are from the folder that the command runs in."""

    settings: Path = Field(description="TOML file of the run's settings; its end is the last day of the bars")
    run: Path = Field(description="folder of the run; begun by the first night")
    out: Path = Field(
        description="folder of what nights leave: scores/DATE.parquet, orders/DATE and status/DATE.json"
    )
    variant: str = Field(BASE, description="whose scores")
    grow: bool = Field(
        False, description="every night; else when models are due or what they knew has changed"
    )
    stale_after_months: int = Field(18, ge=1, description="as samgraph load --stale-after")
    lag: int | None = Field(None, ge=1, description="as samgraph load --lag")
    trade: NightlyTrade | None = Field(None, description="an account; no orders are written without one")
    backup: tuple[str, ...] = Field(
        (), description="a command and its arguments, run last; the day follows them"
    )

    def config(self) -> RunConfig:
        """The run's settings, up to the last day of the bars."""
        any_end = load_config(self.settings, {"end": "9999-12-31"})
        return load_config(self.settings, {"end": last_day(any_end)})


def read_nightly(file: Path) -> Nightly:
    """Read the settings of a night.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, missing or wrong
    """
    try:
        found = Nightly.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        path = ".".join(map(str, fault["loc"]))
        section = NightlyTrade if len(fault["loc"]) > 1 and fault["loc"][0] == "trade" else Nightly
        known = ", ".join(section.model_fields)
        what = "[trade]" if section is NightlyTrade else "a night"
        raise ConfigError(f"the configuration {file}: {path}: {fault['msg']}; {what} has {known}") from error
    if found.variant not in ARMS:
        raise ConfigError(f"the configuration {file}: variant {found.variant!r} is unknown")
    return found
