"""Every setting of the model, of trading and of the optimiser can be set by a user, and exists once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from samgraph.config import Model, Optimiser, Risk, RunConfig, Trading, load_config
from samgraph.config_text import to_toml
from samgraph.errors import ConfigError
from samgraph.factors.portfolio.optimise import Bounds
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.risk.covariance import CovarianceSettings
from samgraph.generated import described
from samgraph.hist.config import HistConfig, variant

NEEDED: dict[str, Any] = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
MODEL: dict[str, Any] = {
    "hidden_size": 7, "n_layers": 3, "encoder": "window", "window_length": 9, "attention": "all", "neighbours": 4,
    "eps": 0.5, "cap_unit": 2e9, "cap_weighted": False, "binary_edges": True, "published_denominator": True,
    "correction": False, "cosine_eps": 1e-5, "value_chain": True, "dropout": 0.1, "split": "heads", "auxiliary": 0.2,
    "separation": 0.3, "features": ("ten",), "scaling": "day", "horizon": 6, "chunk": 11, "burn_in": 12,
    "min_history": 13, "learning_rate": 0.01, "epochs": 14, "min_epochs": 2, "patience": 3, "average": 4, "clip": 5.0,
    "threads": 2, "stop_on": "ic", "concept_returns": (5.0, 20.0),
    "start": "nothing", "tuning_rate": 0.003, "tuning_epochs": 3,
}  # fmt: skip
RULES: dict[str, Any] = {
    "top": 20, "drop": 4, "weighting": "cap", "every": 5, "offset": 2, "lag": 2, "price": "open", "lot": 10.0,
    "cash": 1e6, "invest": 0.9, "buy_cost": 0.001, "sell_cost": 0.002, "min_cost": 1.0, "impact": "sqrt",
    "impact_coefficient": 1.0, "commission": 0.0003, "participation": 0.2, "hold_days": 2, "delist_after": 60,
    "recovery": 0.5, "exchange": "rules",
}  # fmt: skip
NAMES = {"every": "rebalance_days", "cash": "capital"}


def test_every_setting_of_the_model_reaches_it() -> None:
    known = {field.name for field in fields(HistConfig)} - {"lag", "price"}
    missing = known - set(MODEL)
    assert not missing, f"give the test a value of {missing}"
    config = load_config(None, NEEDED | {"model": {name: MODEL[name] for name in known}})
    found = config.model.hist(config.trading)
    assert {name: getattr(found, name) for name in known} == {name: MODEL[name] for name in known}
    plain = load_config(None, NEEDED)
    assert plain.model.hist(plain.trading) == variant("samgraph")


def test_every_rule_of_trading_and_every_bound_reaches_the_simulation() -> None:
    assert set(RULES) == {field.name for field in fields(Rules)} - {
        "cost_multiple"
    }  # the capacity table's own
    trading = {NAMES.get(name, name): value for name, value in RULES.items()}
    bounds = {field.name: 0.01 * (n + 1) for n, field in enumerate(fields(Bounds)) if field.name != "horizon"}
    config = load_config(None, NEEDED | {"trading": trading, "optimiser": bounds})
    assert config.trading.rules(20) == Rules(**RULES)
    assert config.optimiser.bounds(7) == Bounds(**bounds, horizon=7)
    plain = load_config(None, NEEDED)
    assert plain.trading.rules(50) == Rules() and plain.optimiser.bounds(20) == Bounds()


def test_every_setting_of_the_risk_model_reaches_it() -> None:
    risk = {
        field.name: n + 1 for n, field in enumerate(fields(CovarianceSettings)) if field.name != "shrinkage"
    }
    config = load_config(None, NEEDED | {"risk": risk | {"shrinkage": 0.5}})
    assert config.risk.covariances() == CovarianceSettings(**risk, shrinkage=0.5)
    assert load_config(None, NEEDED).risk.covariances() == CovarianceSettings()


def test_settings_survive_their_file(tmp_path: Path) -> None:
    settings = {"model": MODEL, "trading": {NAMES.get(k, k): v for k, v in RULES.items()}}
    config = load_config(None, NEEDED | settings)
    (tmp_path / "c.toml").write_text(to_toml(config), encoding="utf-8")
    assert load_config(tmp_path / "c.toml", {}) == config


def test_every_setting_says_what_it_is() -> None:
    for source in (HistConfig, Rules, Bounds, CovarianceSettings):
        assert {field.name for field in fields(source)} <= set(described(source)), source
    for part in (Model, Trading, Optimiser, Risk):
        for name, field in part.model_fields.items():
            assert field.description and "\n" not in field.description, name
    assert {"model", "trading", "optimiser", "risk"} <= set(RunConfig.model_fields)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": {"dropout": 1.0}}, "model.dropout = 1.0: it should be less than 1"),
        ({"model": {"split": "heads"}}, "split 'heads' needs auxiliary above 0"),
        ({"trading": {"offset": 3}}, "portfolio setting offset is 3; it must be from 0 to 0"),
        ({"trading": {"recovery": 2}}, "trading.recovery = 2: it should be less than or equal to 1"),
        ({"trading": {"every": 5}}, "the key trading.every is unknown; did you mean rebalance_days?"),
        ({"trading": {"cash": 5}}, "the key trading.cash is unknown; did you mean capital?"),
        ({"optimiser": {"skill": 0}}, "optimiser.skill = 0: it should be greater than 0"),
        ({"risk": {"shrinkage": 2}}, "risk.shrinkage = 2: it should be less than or equal to 1"),
        (
            {"trading": {"construction": "best"}},
            "no construction is called 'best'; choose among topk, tranches, bands, aim, optimised, both",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, NEEDED | settings)
    assert says in str(error.value)
