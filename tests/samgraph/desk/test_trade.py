"""Tonight's orders: a backtest's day replayed, nothing of tomorrow in them, and lists that add up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from oracles.outcome_inputs import inputs_by_hand, predictions_of, settings

import samgraph
from samgraph.cli import main
from samgraph.config import load_config
from samgraph.desk.account import Account, account_of, read_account
from samgraph.desk.decision import Decision, decide
from samgraph.desk.holdings_risk import require_own_ids
from samgraph.desk.trade import orders_of, trade
from samgraph.desk.trade_tables import as_quoted
from samgraph.economy.simulate import simulate
from samgraph.errors import DatasetError, RunError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.portfolio.evening import next_day
from samgraph.factors.signals.styles import style_exposures
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.hist.market import Market
from samgraph.outcome.books import bounds_of, keep_books, path_of, trading_rules
from samgraph.outcome.constructions import CONSTRUCTIONS, Desk, Portfolio
from samgraph.outcome.risk import risk_backcast, risk_forecasts
from samgraph.outcome.traded import traded_scores
from samgraph.run.backtest import backtest
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest
from samgraph.run.score import score
from samgraph.run.seeds import averaged

WAYS = ("tranches", *(name for name in CONSTRUCTIONS if name != "tranches"))  # the default stands first


def account_at(tables: dict[str, pd.DataFrame], name: str, day: pd.Timestamp, capital: float) -> Account:
    """What a portfolio of a run holds at a close, as an account's list says it."""
    held, trades, daily = (
        tables[t][tables[t]["variant"] == name] for t in ("holdings", "trades", "portfolio")
    )
    own = held[held["date"] == day][["company_id", "shares"]]
    buys = trades[(trades["side"] == "buy") & (trades["date"] <= day)]
    last = buys.groupby("company_id")["date"].max()
    own = own.assign(bought_on=last.reindex(own["company_id"]).to_numpy())
    cash = daily.loc[daily["date"] == day, "cash"]
    return account_of(own, float(cash.iloc[0]) if len(cash) else capital)


def tomorrow_of(tables: dict[str, pd.DataFrame], table: str, name: str, day: pd.Timestamp) -> pd.DataFrame:
    rows = tables[table][(tables[table]["variant"] == name) & (tables[table]["date"] == day)]
    return rows.drop(columns="variant").reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Made:
    """A run's portfolios of every construction, on inputs by hand: no server."""

    tables: dict[str, pd.DataFrame]
    risk: pd.DataFrame
    market: Market
    one: Decision

    def on(self, day: int, portfolio: Portfolio) -> Decision:
        """What was known at the close of a day."""
        market, score = self.market.until(day + 1), self.one.score[: day + 1]
        desk = replace(self.one.desk, market=market)
        return replace(self.one, portfolio=portfolio, market=market, score=score, desk=desk)

    def account(self, name: str, day: int) -> Account:
        return account_at(self.tables, name, self.market.dates[day], 1e8)


@pytest.fixture(scope="module")
def made() -> Made:
    config, inputs = settings(), inputs_by_hand()
    config = config.model_copy(update={"trading": config.trading.model_copy(update={"construction": WAYS})})
    predictions = predictions_of(inputs)
    scores = averaged(predictions[predictions["variant"] == "product"])
    score = np.full(inputs.market.close.shape, np.nan)
    row = inputs.market.dates.get_indexer(pd.DatetimeIndex(scores["date"]).as_unit("s"))
    score[row, pd.Index(inputs.market.stocks).get_indexer(pd.Index(scores["company_id"]))] = scores["score"]
    styles = style_exposures(inputs.market)
    traded = traded_scores(inputs, {"product": score}, styles, "neutral", 2.0)
    forecasts = risk_forecasts(inputs, styles, config.risk.covariances())
    rules = trading_rules(config, inputs)
    kept = keep_books(config, inputs, traded, rules, forecasts)
    desk = Desk(inputs.market, rules, forecasts, bounds_of(config), path_of(config))
    tables = {
        table: pd.concat(
            [getattr(book, frame).assign(variant=name) for name, book in kept.named().items()],
            ignore_index=True,
        )
        for table, frame in (
            ("portfolio", "daily"),
            ("holdings", "holdings"),
            ("trades", "trades"),
            ("blocked", "blocked"),
        )
    }
    stocks = list(inputs.market.stocks)
    served = pd.DataFrame(
        {"product_id": "P", "product": "Pumps", "product_share": 0.5, "industry": "Steel"}, index=stocks
    )
    names = {stock: f"Company {stock}" for stock in stocks}
    first = next(iter(kept.results))
    one = Decision(first, inputs.market, traded["product"], desk, names, served, (), {"run": "by hand"})
    risk = risk_backcast(inputs, forecasts, kept.named()) if forecasts is not None else pd.DataFrame()
    return Made(tables, risk, inputs.market, one)


