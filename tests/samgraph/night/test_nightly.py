"""Five simulated nights: a late report, a missing day, a new listing, a delisting and a restatement among them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from oracles.nights import REFIT, published, settings

from samgraph.cli import main
from samgraph.config_text import to_toml
from samgraph.desk.account import account_of, read_account
from samgraph.desk.trade import Trade, trade
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, RunError
from samgraph.files import locked
from samgraph.graph.connect import connect
from samgraph.graph.db.driver import Address
from samgraph.night import nightly as night
from samgraph.night.nightly import nightly
from samgraph.night.settings import NightlyTrade, read_nightly
from samgraph.run import backtest as running
from samgraph.run.backtest import backtest
from samgraph.run.folder import RunFolder
from samgraph.run.seeds import averaged

ROOT = Path(__file__).parents[3]


def change(table: Path, rows: Any, **cells: str) -> None:
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    for name, value in cells.items():
        frame.loc[rows(frame), name] = value
    frame.to_csv(table, index=False, lineterminator="\n")


def eventful(whole: Path, days: list[str]) -> None:
    """SIM0009 is listed on the first of the nights and joins on the last but one, when SIM0033 is delisted; SIM0001's
    newest report by then comes out on the second."""
    bars = pd.read_parquet(whole / "bars.parquet")
    day = bars["date"].dt.strftime("%Y-%m-%d")
    gone = ((bars["company_id"] == "SIM0009") & (day < days[0])) | (
        (bars["company_id"] == "SIM0033") & (day >= days[3])
    )
    bars[~gone].to_parquet(whole / "bars.parquet", index=False)
    change(whole / "companies.csv", lambda f: f["company_id"] == "SIM0009", listed_on=days[0])
    change(whole / "universes.csv", lambda f: f["company_id"] == "SIM0009", valid_from=days[3])
    change(whole / "companies.csv", lambda f: f["company_id"] == "SIM0033", delisted_on=days[3])
    change(whole / "universes.csv", lambda f: f["company_id"] == "SIM0033", valid_to=days[3])
    reports = pd.read_csv(whole / "segments.csv", dtype=str).query("company_id == 'SIM0001'")
    newest = reports.loc[reports["announced_on"] < days[1], "period_end"].max()
    change(
        whole / "segments.csv",
        lambda f: (f["company_id"] == "SIM0001") & (f["period_end"] == newest),
        announced_on=days[1],
    )


@pytest.mark.slow
def test_every_night_s_scores_are_those_of_a_full_rerun(
    graph_server: Address, graph_env: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, data, run, out = (tmp_path / name for name in ("whole", "data", "run", "nights"))
    simulate(whole, 5, companies=40, products=60, years=2)
    dates = pd.read_parquet(whole / "bars.parquet", columns=["date"])["date"].drop_duplicates().sort_values()
    first = (
        int(dates.searchsorted(pd.Timestamp("2019-03-01"))) + 160 + 2 * REFIT
    )  # the third window's first day
    before, *days = [day.date().isoformat() for day in dates.iloc[first - 4 : first + 2]]
    eventful(whole, days)
    empty_database(graph_server)
    (tmp_path / "run.toml").write_text(to_toml(settings(data, "2020-12-31")), encoding="utf-8")
    file = tmp_path / "nightly.toml"
    file.write_text(
        f'settings = "{tmp_path / "run.toml"}"\nrun = "{run}"\nout = "{out}"\n'
        f'backup = ["test", "{run}", "-ef", "{run}", "-a", "-n"]\n'  # the day follows
        f'[trade]\nholdings = "{tmp_path / "holdings.csv"}"\ncash = "{tmp_path / "cash.txt"}"\n',
        encoding="utf-8",
    )

    (tmp_path / "holdings.csv").write_text("company_id,shares\nSIM0002,1000\n", encoding="utf-8")
    (tmp_path / "cash.txt").write_text("1000000\n", encoding="utf-8")

    def go(*, cron: bool = False) -> dict[str, dict[str, Any]]:
        capsys.readouterr()  # of what was done between two nights
        if cron:
            status, told = by_cron(tmp_path)
        else:
            status = main(["nightly", "--config", str(file), "--log", "json"])
            told = capsys.readouterr().err
        lines = [json.loads(line) for line in told.splitlines()]
        stages = {line["stage"]: line for line in lines if "stage" in line}
        assert status == (3 if any(one["warnings"] for one in stages.values()) else 0), lines
        assert list(stages) == ["check", "load", "grow", "score", "trade", "report", "backup"]
        return stages

    published(whole, before, data)
    with pytest.MonkeyPatch.context() as patch:  # a first night that ends while its models are fitted
        patch.setattr(running, "fit_pieces", fail)
        with pytest.raises(RunError, match="killed"):
            nightly(read_nightly(file))
    published(whole, days[0], data)  # the next one begins the run, on more days
    begun = go()["grow"]
    assert begun["state"] == "done" and RunFolder.open(run).config.end.isoformat() == days[0]
    assert "begun with other tables was never finished" in begun["warnings"][0]
    ordered(out, days[0], RunFolder.open(run), tmp_path)
    published(whole, days[1], data)  # the late report comes out
    assert go()["grow"]["state"] == "kept"
    second = (out / "scores" / f"{days[1]}.parquet").read_bytes()
    reports = pd.read_csv(data / "segments.csv", dtype=str)
    assert (reports["announced_on"] == days[1]).any()
    missing = go(cron=True)  # no bars come on the third
    assert [missing[name]["state"] for name in ("load", "grow", "score", "trade")] == ["kept"] * 4
    published(
        whole, days[3], data
    )  # the missing day comes too; one is listed, one delisted, and models are due
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "status_of", fail)
        with pytest.raises(RunError, match="killed"):
            nightly(read_nightly(file))
    fourth = (out / "scores" / f"{days[3]}.parquet").read_bytes()
    again = go()
    assert (again["grow"]["state"], again["score"]["state"]) == ("kept", "kept")
    assert (out / "scores" / f"{days[3]}.parquet").read_bytes() == fourth
    grown = RunFolder.open(run)
    assert len(grown.windows) == 3 and grown.manifest["grown"][0]["fitted"] == 2
    told = averaged(grown.rows("predictions", "variant", "product"))
    for day in (days[0], days[1], days[3]):
        same_scores(out, day, told)
    assert (out / "scores" / f"{days[1]}.parquet").read_bytes() == second

    published(whole, days[4], data)  # a bar of a training day is restated
    bars = pd.read_parquet(data / "bars.parquet")
    bars.loc[(bars["company_id"] == "SIM0002") & (bars["date"] == dates.iloc[first - 55]), "close"] *= 1.001
    bars.to_parquet(data / "bars.parquet", index=False)
    restated = go()
    assert "bars of SIM0002" in restated["grow"]["why"] and restated["grow"]["fitted"] == 2
    backtest(settings(data, days[4]), tmp_path / "fresh")
    fresh = RunFolder.open(tmp_path / "fresh")
    same_scores(out, days[4], averaged(fresh.rows("predictions", "variant", "product")))
    pd.testing.assert_frame_equal(
        RunFolder.open(run).table("predictions"), fresh.table("predictions"), check_exact=True
    )
    joined = pd.read_parquet(out / "scores" / f"{days[3]}.parquet")["company_id"].tolist()
    earlier = pd.read_parquet(out / "scores" / f"{days[1]}.parquet")["company_id"].tolist()
    assert "SIM0033" in earlier and "SIM0033" not in joined
    health = json.loads((out / "status" / f"{days[4]}.json").read_text(encoding="utf-8"))
    assert (health["last_scores"], health["model_days"]) == (days[4], 2)
    assert not (out / "night.json").exists()


def by_cron(folder: Path) -> tuple[int, str]:
    """Status and log of the document's line of a crontab, with `folder` for its folder and cron's environment."""
    line = (
        (ROOT / "docs" / "nightly.md")
        .read_text(encoding="utf-8")
        .split("## cron\n\n```\n")[1]
        .splitlines()[0]
    )
    *when, command = line.split(" ", 5)
    assert len(when) == 5 and "%" not in command  # cron takes % for the end of the command
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    own = (f"{name}='{value}'\n" for name, value in os.environ.items() if name.startswith("SAMGRAPH_"))
    (folder / ".env").write_text("".join(own), encoding="utf-8")
    bare = {"HOME": str(folder), "LOGNAME": "nobody", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("/srv/samgraph", str(folder))],
        env=bare,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert not done.stdout and not done.stderr  # cron would send them by mail
    return done.returncode, (folder / "nights.log").read_text(encoding="utf-8")


def same_scores(out: Path, day: str, told: pd.DataFrame) -> None:
    found = pd.read_parquet(out / "scores" / f"{day}.parquet").sort_values("company_id")
    expected = told[told["date"] == pd.Timestamp(day)]
    assert found["company_id"].tolist() == expected["company_id"].tolist()
    np.testing.assert_array_equal(found["score"], expected["score"])


def ordered(out: Path, day: str, run: RunFolder, tmp_path: Path) -> None:
    """The orders are those of `samgraph trade`."""
    account = read_account(tmp_path / "holdings.csv", 1_000_000.0)
    with connect() as graph:
        found = trade(run, graph, account)
    for name, table in found.tables.items():
        kept = pd.read_parquet(out / "orders" / day / f"{name}.parquet")
        pd.testing.assert_frame_equal(kept, table, check_dtype=False, obj=name)
    assert len(found.tables["orders"]) and found.summary["as_of"] == day


def fail(*_: Any, **__: Any) -> None:
    raise RunError("killed")


def written(tmp_path: Path, more: str = "") -> Path:
    file = tmp_path / "nightly.toml"
    file.write_text(
        f'settings = "run.toml"\nrun = "run"\nout = "{tmp_path / "out"}"\n{more}', encoding="utf-8"
    )
    return file


def test_two_nights_at_once_are_refused_and_a_dead_holder_s_lock_is_free(tmp_path: Path) -> None:
    file = written(tmp_path)
    out = tmp_path / "out"
    with locked(out / ".night.lock", 0.0):
        (out / "night.json").write_text(
            '{"pid": 7, "started": "2026-01-05T22:30:00+00:00"}', encoding="utf-8"
        )
        with pytest.raises(RunError, match=r"another night is under way .*process 7, started 2026-01-05"):
            nightly(read_nightly(file))
    with pytest.raises(ConfigError, match=r"run\.toml"):  # what the dead one left hinders nobody
        nightly(read_nightly(file))


def test_orders_are_written_once_and_an_account_that_did_not_move_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdings = tmp_path / "holdings.csv"
    made: list[str] = []

    def orders(_latest: Any, _data: Any, account: Any, _portfolio: Any) -> Trade:
        made.append(account.fingerprint)
        side = {"count": 1, "value": 10.0}
        return Trade({"orders": pd.DataFrame({"company_id": ["A"]}), "checks": pd.DataFrame({"level": []})},
                     {"account": account.fingerprint, "orders": {"buy": side, "sell": side}})  # fmt: skip

    monkeypatch.setattr(night, "trade_of", orders)
    settings = NightlyTrade(holdings=holdings, cash=5.0)

    def go(day: str, shares: int) -> night._Stage:
        holdings.write_text(f"company_id,shares\nA,{shares}\n", encoding="utf-8")
        one = night._Stage()
        config: Any = SimpleNamespace(end=day)
        night._trade(settings, tmp_path / "orders", config, cast(Any, None), cast(Any, None), one)
        return one

    first = go("2026-01-05", 100)
    assert not first.kept and first.warnings == [] and first.facts["buy"] == 1
    assert go("2026-01-05", 100).kept and len(made) == 1
    changed = go("2026-01-05", 200)
    assert (
        changed.kept
        and len(made) == 1
        and "have changed since the orders of 2026-01-05" in changed.warnings[0]
    )
    assert go("2026-01-06", 200).warnings == []
    still = go("2026-01-07", 200)
    assert not still.kept and "that the orders of 2026-01-06 were made for" in still.warnings[0]


def test_an_account_s_fingerprint_is_of_what_is_held_and_of_nothing_else() -> None:
    def of(rows: dict[str, Any], cash: float = 1.0) -> str:
        return account_of(pd.DataFrame(rows), cash).fingerprint

    one = of({"company_id": ["A", "B"], "shares": [1, 2], "bought_on": ["2026-01-05", ""]})
    assert one == of(
        {"company_id": ["B", "A"], "shares": ["2.0", "1"], "bought_on": ["", "2026-01-05"], "note": "x"}
    )
    assert one != of({"company_id": ["A", "B"], "shares": [1, 2]})
    assert one != of({"company_id": ["A", "B"], "shares": [1, 2], "bought_on": ["2026-01-05", ""]}, cash=2.0)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[trade]\ncash = 1.0\n", r"trade\.holdings: .*\[trade\] has holdings, cash, portfolio"),
        ("foo = 1\n", "foo: Extra inputs"),
        ('variant = "x"\n', "'x' is unknown"),
        ("lag = 0\n", "lag: "),
    ],
)
def test_a_wrong_setting_of_a_night_is_named(tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_nightly(written(tmp_path, more))


def test_cash_may_be_a_file_with_a_number(tmp_path: Path) -> None:
    (tmp_path / "cash.txt").write_text(" 1250000.50\n", encoding="utf-8")
    told = NightlyTrade(holdings=tmp_path / "h.csv", cash=tmp_path / "cash.txt")
    assert told.money() == 1250000.5 and NightlyTrade(holdings=tmp_path / "h.csv", cash=7).money() == 7.0
    (tmp_path / "cash.txt").write_text("1,250,000", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cash\.txt cannot be read .*write one number"):
        told.money()
