"""A simulated economy is a sound dataset: complete, dated, deterministic, written whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from oracles import made
from oracles.sells import sells

from samgraph.cli.simulate import command
from samgraph.economy.parameters import DAYS_A_YEAR, Parameters, trading_days
from samgraph.economy.simulate import Economy, make, simulate, write
from samgraph.errors import ConfigError, DatasetError
from samgraph.graph.check.dataset import check
from samgraph.graph.dataset.folder import Dataset

SMALL = {"companies": 60, "products": 80, "years": 2}


@pytest.fixture(scope="module")
def economy() -> Economy:
    return make(Parameters(seed=11, years=3))


@pytest.fixture(scope="module")
def read(economy: Economy) -> made.Made:
    return made.read(economy)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_written_dataset_passes_every_check(seed: int, tmp_path: Path) -> None:
    simulate(tmp_path / "data", seed, **SMALL)
    report = check(Dataset(tmp_path / "data"))
    assert report.ok
    assert len(report.rejected) == 0
    assert report.counts["merged"].sum() == 0
    assert set(report.counts.index) == {
        *("products", "product_links", "companies", "segments", "industries", "company_industries"),
        *("universes", "bars", "benchmarks"),
    }


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    def files(name: str, seed: int) -> dict[str, bytes]:
        simulate(tmp_path / name, seed, **SMALL)
        return {p.name: p.read_bytes() for p in (tmp_path / name).iterdir()}

    first, again, other = files("a", 5), files("b", 5), files("c", 6)
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_signal_changes_prices_and_nothing_else() -> None:
    with_signal, without = make(Parameters(seed=3, **SMALL)), make(Parameters(seed=3, signal=0.0, **SMALL))
    for name in with_signal.tables:
        same = with_signal.tables[name].equals(without.tables[name])
        assert same == (name not in ("bars", "benchmarks")), name


def test_a_year_has_252_business_days() -> None:
    days = trading_days(12)
    years, counts = np.unique(days.astype("datetime64[Y]"), return_counts=True)
    assert len(years) == 12
    assert (counts == DAYS_A_YEAR).all()
    assert np.is_busday(days).all()


def test_products_reach_the_twelfth_layer_and_only_leaves_are_sold(economy: Economy) -> None:
    products = economy.tables["products"]
    parent = dict(zip(products["product_id"], products["parent_id"], strict=True))

    def level(product: str) -> int:
        return 1 if not parent[product] else 1 + level(parent[product])

    assert max(level(p) for p in parent) == 12
    sold = set(economy.tables["segments"]["product_id"])
    assert sold.isdisjoint(products["parent_id"])
    assert products["name"].groupby(products["product_id"]).first().is_unique
    first = products.groupby("product_id")["valid_from"].min()
    reported = economy.tables["segments"].groupby("product_id")["period_end"].min()
    late = reported.index[reported < first[reported.index]]
    assert len(late) == 0, "sold before it existed"
    assert (first > first.min()).any(), "no product appears later"
    assert products["product_id"].duplicated().any(), "no product changes its parent"


def test_most_companies_sell_several_products(economy: Economy) -> None:
    last = economy.tables["bars"]["date"].max().date()
    segments = economy.tables["segments"]
    edges = sells(segments.to_dict("records"), last)
    counts = pd.Series([company for company, _ in edges]).value_counts()
    assert (counts >= 2).mean() == pytest.approx(0.95, abs=0.02)
    assert (counts >= 5).mean() == pytest.approx(0.67, abs=0.04)


def test_reports_come_late_are_restated_and_sum_to_one(economy: Economy) -> None:
    segments = economy.tables["segments"]
    assert set(segments["period_end"].str[5:]) == {"06-30", "12-31"}
    reports = segments.groupby(["company_id", "period_end", "announced_on"])["weight"].sum()
    assert np.allclose(reports, 1.0, atol=1e-9)
    assert segments["weight"].gt(0).all()
    table = reports.reset_index()
    days = pd.to_datetime(table["announced_on"]) - pd.to_datetime(table["period_end"])
    table["lag"] = days.dt.days
    first = table.groupby(["company_id", "period_end"])["lag"].min()
    assert first.between(20, 120).all()
    assert first.min() < 25
    assert first.max() > 115
    again = table[table.duplicated(["company_id", "period_end"])]
    assert 0.04 < len(again) / len(first) < 0.12
    # Some restatements come out after the next period's report, which they must not replace.
    following = table.groupby("company_id")["announced_on"].shift(-1)
    assert (table["announced_on"] > following).any()


def test_a_restatement_tells_the_truth_that_the_first_report_missed(economy: Economy) -> None:
    segments = economy.tables["segments"]
    ends = [end for end in economy.truth["mixes"] if end in set(segments["period_end"])]
    right = wrong = 0
    for end in ends:
        of_period = segments[segments["period_end"] == end]
        for company, rows in of_period.groupby("company_id"):
            truth = economy.truth["mixes"][end][company]
            announcements = sorted(rows["announced_on"].unique())
            for n, announced in enumerate(announcements):
                report = rows[rows["announced_on"] == announced]
                told = dict(zip(report["product_id"], report["weight"], strict=True))
                if n == len(announcements) - 1 and len(announcements) == 2:
                    assert told == pytest.approx(truth, abs=1e-9)
                elif told == pytest.approx(truth, abs=1e-9):
                    right += 1
                else:
                    wrong += 1
    assert 0.02 < wrong / (right + wrong) < 0.15


def test_mixes_drift_and_products_come_and_go(economy: Economy) -> None:
    ends = sorted(economy.truth["mixes"])
    first, last = economy.truth["mixes"][ends[0]], economy.truth["mixes"][ends[-1]]
    changed = [set(first[c]) != set(last[c]) for c in first]
    assert np.mean(changed) > 0.5
    kept = [sum(min(first[c].get(p, 0), w) for p, w in last[c].items()) for c in first]
    assert 0.4 < np.mean(kept) < 0.95


def test_industry_labels_follow_the_largest_product_except_where_wrong(economy: Economy) -> None:
    tables = economy.tables
    wrong = set(economy.truth["mislabelled"])
    assert len(wrong) / len(tables["companies"]) == pytest.approx(0.22, abs=0.01)
    products = tables["products"].drop_duplicates("product_id").set_index("product_id")
    names = tables["industries"].set_index("industry_id")["name"]

    def group(product: str) -> str:
        line = [product]
        while products.loc[line[-1], "parent_id"]:
            line.append(products.loc[line[-1], "parent_id"])
        return str(products.loc[line[-2], "name"])

    end = min(economy.truth["mixes"])
    label = tables["company_industries"].drop_duplicates("company_id").set_index("company_id")["industry_id"]
    agree = {
        company: names[label[company]] == group(max(mix, key=lambda p: mix[p]))
        for company, mix in economy.truth["mixes"][end].items()
    }
    right = [agree[c] for c in agree if c not in wrong]
    assert np.mean(right) > 0.6  # labels are late: businesses changed since they were given
    assert np.mean([agree[c] for c in wrong]) < 0.2


def test_membership_has_no_survivors_only(economy: Economy, read: made.Made) -> None:
    companies = economy.tables["companies"]
    gone = companies[companies["delisted_on"] != ""]
    assert len(gone) >= 5
    for row in gone.itertuples():
        i = read.stocks.index(row.company_id)
        before = read.days < np.datetime64(row.delisted_on)
        assert read.member[before, i].any(), row.company_id
        assert not read.member[~before, i].any()
        assert np.isfinite(read.bars["close"][before, i]).any()
        assert np.isnan(read.bars["close"][~before, i]).all()
    new = companies[companies["listed_on"] >= str(read.days[0])]
    assert len(new) >= 10
    for row in new.itertuples():
        i = read.stocks.index(row.company_id)
        listed = int(np.searchsorted(read.days, np.datetime64(row.listed_on)))
        assert np.isfinite(read.bars["close"][listed, i])
        assert np.isnan(read.bars["close"][:listed, i]).all()
        assert not read.member[: listed + 60, i].any()
    # The universe shrinks and grows, and never holds a company without a bar.
    assert not (read.member & np.isnan(read.bars["close"])).any()


def test_a_newcomer_has_a_report_when_it_joins(economy: Economy, read: made.Made) -> None:
    universes = economy.tables["universes"]
    segments = economy.tables["segments"]
    earliest = segments.groupby("company_id")["announced_on"].min()
    late = [r.company_id for r in universes.itertuples() if earliest[r.company_id] >= r.valid_from]
    assert late == []


def test_adjusted_returns_run_on_through_splits_and_dividends(read: made.Made) -> None:
    close, adj = read.bars["close"], read.bars["adj_factor"]
    events = (adj[1:] / adj[:-1] > 1 + 1e-9) & np.isfinite(close[:-1])
    splits = adj[1:] / adj[:-1] > 1.15
    assert events.sum() > 100
    assert splits.sum() > 20
    adjusted = read.returns[1:]
    raw = close[1:] / close[:-1] - 1
    # A limit of 10%, rounded to cents; the raw price falls by the split.
    tick = 0.011 / close[:-1]
    assert (np.abs(adjusted) <= 0.1 + 2 * tick)[np.isfinite(adjusted)].all()
    assert np.median(raw[splits]) < -0.12
    assert abs(np.mean(adjusted[splits])) < 0.02
    cap = read.bars["market_cap"][1:] / read.bars["market_cap"][:-1] - 1
    assert np.abs(cap[splits] - adjusted[splits]).max() < 0.05  # a split makes nobody richer


def test_limit_flags_are_those_of_the_prices(read: made.Made) -> None:
    bars = read.bars
    reference = bars["close"][:-1] * bars["adj_factor"][:-1] / bars["adj_factor"][1:]
    assert np.nanmax(np.abs(reference - reference.round(2))) < 1e-6
    highest, lowest = (reference.round(2) * 1.1).round(2), (reference.round(2) * 0.9).round(2)
    live = bars["tradable"][1:] & np.isfinite(reference)
    close = bars["close"][1:]
    assert np.array_equal(bars["limit_up"][1:][live], (close >= highest - 1e-9)[live])
    assert np.array_equal(bars["limit_down"][1:][live], (close <= lowest + 1e-9)[live])
    assert bars["limit_up"].sum() > 20
    assert bars["limit_down"].sum() > 20
    assert (bars["high"][1:][live] <= highest[live] + 1e-9).all()
    assert (bars["low"][1:][live] >= lowest[live] - 1e-9).all()
    assert not bars["limit_up"][~bars["tradable"]].any()


def test_bars_are_consistent_and_suspensions_stand_still(read: made.Made) -> None:
    bars = read.bars
    listed = np.isfinite(bars["close"])
    for name in ("open", "close", "vwap"):
        assert (bars[name] <= bars["high"] + 1e-9)[listed].all(), name
        assert (bars[name] >= bars["low"] - 1e-9)[listed].all(), name
    halted = listed & ~bars["tradable"]
    assert 0.005 < halted[listed].mean() < 0.04
    assert (bars["volume"][halted] == 0).all()
    assert (bars["volume"][bars["tradable"]] > 0).all()
    still = halted[1:]
    assert np.array_equal(bars["close"][1:][still], bars["close"][:-1][still])
    assert np.array_equal(bars["adj_factor"][1:][still], bars["adj_factor"][:-1][still])


def test_volatility_is_that_of_a_stock_market(economy: Economy, read: made.Made) -> None:
    yearly = np.nanstd(read.returns, axis=0) * np.sqrt(252)
    assert 0.25 < np.nanmean(yearly) < 0.45
    level = economy.tables["benchmarks"]["close"].to_numpy()
    assert 0.12 < np.diff(np.log(level)).std() * np.sqrt(252) < 0.28
    z = read.returns / np.nanstd(read.returns, axis=0)
    assert np.nanmean(z**4) > 3.3  # tails fatter than a normal distribution's


def test_the_benchmark_is_the_members_return_weighted_by_the_cap_before(
    economy: Economy, read: made.Made
) -> None:
    level = economy.tables["benchmarks"]["close"].to_numpy()
    cap, returns = read.bars["market_cap"], read.returns
    assert level[0] == 1000
    for t in range(1, len(level)):
        held = [i for i in range(len(read.stocks)) if read.member[t - 1, i] and read.member[t, i]]
        gain = np.average(returns[t, held], weights=cap[t - 1, held])
        assert level[t] / level[t - 1] - 1 == pytest.approx(gain, abs=1e-6)


def test_foreign_folders_are_refused_and_own_ones_replaced(tmp_path: Path) -> None:
    economy = make(Parameters(seed=1, companies=20, products=30, years=1))
    mine = tmp_path / "mine"
    mine.mkdir()
    write(economy, mine)  # empty: taken
    before = (mine / "bars.parquet").read_bytes()
    write(economy, mine)  # own: replaced
    assert (mine / "bars.parquet").read_bytes() == before
    (mine / "notes.txt").write_text("keep me")
    with pytest.raises(DatasetError, match=r"not empty.*notes\.txt"):
        write(economy, mine)
    (mine / "notes.txt").unlink()
    (mine / "truth.json").write_text(json.dumps({"generator": "somebody else"}))
    with pytest.raises(DatasetError, match="not an earlier economy"):
        write(economy, mine)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="is a file"):
        write(economy, tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine"]


def test_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    economy = make(Parameters(seed=1, companies=20, products=30, years=1))
    out = tmp_path / "data"
    write(economy, out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(DatasetError, match=r"No space left on device.*nothing was changed"):
        write(economy, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"companies": 3}, "--companies is 3"),
        ({"years": 0}, "--years is 0"),
        ({"signal": -1.0}, "--signal is -1"),
    ],
)
def test_sizes_out_of_range_are_told(setting: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Parameters(seed=1, **setting)  # type: ignore[arg-type]


def test_the_command_writes_a_dataset_and_says_what(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "e"), "--seed", "4", "--companies", "30", "--products", "40", "--years", "1"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "30 companies" in result.stdout
    assert "252 days" in result.stdout
    assert json.loads((tmp_path / "e" / "truth.json").read_text())["seed"] == 4
    assert CliRunner().invoke(command, [str(tmp_path / "f")]).exit_code == 2  # a seed is needed
    assert not (tmp_path / "f").exists()