@pytest.mark.parametrize("name", WAYS)
def test_a_replayed_evening_of_a_portfolio_is_the_backtests_day(made: Made, name: str) -> None:
    portfolio, done = Portfolio("product", name, "product" if name == "tranches" else f"product_{name}"), 0
    for day in (180, 181, 186, 199, 200, 213, 223):
        account = made.account(portfolio.name, day)
        one = made.on(day, portfolio)
        found = next_day(one.books(made.market.until(day + 2)), day, account.evening(one.market))
        for table, got in (("trades", found.trades), ("blocked", found.blocked)):
            want = tomorrow_of(made.tables, table, portfolio.name, made.market.dates[day + 1])
            pd.testing.assert_frame_equal(got, want, check_exact=True, check_dtype=False)
        done += len(found.trades)
    assert done > 10


@pytest.mark.parametrize("name", WAYS)
def test_orders_add_up_and_say_for_what(made: Made, name: str, tmp_path: Path) -> None:
    portfolio = Portfolio("product", name, "product" if name == "tranches" else f"product_{name}")
    day = 201  # a rebalance: every third day from the first on
    account, one = made.account(portfolio.name, day), made.on(day, portfolio)
    found = orders_of(one, account)
    orders, summary = found.tables["orders"], found.summary
    close = dict(zip(made.market.stocks, made.market.close[day], strict=True))
    assert orders["price"].tolist() == [close[company] for company in orders["company_id"]]
    np.testing.assert_allclose(orders["value"], orders["shares"] * orders["price"])
    buys = orders["side"] == "buy"
    assert summary["rebalance"] and len(orders) and (orders.loc[buys, "shares"] % 100 == 0).all()
    spent = orders["value"].where(buys, -orders["value"]).sum() + orders["cost"].sum()
    assert summary["cash_after"] == pytest.approx(account.cash - spent) and summary["cash_after"] >= 0.0
    assert summary["expected_cost"]["value"] == pytest.approx(orders["cost"].sum())
    assert summary["turnover"] == pytest.approx(0.5 * orders["value"].sum() / summary["value"])
    assert set(orders["reason"]) <= {"score", "exit", "membership", "drift", "cash", "bounds"}
    assert set(orders["product"]) == {"Pumps"} and set(orders["name"].str[:8]) == {"Company "}
    targets = found.tables["targets"]
    held = dict(zip(targets["company_id"], targets["shares_now"], strict=True))
    assert {c: s for c, s in held.items() if s} == account.shares.to_dict()
    assert 0.9 < targets["weight_target"].sum() <= 1.0 + 1e-9
    risk = made.risk
    told = risk[(risk["variant"] == portfolio.name) & (risk["against"] == "benchmark")]
    forecast = told.loc[told["date"] == made.market.dates[day], "forecast"].iloc[0]
    year = days_a_year(one.market.dates)
    assert summary["tracking_error"]["now"] == pytest.approx(forecast * year**0.5, rel=1e-9)
    found.write(tmp_path / "orders")
    read = pd.read_parquet(tmp_path / "orders" / "orders.parquet")
    pd.testing.assert_frame_equal(read, orders, check_dtype=False)
    assert json.loads((tmp_path / "orders" / "summary.json").read_text(encoding="utf-8")) == summary


