"""The settings of a run: typed, with units, refused when misspelt.

A run's settings come from the defaults below, then from `--config FILE.toml`, then from the command line's
options. The resolved settings are kept in `RUN/config.toml`, which repeats the run.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.errors import ConfigError, SnapshotError
from samgraph.graph.series.cuts import parse_cut
from samgraph.hist.config import HistConfig, variant
from samgraph.outcome.constructions import CONSTRUCTIONS


class Section(BaseModel):
    """A part of the settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class Concepts(Section):
    """What a company is described by."""

    cut: str = Field("adaptive:min=3,max=0.2", description="the product cut of HIST")
    weights: Literal["revenue", "binary"] = Field(
        "revenue", description="of HIST's product edges: shares of revenue, or 1 each"
    )
    industry_cut: str = Field(
        "adaptive:min=3,max=0.2", description="the same for the control group's industries"
    )
    regression_cut: str = Field(
        "adaptive:min=10,max=0.5",
        description="products and industries in regressions: enough stocks a factor",
    )
    neutral_level: int = Field(1, ge=1, description="the industry level that factors are neutralised for")

    @field_validator("cut", "industry_cut", "regression_cut")
    @classmethod
    def _is_a_cut(cls, text: str) -> str:
        try:
            parse_cut(text)
        except SnapshotError as error:
            raise ValueError(str(error)) from None
        return text


class Windows(Section):
    """Walk-forward windows, in trading days."""

    train_days: int = Field(500, ge=20, description="trading days that a model is fitted on")
    valid_days: int = Field(120, ge=5, description="trading days for early stopping")
    test_days: int = Field(240, ge=5, description="trading days that one fitted model is applied to")
    embargo: int = Field(5, ge=0, description="trading days left out between parts, beyond the label's reach")


class Model(Section):
    """HIST and its training. What is left empty is as the variant has it (`samgraph.hist.config`)."""

    variant: Literal["samgraph", "paper", "qlib"] = Field(
        "samgraph", description="which reading of the paper"
    )
    horizon: int | None = Field(None, ge=1, description="trading days of the forward return that is learnt")
    features: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="sets (default, ten, alpha158, alpha360), features, columns of bars, dotted names of functions",
    )
    encoder: Literal["stream", "window"] | None = Field(
        None, description="along the calendar, or a window a day"
    )
    scaling: Literal["day", "training"] | None = Field(
        None, description="features against each day's members, or against the training days"
    )
    attention: Literal["edges", "all"] | None = Field(
        None, description="a concept's own stocks, or every stock"
    )
    hidden_size: int | None = Field(None, ge=2, description="width of a stock's state")
    neighbours: int | None = Field(None, ge=1, description="hidden concepts that a stock links to (K)")
    value_chain: bool = Field(
        False, description="yesterday's states of suppliers' and customers' products reach a stock"
    )
    chunk: int | None = Field(None, ge=1, description="days in one optimiser step")
    learning_rate: float | None = Field(None, gt=0, description="Adam's step size")
    epochs: int | None = Field(None, ge=1, description="passes over the training days at most")
    patience: int | None = Field(
        None, ge=1, description="epochs without a better validation Rank IC before stopping"
    )

    def hist(self, trading: Trading) -> HistConfig:
        """The model's full settings; its label is what the portfolio can trade."""
        own = self.model_dump(exclude={"variant"})
        changes = {name: value for name, value in own.items() if value is not None}
        return variant(self.variant, lag=trading.lag, price=trading.price, **changes)


