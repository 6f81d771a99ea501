"""The sections of a run's settings: typed, with units, refused when misspelt."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

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
def as_value_error() -> Iterator[None]:
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
    competitor_cut: str = Field(
        "adaptive:min=3,max=0.2",
        description="the same for the companies that the variant competitor has as concepts",
    )
    regression_cut: str = Field(
        "adaptive:min=10,max=0.5",
        description="products and industries in regressions: enough stocks a factor",
    )
    neutral_level: int = Field(1, ge=1, description="the industry level that factors are neutralised for")

    @field_validator("cut", "industry_cut", "theme_cut", "competitor_cut", "regression_cut")
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


SCALING_BEFORE = "day"  # the default of versions that left it empty in a run's settings


class _Model(Section):
    """HIST and its training. What is left empty is as the variant has it (`samgraph.hist.config`)."""

    variant: Literal["samgraph", "paper", "qlib"] = Field(
        "samgraph", description="which reading of the paper"
    )

    @model_validator(mode="before")
    @classmethod
    def _say_scaling(cls, values: Any) -> Any:
        """A run says how its features were scaled: the default was another one once (`samgraph.run.kept_settings`)."""
        if isinstance(values, Mapping) and values.get("scaling") is None:
            return {**values, "scaling": HistConfig.scaling}
        return values

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
        with as_value_error():
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
        return Rules(top=top, drop=drop, **{name: getattr(self, RENAMED.get(name, name)) for name in own})


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


RENAMED = {"every": "rebalance_days", "cash": "capital"}  # of Rules: names that users know them by

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
    Trading = section(_Trading, Rules, RULE_RANGES, left_out=_NOT_SET, renamed=RENAMED)
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

    def settings(self) -> dict[str, str]:
        """What is set, the password in the clear."""
        found = {name: getattr(self, name) for name in ("uri", "user", "database")}
        if self.password is not None:
            found["password"] = self.password.get_secret_value()
        return {name: value for name, value in found.items() if value is not None}


class Tracking(Section):
    """Where finished runs are logged beside the ledger of trials."""

    mlflow: str | None = Field(
        None, description="tracking URI of MLflow, a server's or a folder's; empty: none"
    )
    experiment: str = Field("samgraph", min_length=1, description="name of the MLflow experiment")

    @field_validator("mlflow")
    @classmethod
    def _without_password(cls, uri: str | None) -> str | None:
        if uri is not None and "@" in uri.partition("://")[2].partition("/")[0]:
            raise ValueError(
                "a tracking URI is copied into the run, so it may hold no user or password; give them as "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return uri