@pytest.mark.parametrize("written", ["1", "000001", "000001.0", "sz000001", "000001.sz", "000001.XSHE"])
def test_a_holding_in_another_form_of_its_code_is_refused_and_not_left_out(written: str) -> None:
    """A spreadsheet makes 1 of 000001; as an unknown name it would be neither valued nor sold."""
    require_own_ids(["000001.SZ", "NOBODY", "9999"], ["000001.SZ", "600519.SH"])
    with pytest.raises(
        DatasetError, match=f"name '{written}', which is 000001.SZ in the dataset; write 000001.SZ"
    ):
        require_own_ids([written, "NOBODY"], ["000001.SZ", "600519.SH"])
    with pytest.raises(DatasetError, match="and 1 more such"):
        require_own_ids([written, "600519"], ["000001.SZ", "600519.SH"])


def test_prices_of_a_table_in_float32_are_those_that_were_quoted() -> None:
    """15.35 and not 15.350000381469727, which no broker takes; other numbers are left alone."""
    quoted = np.array([15.35, 1430.55, 0.0031, 88888.88])
    assert as_quoted(quoted.astype(np.float32).astype(np.float64)).tolist() == quoted.tolist()
    other = np.array([0.1 + 0.2, 1 / 3, np.nan, 0.0])
    np.testing.assert_array_equal(as_quoted(other), other)


def test_what_the_market_does_not_know_is_a_warning_and_nothing_to_trade_with_is_refused(made: Made) -> None:
    one = made.on(201, made.one.portfolio)
    table = pd.DataFrame({"company_id": ["S05", "NOBODY"], "shares": [300, 100]})
    found = orders_of(one, account_of(table, 1e7))
    assert found.warnings[0] == "unknown_holdings: NOBODY are neither valued nor traded"
    new = found.tables["orders"].query("side == 'buy' and company_id != 'S05'")
    assert len(new) and set(new["reason"]) <= {"score", "cash"}  # what is not held did not drift
    undone = found.tables["not_done"]
    assert undone.loc[undone["company_id"] == "NOBODY", "reason"].tolist() == ["unknown"]
    assert found.summary["value"] == pytest.approx(1e7 + 300 * made.market.close[201, 5])
    cash = orders_of(one, account_of(table.iloc[:0], 1e8))
    assert set(cash.tables["orders"]["side"]) == {"buy"}
    assert set(cash.tables["orders"]["reason"]) <= {"score", "cash"}
    # A hundred million is more than these stocks trade: the orders stop at the day's participation, and say so.
    weights = cash.tables["targets"][["weight_target", "weight_after"]].sum()
    assert 0.9 < weights["weight_target"] <= 1.0 + 1e-9 and weights["weight_after"] < 0.1
    assert set(cash.tables["not_done"]["company_id"]) == set(cash.tables["targets"]["company_id"])
    idle = orders_of(made.on(202, made.one.portfolio), made.account("product", 202))
    assert not idle.summary["rebalance"] and idle.tables["orders"].empty
    with pytest.raises(RunError, match="neither cash nor a share"):
        orders_of(one, account_of(table.iloc[1:], 0.0))


@dataclass(frozen=True, eq=False)
class World:
    graph: Graph
    data: Path
    folder: Path
    run: RunFolder

    @property
    def days(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.run.table("predictions")["date"].unique())

    def account(self, portfolio: str, day: pd.Timestamp) -> Account:
        tables = {name: self.run.table(name) for name in ("holdings", "trades", "portfolio")}
        return account_at(tables, portfolio, day, self.run.config.trading.capital)


