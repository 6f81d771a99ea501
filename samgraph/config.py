"""The settings of a run: typed, with units, refused when misspelt.

A run's settings come from the defaults below, then from `--config FILE.toml`, then from the command line's
options. The resolved settings are kept in `RUN/config.toml`, which repeats the run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tomlkit
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
from tomlkit.items import Table

from samgraph.arms.registry import ARMS, BASE, CONTROL
from samgraph.errors import ConfigError, SnapshotError
from samgraph.factors.portfolio.optimise import Bounds
from samgraph.factors.portfolio.rules import RANGES as RULE_RANGES
from samgraph.factors.portfolio.rules import Price, Rules
from samgraph.factors.risk.covariance import RANGES as RISK_RANGES
from samgraph.factors.risk.covariance import CovarianceSettings
from samgraph.generated import section
from samgraph.graph.series.cuts import parse_cut
from samgraph.hist.config import RANGES as HIST_RANGES
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.market import Limits
from samgraph.outcome.constructions import CONSTRUCTIONS


class Section(BaseModel):
    """A part of the settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


@contextlib.contextmanager
def _as_value_error() -> Iterator[None]:
    """What a dataclass refuses is a fault of the settings, which are told with their file."""
    try:
        yield
    except ConfigError as error:
        raise ValueError(str(error)) from error


class Concepts(Section):
    """What a company is described by."""

    cut: str = Field("adaptive:min=3,max=0.2", description="the product cut of HIST")
    weights: Literal["revenue", "binary"] = Field(
        "revenue", description="of HIST's product edges: shares of revenue, or 1 each"
    )
    industry_cut: str = Field(
        "adaptive:min=3,max=0.2", description="the same for the control group's industries"
    )
    theme_cut: str = Field("leaf", description="the same for the themes of the variant theme")
    regression_cut: str = Field(
        "adaptive:min=10,max=0.5",
        description="products and industries in regressions: enough stocks a factor",
    )
    neutral_level: int = Field(1, ge=1, description="the industry level that factors are neutralised for")

    @field_validator("cut", "industry_cut", "theme_cut", "regression_cut")
    @classmethod
    def _is_a_cut(cls, text: str) -> str:
        try:
            parse_cut(text)
        except SnapshotError as error:
            raise ValueError(str(error)) from None
        return text


class Windows(Section):
    """Walk-forward windows, in trading days, and what is known at a fit."""

    knowledge: Literal["fit", "day"] = Field(
        "fit",
        description="before the first that is known of a company, training days know what is known of it at the fit, "
        "or nothing",
    )
    first_train: dt.date | None = Field(
        None, description="first day that models may be fitted on; empty: start"
    )
    first_test: dt.date | None = Field(
        None,
        description="first day of testing; empty: train_days and valid_days after first_train, not before start",
    )
    universe: str | None = Field(
        None,
        description="name in table universes of the stocks that models are fitted on; empty: the run's own",
    )
    train_days: int = Field(2000, ge=20, description="trading days that a model is fitted on, at most")
    valid_days: int = Field(250, ge=5, description="trading days for early stopping")
    test_days: int = Field(240, ge=5, description="trading days that one fitted model is applied to")
    embargo: int = Field(5, ge=0, description="trading days left out between parts, beyond the label's reach")
    history: int = Field(
        260, ge=0, description="trading days of bars before the first of training, for trailing figures"
    )


class _Model(Section):
    """HIST and its training. What is left empty is as the variant has it (`samgraph.hist.config`)."""

    variant: Literal["samgraph", "paper", "qlib"] = Field(
        "samgraph", description="which reading of the paper"
    )

    def hist(self, trading: Trading) -> HistConfig:
        """The model's full settings; its label is what the portfolio can trade."""
        own = self.model_dump(exclude={"variant"})
        changes = {name: value for name, value in own.items() if value is not None}
        return variant(self.variant, lag=trading.lag, price=trading.price, **changes)