class Trading(Section):
    """The simulated portfolio. Costs are fractions of the amount traded."""

    top: int | None = Field(
        None, ge=1, description="stocks held; empty: 50, or a fifth of a smaller universe"
    )
    drop: int | None = Field(
        None, ge=1, description="stocks replaced at a rebalance at most; empty: a tenth of top"
    )
    rebalance_days: int = Field(1, ge=1, description="trading days between rebalances")
    weighting: Literal["equal", "cap"] = Field("equal", description="weights of the stocks bought")
    price: Literal["close", "open", "vwap"] = Field("close", description="execution price")
    lag: int = Field(1, ge=1, description="trading days from signal to trade")
    lot: int = Field(100, ge=0, description="shares that are traded together; 0: any fraction")
    capital: float = Field(1e8, gt=0, description="starting value, in the currency of the bars")
    buy_cost: float = Field(0.0005, ge=0, description="commission and fees of a purchase")
    sell_cost: float = Field(0.0015, ge=0, description="commission, fees and stamp duty of a sale")
    impact: Literal["none", "linear", "sqrt"] = Field(
        "none",
        description="cost by size: coefficient x daily volatility x sqrt(participation), or x participation",
    )
    impact_coefficient: float = Field(0.0, ge=0, description="that coefficient; about 1 for sqrt")
    construction: str | tuple[str, ...] = Field(
        "topk",
        description=f"how scores become portfolios: {', '.join(CONSTRUCTIONS)}, a list of these, or both",
    )

    @field_validator("construction")
    @classmethod
    def _is_known(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        known = (*CONSTRUCTIONS, "both")
        for name in (value,) if isinstance(value, str) else value or ("",):
            if name not in (known if isinstance(value, str) else CONSTRUCTIONS):
                raise ValueError(f"no construction is called {name!r}; choose among {', '.join(known)}")
        return value

    @property
    def constructions(self) -> tuple[str, ...]:
        """The names of the constructions, the first one the run's main one."""
        if isinstance(self.construction, tuple):
            return tuple(dict.fromkeys(self.construction))
        return ("topk", "optimised") if self.construction == "both" else (self.construction,)


class Optimiser(Section):
    """Bounds of an optimised portfolio around its benchmark (factors/optimise.py); [trading] construction uses it."""

    tracking_error: float = Field(0.05, gt=0, description="forecast standard deviation of the excess, a year")
    product: float = Field(0.03, gt=0, description="active weight behind a product at most")
    industry: float = Field(0.03, gt=0, description="active weight of an industry at most")
    style: float = Field(0.3, gt=0, description="active exposure to a style at most, in standard deviations")
    stock: float = Field(0.02, gt=0, description="active weight of a stock at most")
    turnover: float = Field(0.1, gt=0, description="bought at most in a rebalance, as a share of the value")
    skill: float = Field(0.05, gt=0, description="information coefficient that turns a score into a return")


class Neo4j(Section):
    """A Neo4j server of one's own; empty: the environment's, else a local one."""

    uri: str | None = Field(None, description="bolt:// or neo4j:// address")
    user: str | None = Field(None, description="user name")
    password: SecretStr | None = Field(None, description="better in the environment; never copied into a run")
    database: str | None = Field(None, description="database name")


class RunConfig(Section):
    """Everything that decides the numbers of a run."""

    data: Path = Field(description="folder of the dataset")
    universe: str = Field(description="name in table universes")
    start: dt.date = Field(description="first day of training")
    end: dt.date = Field(description="last day of testing")
    benchmark: str | None = Field(
        None, description="name in table benchmarks; empty: the universe's own name"
    )
    variants: tuple[str, ...] = Field(
        (BASE, CONTROL, "gru"), description=f"models compared: {', '.join(ARMS)}"
    )
    horizons: tuple[PositiveInt, ...] = Field((1, 5, 10, 20, 40, 60), description="trading days ahead")
    seeds: int = Field(2, ge=1, le=100, description="models per variant (seeds), averaged")
    seed: int = Field(0, ge=0, description="the first of the seeds")
    device: str = Field("cpu", description="torch device")
    jobs: int | None = Field(
        None, ge=1, description="pieces at once; empty: one a core, with ray as many as fit"
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="where models are fitted: processes here, or Ray"
    )
    address: str | None = Field(
        None,
        description="Ray cluster as HOST:PORT, ray://HOST:PORT or auto; empty: Ray on this machine alone",
    )
    concepts: Concepts = Concepts()
    windows: Windows = Windows()
    model: Model = Model()
    trading: Trading = Trading()
    optimiser: Optimiser = Optimiser()
    neo4j: Neo4j = Neo4j()

    @model_validator(mode="after")
    def _ordered(self) -> RunConfig:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        for name in self.variants:
            if name not in ARMS:
                raise ValueError(f"variants names {name!r}, which is unknown; choose among {', '.join(ARMS)}")
        if BASE not in self.variants:
            raise ValueError(f"variants must name {BASE}: the other variants are its control")
        return self

    def quick(self) -> RunConfig:
        """The same run made small enough to try the plumbing: fewer epochs, one seed; its figures mean little."""
        model = self.model.model_copy(update={"epochs": 2, "hidden_size": 16})
        return self.model_copy(update={"model": model, "seeds": 1})


def load_config(file: Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """Defaults, then `file`, then the `overrides` that are not None.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown (with the nearest known one), a value is
            of the wrong kind or out of range, or a needed setting is absent.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"the configuration {file} cannot be read ({error.strerror}); `samgraph config init {file}` writes one"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"the configuration {file} is not UTF-8 text; save it as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(
                f"the configuration {file} is not valid TOML: {error}; write KEY = VALUE, each key once, "
                "texts in quotes"
            ) from error
        _keep_private(file, settings)
    settings |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(_sentence(error, file)) from error


def _keep_private(file: Path, settings: Mapping[str, Any]) -> None:
    """A file that holds a password is its owner's alone."""
    server = settings.get("neo4j")
    if not (isinstance(server, Mapping) and server.get("password")) or os.name != "posix":
        return
    if file.stat().st_mode & 0o077:
        raise ConfigError(
            f"the configuration {file} holds a password and others than its owner may read it; run: chmod 600 {file}"
        )


def to_toml(config: RunConfig) -> str:
    """The resolved settings as TOML, each with its meaning as a comment."""
    return _toml(
        type(config).model_fields, {name: getattr(config, name) for name in type(config).model_fields}
    )


def template() -> str:
    """Every setting with its default and meaning as TOML, for a user to edit.

    What a run must be told stands open, as a comment; so do the model's settings, with what its default variant has.
    """
    fields = RunConfig.model_fields
    values = {name: None if field.is_required() else field.default for name, field in fields.items()}
    return _toml(fields, values, hints=vars(variant(Model().variant)))


def _toml(
    fields: Mapping[str, FieldInfo], values: Mapping[str, Any], hints: Mapping[str, Any] | None = None
) -> str:
    """`hints` are shown, as comments, for the model's settings that are left empty."""
    lines: list[str] = []
    sections: list[tuple[str, Section]] = []
    for name, field in fields.items():
        if isinstance(values[name], Section):
            sections.append((name, values[name]))
        else:
            lines += _entry(name, values[name], field.description)
    for name, section in sections:
        lines += ["", f"[{name}]"]
        for key, field in type(section).model_fields.items():
            hint = (hints or {}).get(key) if name == "model" else None
            lines += _entry(key, getattr(section, key), field.description, hint)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, description: str | None, hint: Any = None) -> list[str]:
    comment = f"  # {description}" if description else ""
    if value is None or isinstance(value, SecretStr):
        return [f"# {key} ={'' if hint is None else ' ' + json.dumps(hint)}{comment}"]
    if isinstance(value, dt.date):
        return [f"{key} = {value.isoformat()}{comment}"]
    if isinstance(value, Path):
        value = str(value)
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}{comment}"]