@pytest.fixture(scope="module")
def world(graph_server: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An economy whose bars go on after the end of a run with every construction."""
    base = tmp_path_factory.mktemp("orders")
    data = base / "data"
    simulate(data, 5, companies=40, products=60, years=2)
    config = load_config(
        None,
        {
            "data": data,
            "universe": "SIM",
            "start": "2019-03-01",
            "end": "2019-12-31",
            "seeds": 1,
            "variants": ("product",),
            "horizons": (1, 5),
            "windows": {"train_days": 120, "valid_days": 40, "test_days": 90},
            "model": {"epochs": 1, "tuning_epochs": 1, "hidden_size": 4, "horizon": 5, "start": "nothing"},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
            "trading": {"construction": WAYS, "capital": 2e7},
        },
    )
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(data))
        backtest(config, base / "run", graph=graph)
        yield World(graph, data, base / "run", RunFolder.open(base / "run"))


@pytest.mark.slow
def test_a_replayed_day_of_every_construction_is_the_backtests(world: World) -> None:
    """First decision, one among others, and the last with a day after it."""
    days, replayed = world.days, 0
    trades, blocked = world.run.table("trades"), world.run.table("blocked")
    for day, tomorrow in ((days[0], days[1]), (days[17], days[18]), (days[-2], days[-1])):
        made = decide(world.run, world.graph, as_of=day.date())
        longer = Latest.read(world.run, world.graph, Dataset(world.data), tomorrow.date()).market
        assert longer.stocks == made.market.stocks
        for name, portfolio in world.run.portfolios.items():
            one = replace(made, portfolio=portfolio)
            evening = world.account(name, day).evening(made.market)
            found = next_day(one.books(longer), made.day, evening)
            for got, table in ((found.trades, trades), (found.blocked, blocked)):
                want = table[(table["variant"] == name) & (table["date"] == tomorrow)]
                want = want.drop(columns="variant").reset_index(drop=True)
                pd.testing.assert_frame_equal(got, want, check_exact=True, check_dtype=False)
            replayed += len(found.trades)
    assert replayed > 60


@pytest.mark.slow
def test_days_after_the_run_are_scored_and_followed_by_the_newest_models(world: World) -> None:
    bars = Dataset(world.data).read("bars", ["date"])["date"]
    ahead = pd.DatetimeIndex(bars.unique()).sort_values()
    ahead = ahead[ahead > world.days[-1]][:3]
    made = decide(world.run, world.graph, as_of=ahead[-1].date())
    market = made.market
    for day in ahead:
        own = score(world.run, world.graph, as_of=day.date()).frame.set_index("company_id")["score"]
        row = made.score[market.dates.get_loc(day)]
        np.testing.assert_array_equal(row, own.reindex(list(market.stocks)).to_numpy())
    kept = world.run.scores().loc[world.days[-1]].reindex(list(market.stocks)).to_numpy()
    np.testing.assert_array_equal(made.score[market.dates.get_loc(world.days[-1])], kept)


@pytest.mark.slow
def test_orders_know_nothing_of_tomorrow_and_their_risk_is_the_runs_forecast(
    world: World, tmp_path: Path
) -> None:
    day = world.days[20]
    account = world.account("product", day)
    found = trade(world.run, world.graph, account, as_of=day.date())
    orders = found.tables["orders"]
    assert (orders["product"] != "").all() and (orders["industry"] != "").all()
    assert orders["product_share"].between(0, 1).all()
    assert ((orders["limit_up"] > orders["price"]) | orders["limit_up"].isna()).all()
    limits = orders[["limit_up", "limit_down"]]
    assert (limits.isna() | (limits == limits.round(2))).all(axis=None)
    risk = world.run.table("risk")
    told = risk[(risk["variant"] == "product") & (risk["against"] == "benchmark") & (risk["date"] == day)]
    year = days_a_year(world.run.market.until(int(world.run.market.dates.searchsorted(day)) + 1).dates)
    error = found.summary["tracking_error"]["now"]
    assert error == pytest.approx(told["forecast"].iloc[0] * year**0.5, rel=1e-9)

    copy = (
        tmp_path / "data"
    )  # prices come from the folder alone: one whose bars end on the day has the same orders
    shutil.copytree(world.data, copy)
    table = pd.read_parquet(copy / "bars.parquet")
    table[table["date"] <= day].to_parquet(copy / "bars.parquet", index=False)
    again = trade(world.run, world.graph, account, Dataset(copy))
    for name, frame in found.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], frame, check_exact=True, obj=name)


@pytest.mark.slow
def test_the_command_writes_one_folder_and_warns_of_what_the_market_does_not_know(
    world: World, graph_env: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day, out = world.days[20], tmp_path / "orders"
    own = world.account("product_topk", day)
    file = tmp_path / "holdings.csv"
    own.shares.rename("shares").rename_axis("company_id").reset_index().to_csv(file, index=False)
    arguments = [
        "trade",
        str(world.folder),
        "--holdings",
        str(file),
        "--cash",
        repr(own.cash),
        "-o",
        str(out),
    ]
    arguments += ["--as-of", str(day.date()), "--portfolio", "product_topk"]
    status = main([*arguments, "--format", "csv"])
    said = capsys.readouterr()
    names = ("orders", "targets", "not_done", "checks", "costs")
    endings = ("csv", "parquet")
    files = {f"{name}.{ending}" for name in names for ending in endings} | {"summary.json"}
    assert {path.name for path in out.iterdir()} == files
    checks = pd.read_parquet(out / "checks.parquet")
    assert status == (3 if (checks["level"] == "warn").any() else 0)
    assert len(said.out.splitlines()) == 1 + len(pd.read_parquet(out / "orders.parquet"))
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["construction"] == "topk"

    with file.open("a", encoding="utf-8") as more:
        more.write("NOBODY,100\n")
    assert main(arguments) == 3
    assert "warning: unknown_holdings: NOBODY are neither valued nor traded" in capsys.readouterr().err
    undone = pd.read_parquet(out / "not_done.parquet")
    assert undone.loc[undone["company_id"] == "NOBODY", "reason"].tolist() == ["unknown"]

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    assert main([*arguments[:-4], "-o", str(tmp_path / "other")]) == 1
    assert "holds files that are not orders" in capsys.readouterr().err


@pytest.mark.slow
def test_cash_alone_buys_the_portfolio_and_a_day_without_bars_has_no_orders(world: World) -> None:
    run = samgraph.open_run(world.folder)
    nothing = pd.DataFrame({"company_id": [], "shares": []})
    found = run.trade(nothing, cash=2e7, as_of=str(world.days[20].date()), graph=world.graph)
    targets = found.tables["targets"]
    held = targets["weight_after"].sum()
    assert set(found.tables["orders"]["side"]) == {"buy"} and 0.9 < held <= 1.0
    assert set(found.tables["orders"]["reason"]) <= {"score", "cash"}
    with pytest.raises(RunError, match="2019-12-07 has no bars, so nothing can be decided"):
        run.trade(nothing, cash=1e6, as_of="2019-12-07", graph=world.graph)
    with pytest.raises(RunError, match="no portfolio 'mine'; it has product, "):
        run.trade(nothing, cash=1e6, portfolio="mine", graph=world.graph)
    with pytest.raises(RunError, match="neither cash nor a share"):
        run.trade(nothing, as_of=str(world.days[20].date()), graph=world.graph)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("company_id,weight\nA,1\n", "give company_id and shares"),
        ("company_id,shares\nA,1\nA,2\n", "names company A twice"),
        ("company_id,shares\nA,-5\n", "has '-5' as shares of company A; write a number of 0 or more"),
        ("company_id,shares\nA,\n", "has '' as shares of company A"),
        ("company_id,shares,bought_on\nA,5,soon\n", "has 'soon' as bought_on of company A"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "holdings.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=sentence):
        read_account(file, 0.0)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_account(tmp_path / "none.csv", 0.0)


@pytest.mark.slow
def test_holdings_of_a_file_come_back_to_the_bit_and_a_purchase_after_the_day_is_refused(
    tmp_path: Path, world: World
) -> None:
    market: Any = world.run.market
    shares = pd.Series([100.1 / 3, 200.0], index=list(market.stocks[:2]), name="shares")
    table = shares.rename_axis("company_id").reset_index().assign(bought_on=["2019-12-31", ""])
    table.to_csv(tmp_path / "holdings.csv", index=False)
    account = read_account(tmp_path / "holdings.csv", 5.0)
    evening = account.evening(market)
    np.testing.assert_array_equal(evening.shares[:2], shares)
    assert evening.bought[0] == market.n_dates - 1 and evening.bought[1] < 0 and evening.cash == 5.0
    with pytest.raises(
        DatasetError, match="was bought on 2019-12-31, but the holdings are those after the close of"
    ):
        account.evening(market.until(market.n_dates - 1))