class _Trading(Section):
    """The simulated portfolio. Costs are fractions of the amount traded."""

    top: int | None = Field(
        None, ge=1, description="stocks held by topk; empty: 50, or a fifth of a smaller universe"
    )
    drop: int | None = Field(
        None, ge=1, description="stocks that topk replaces at a rebalance at most; empty: a tenth of top"
    )
    construction: str | tuple[str, ...] | None = Field(
        None,
        description=f"how scores become portfolios: {', '.join(CONSTRUCTIONS)}, a list of these, or both (topk and "
        "optimised); empty: tranches, or topk where top or drop is set",
    )

    score: Literal["raw", "neutral", "styles"] = Field(
        "raw",
        description="what is traded: the score as it is, neutral to industry and market cap, or to industry and styles",
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="trading days after which a score counts half in the traded one; 0 is today's alone",
    )
    share: float = Field(
        0.1,
        gt=0,
        le=0.5,
        description="of the scored members that tranches, bands and an aim buy, from the top",
    )
    outside: float = Field(0.2, gt=0, le=1, description="of them, the top beyond which bands let a name go")
    tranche_days: int | None = Field(
        None, ge=1, description="trading days that a tranche is held; empty: the label's horizon"
    )
    pace: float | None = Field(
        None,
        gt=0,
        le=1,
        description="of the way to the aim at a rebalance; empty: once over the days of a tranche",
    )
    borrow: float = Field(
        0.08,
        ge=0,
        le=1,
        description="fee of borrowed shares a year, in figures of long-short spreads net of costs",
    )
    limits: Limits = Field(
        "exchange",
        description="price limits: exchange (the bars' flags and the exchanges' rules), flags (flags alone), or none",
    )

    @field_validator("construction")
    @classmethod
    def _is_known(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if value is None:
            return None
        known = (*CONSTRUCTIONS, "both")
        for name in (value,) if isinstance(value, str) else value or ("",):
            if name not in (known if isinstance(value, str) else CONSTRUCTIONS):
                raise ValueError(f"no construction is called {name!r}; choose among {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _go_together(self) -> _Trading:
        with _as_value_error():
            self.rules(self.top or 50)
        if self.outside < self.share:
            raise ValueError(
                f"outside = {self.outside} is less than share = {self.share}: a band must be wider than what it buys"
            )
        return self

    @property
    def constructions(self) -> tuple[str, ...]:
        """The names of the constructions, the first one the run's main one."""
        if self.construction is None:
            return ("topk",) if self.top or self.drop else ("tranches",)
        if isinstance(self.construction, tuple):
            return tuple(dict.fromkeys(self.construction))
        return ("topk", "optimised") if self.construction == "both" else (self.construction,)

    def rules(self, top: int) -> Rules:
        """The rules of trading with `top` names held."""
        drop = min(top, self.drop or max(1, top // 10))
        own = [field.name for field in fields(Rules) if field.name not in _NOT_SET]
        return Rules(top=top, drop=drop, **{name: getattr(self, _RENAMED.get(name, name)) for name in own})


class _Optimiser(Section):
    """Bounds of an optimised portfolio around its benchmark; [trading] construction uses it."""

    def bounds(self, horizon: int) -> Bounds:
        """The bounds; expected returns are earned over `horizon` trading days."""
        return Bounds(**self.model_dump(), horizon=horizon)


class _Risk(Section):
    """Covariances of the risk model."""

    def covariances(self) -> CovarianceSettings:
        """As the risk model takes them."""
        return CovarianceSettings(**self.model_dump())


_BY_UNIVERSE = ("top", "drop")  # of Rules: what is left empty depends on the universe's size
_NOT_SET = (*_BY_UNIVERSE, "cost_multiple")  # of Rules: no settings of a run
_RENAMED = {"every": "rebalance_days", "cash": "capital"}  # of Rules: names that users know them by

if TYPE_CHECKING:

    class Model(_Model):
        """`_Model` with every setting of `HistConfig` but those that [trading] has."""

    class Trading(_Trading):
        """`_Trading` with every other setting of `Rules`."""

        lag: int = 1
        price: Price = "close"
        exchange: str = "a_share"
        rebalance_days: int = 1

    class Optimiser(_Optimiser):
        """`_Optimiser` with every bound of `Bounds` but the horizon."""

    class Risk(_Risk):
        """`_Risk` with every setting of `CovarianceSettings`."""

else:
    Model = section(_Model, HistConfig, HIST_RANGES, optional=True, left_out=("lag", "price"))
    Trading = section(_Trading, Rules, RULE_RANGES, left_out=_NOT_SET, renamed=_RENAMED)
    Optimiser = section(
        _Optimiser,
        Bounds,
        {key: {"gt": 0} for key in (field.name for field in fields(Bounds))},
        left_out=("horizon",),
    )
    Risk = section(_Risk, CovarianceSettings, RISK_RANGES)


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
    start: dt.date = Field(description="first day; of training, unless windows.first_train is another")
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
    risk: Risk = Risk()
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
        with _as_value_error():
            self.model.hist(self.trading)
        first_train, first_test = self.windows.first_train or self.start, self.windows.first_test
        if first_test is not None and not first_train < first_test <= self.end:
            raise ValueError(
                f"windows.first_test {first_test} is not after the first training day {first_train} and up to the end "
                f"{self.end}"
            )
        if first_train >= self.end:
            raise ValueError(f"windows.first_train {first_train} is not before the end {self.end}")
        return self

    def quick(self) -> RunConfig:
        """The same run made small enough to try the plumbing: fewer epochs, one seed; its figures mean little."""
        model = self.model.model_copy(update={"epochs": 2, "tuning_epochs": 1, "hidden_size": 16})
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
    described: Mapping[str, FieldInfo], values: Mapping[str, Any], hints: Mapping[str, Any] | None = None
) -> str:
    """`hints` are shown, as comments, for the model's settings that are left empty."""
    document = tomlkit.document()
    sections: list[tuple[str, Section]] = []
    for name, field in described.items():
        if isinstance(values[name], Section):
            sections.append((name, values[name]))
        else:
            _add(document, name, values[name], field.description)
    for name, part in sections:
        table = tomlkit.table()
        for key, field in type(part).model_fields.items():
            hint = (hints or {}).get(key) if name == "model" else None
            _add(table, key, getattr(part, key), field.description, hint)
        document.add(tomlkit.nl())
        document.add(name, table)
    return tomlkit.dumps(document)


def _add(
    where: tomlkit.TOMLDocument | Table, key: str, value: Any, words: str | None, hint: Any = None
) -> None:
    """A setting with its meaning; one that is left empty or secret stands as a comment."""
    if value is None or isinstance(value, SecretStr):
        shown = "" if hint is None else f" {tomlkit.item(_plain(hint)).as_string()}"
        where.add(tomlkit.comment(f"{key} ={shown}" + (f"  # {words}" if words else "")))
        return
    item = tomlkit.item(_plain(value))
    if words:
        item.comment(words)
        item.trivia.comment_ws = "  "
    where.add(key, item)


def _plain(value: Any) -> Any:
    """A value as TOML has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


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
        if parent is type(RunConfig.model_fields["trading"].default) and key in _RENAMED:
            near = [_RENAMED[key]]
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