def _sentence(error: ValidationError, file: Path | None) -> str:
    """The first fault in one sentence, with the nearest known key for an unknown one."""
    fault = error.errors()[0]
    where = f"the configuration {file}" if file is not None else "the settings"
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        parent: type[BaseModel] = RunConfig
        for part in fault["loc"][:-1]:
            section = parent.model_fields[str(part)].annotation
            assert isinstance(section, type) and issubclass(section, BaseModel)
            parent = section
        key = str(fault["loc"][-1])
        near = difflib.get_close_matches(key, parent.model_fields, n=1)
        elsewhere = [name for name in _places(key) if name != path]
        if elsewhere:
            return f"{where}: the key {path} is unknown; did you mean {elsewhere[0]}?"
        hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(parent.model_fields)}"
        return f"{where}: the key {path} is unknown{hint}"
    if fault["type"] == "missing":
        return f"{where}: {path} is needed ({RunConfig.model_fields[str(fault['loc'][0])].description})"
    if fault["type"] in ("model_type", "model_attributes_type"):
        return f"{where}: {path} is a section; write [{path}] and its keys below"  # the value may hold a password
    message = fault["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if fault["loc"][:1] == ("neo4j",):  # what was given may be, or hold, a password
        return f"{where}: {path}: {message}"
    return f"{where}: {path + ' = ' + repr(fault['input']) + ': ' if path else ''}{message}"


def _places(key: str) -> list[str]:
    """Where a key of this very name is known, as section.key."""
    found = [key] if key in RunConfig.model_fields else []
    for name, field in RunConfig.model_fields.items():
        if isinstance(field.default, Section) and key in type(field.default).model_fields:
            found.append(f"{name}.{key}")
    return found
