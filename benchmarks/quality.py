"""How well do the arms order stocks, and what is it worth? The product's own backtest on a fixed protocol.

    python benchmarks/quality.py qlib   --data CSI300 --out FOLDER [--arms product,gru,...] [--seeds N]
    python benchmarks/quality.py csi300 --data CSI300 --out FOLDER
    python benchmarks/quality.py ashare --data ASHARE --out FOLDER

`qlib` is the protocol of qlib's benchmark tables (arXiv 2009.11189): CSI 300, one fit on 2010 to 2014, chosen on 2015
and 2016, tested from 2017 to July 2020, 1-day label. Revenue shares and industries are known from 2021 only, so each
company's first are taken for all days before: that looks ahead in the edges, and is good for choosing settings, never
a result. `csi300` and `ashare` test from 2022 on and see nothing early. FOLDER keeps the run; the same command goes on
where it stopped. `--test DAY` and `--end DAY` move the test's first and last day, `--set section.key=value` changes a
setting of the run.

FOLDER/quality.json is a list of rows: arm, seeds, rank_ic, rank_icir, rank_ic_tstat, ic, icir, excess_return (over
total return where the dataset has it), information_ratio of the seeds' mean score; rank_ic_one_seed and ic_one_seed,
the mean over single seeds, which is what the published rows state; `less`, the paired differences from
the other arms. Published rows have `published` true; their excess is over the price index.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import ARMS, BASE
from samgraph.config import RunConfig, load_config
from samgraph.demo import backtest_alone
from samgraph.errors import SamgraphError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.evaluation.compare import paired_difference
from samgraph.factors.evaluation.inference import mean_test
from samgraph.files import same_file, whole_folder, write_json
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.labels import forward_returns
from samgraph.hist.market import Market
from samgraph.hist.metrics import ic, mean, rank_ic
from samgraph.run.seeds import averaged
from samgraph.training.stored import read_market

FIGURES = {
    "rank_ic": "rank_ic",
    "rank_icir": "rank_icir",
    "rank_ic_tstat": "rank_ic_tstat_nw",
    "ic": "ic",
    "icir": "icir",
    "excess_return": "excess_return",
    "information_ratio": "information_ratio",
}

# Means of 20 seeds, from qlib's examples/benchmarks/README.md: ic, icir, rank_ic, rank_icir, excess, ratio.
PUBLISHED = [
    ("HIST", "Alpha360", 0.0522, 0.3530, 0.0667, 0.4576, 0.0987, 1.3726),
    ("TRA", "Alpha360", 0.0485, 0.3787, 0.0587, 0.4756, 0.0920, 1.2789),
    ("IGMTF", "Alpha360", 0.0480, 0.3589, 0.0606, 0.4773, 0.0946, 1.3509),
    ("ALSTM", "Alpha360", 0.0497, 0.3829, 0.0599, 0.4736, 0.0626, 0.8651),
    ("GRU", "Alpha360", 0.0493, 0.3772, 0.0584, 0.4638, 0.0720, 0.9730),
    ("LightGBM", "Alpha360", 0.0400, 0.3037, 0.0499, 0.4042, 0.0558, 0.7632),
    ("LightGBM", "Alpha158", 0.0448, 0.3660, 0.0469, 0.3877, 0.0901, 1.0164),
    ("DoubleEnsemble", "Alpha158", 0.0544, 0.4340, 0.0523, 0.4284, 0.1168, 1.3384),
]


@dataclass(frozen=True)
class Protocol:
    """What is fitted, chosen and tested when.

    Attributes:
        train, valid, test: first days; train None is as early as `train_days` reach
        end: last day of testing
        windows: walk-forward windows that the test is cut into
        static: take each company's first known edges for all days before (looks ahead)
        published: state the published rows, too
        settings: of the run, beyond the product's defaults
    """

    universe: str
    benchmarks: tuple[str, ...]
    train: str | None
    valid: str | None
    test: str
    end: str
    windows: int = 1
    train_days: int = 2000
    valid_days: int = 250
    static: bool = False
    published: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


PROTOCOLS = {
    "qlib": Protocol(
        "CSI300",
        ("CSI300TR", "CSI300"),
        "2010-01-01",
        "2015-01-01",
        "2017-01-01",
        "2020-07-31",
        static=True,
        published=True,
        # the published portfolios: 50 names, 5 replaced a day
        settings={"model": {"horizon": 1}, "horizons": [1, 5, 10, 20], "trading": {"top": 50, "drop": 5}},
    ),
    "csi300": Protocol("CSI300", ("CSI300TR", "CSI300"), None, None, "2022-01-01", "2026-05-08", windows=3),
    "ashare": Protocol("ASHARE", ("CSI300TR", "CSI300"), None, None, "2022-01-01", "2026-05-08", windows=3),
}


def settings_of(
    protocol: Protocol, dataset: Dataset, arms: Sequence[str], seeds: int, changes: Mapping[str, Any]
) -> RunConfig:
    """The run of a protocol on a dataset."""
    days = np.unique(dataset.read("bars", ["date"])["date"].dropna().to_numpy())
    days = pd.DatetimeIndex(days[days <= np.datetime64(protocol.end)])
    test = int(days.searchsorted(pd.Timestamp(protocol.test)))
    valid = test - protocol.valid_days
    if protocol.valid is not None:
        valid = int(days.searchsorted(pd.Timestamp(protocol.valid)))
    train = max(0, valid - protocol.train_days)
    if protocol.train is not None:
        train = int(days.searchsorted(pd.Timestamp(protocol.train)))
    if not 0 <= train < valid < test < len(days):
        raise SystemExit(
            f"{dataset.root} has bars from {days[0].date()} to {days[-1].date()}, too few for the protocol"
        )
    known = set(dataset.read("benchmarks")["benchmark"]) if dataset.has("benchmarks") else set()
    windows = {
        "train_days": valid - train,
        "valid_days": test - valid,
        "test_days": -(-(len(days) - test) // protocol.windows),
    }
    settings: dict[str, Any] = {
        "data": dataset.root,
        "universe": protocol.universe,
        "start": days[train].date(),
        "end": days[-1].date(),
        "benchmark": next((name for name in protocol.benchmarks if name in known), None),
        "variants": list(dict.fromkeys((BASE, *arms))),
        "seeds": seeds,
        "windows": windows,
    }
    for part in (protocol.settings, changes):
        settings = _merged(settings, part)
    return load_config(None, settings)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result


def static_dataset(source: Path, out: Path) -> Path:
    """A copy of a dataset in which each company's first revenue shares and industry hold for all days before, too."""
    if out.is_dir():
        return out
    dataset = Dataset(source)
    with whole_folder(out) as folder:
        for entry in sorted(source.iterdir()):
            if entry.name.partition(".")[0] in ("segments", "company_industries"):
                continue
            if entry.is_dir():
                shutil.copytree(entry, folder / entry.name)
            else:
                same_file(entry, folder / entry.name)
        for name in ("segments", "company_industries"):
            table = dataset.read(name)
            begin = (
                "valid_from" if "valid_from" in table.columns and table["valid_from"].notna().any() else None
            )
            if begin is None:
                raise SystemExit(f"table {name} of {source} has no valid_from; the static protocol needs it")
            first = table.groupby("company_id")[begin].transform("min")
            table.loc[table[begin] == first, begin] = pd.Timestamp("1990-01-01")
            table.to_parquet(folder / f"{name}.parquet", index=False)
    return out


def rows_of(folder: Path, config: RunConfig, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per arm from a finished run."""
    market = read_market(folder / "checkpoints")
    hist = config.model.hist(config.trading)
    label = forward_returns(market, hist.horizon, lag=hist.lag, price=hist.price)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    portfolio = pd.read_parquet(folder / "portfolio.parquet")
    daily: dict[str, np.ndarray[Any, Any]] = {}
    rows: list[dict[str, Any]] = []
    for arm in config.variants:
        own = predictions[predictions["variant"] == arm]
        single = [panel(market, part) for _, part in own.groupby("seed")]
        daily[arm] = rank_ic(panel(market, averaged(own)), label)
        figures = summary["variants"][arm]
        rows.append(
            {"arm": arm, "seeds": config.seeds, "published": False}
            | {name: figures[key] for name, key in FIGURES.items()}
            | {
                "rank_ic_one_seed": _number(np.mean([mean(rank_ic(one, label)) for one in single])),
                "ic_one_seed": _number(np.mean([mean(ic(one, label)) for one in single])),
            }
        )
    returns = portfolio.pivot_table(index="date", columns="variant", values="return")
    year = days_a_year(market.dates)
    for row in rows:
        row["less"] = {
            other: _difference(daily, returns, row["arm"], other, hist.horizon, year)
            for other in config.variants
            if other != row["arm"]
        }
    return rows


def panel(market: Market, predictions: pd.DataFrame, part: str = "score") -> np.ndarray[Any, Any]:
    """A part of the score [n_dates, n_stocks], NaN where there is none."""
    day = market.dates.get_indexer(pd.DatetimeIndex(predictions["date"]).as_unit("s"))
    stock = pd.Index(market.stocks).get_indexer(pd.Index(predictions["company_id"]))
    result = np.full((market.n_dates, market.n_stocks), np.nan)
    result[day, stock] = predictions[part]
    return result


def _difference(
    daily: Mapping[str, np.ndarray[Any, Any]],
    returns: pd.DataFrame,
    one: str,
    other: str,
    horizon: int,
    year: float,
) -> dict[str, Any]:
    gap = daily[one] - daily[other]
    tested = mean_test(gap[np.isfinite(gap)], horizon)
    found = {"rank_ic": _number(tested.mean), "rank_ic_tstat": _number(tested.t)}
    pair = returns[[one, other]].dropna()
    money = paired_difference(pair[one].to_numpy(), pair[other].to_numpy(), days_a_year=year)
    return found | {
        "excess_return": _number(money.difference),
        "ci_low": _number(money.ci_low),
        "ci_high": _number(money.ci_high),
        "p_value": _number(money.p_value),
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def published_rows() -> list[dict[str, Any]]:
    """What qlib and the authors of HIST publish for the protocol."""
    names = ("ic", "icir", "rank_ic", "rank_icir", "excess_return", "information_ratio")
    return [
        {"arm": arm, "features": features, "seeds": 20, "published": True, "rank_ic_tstat": None}
        | dict(zip(names, figures, strict=True))
        for arm, features, *figures in PUBLISHED
    ]


def measure(
    protocol: Protocol, data: Path, out: Path, arms: Sequence[str], seeds: int, changes: Any
) -> list[Any]:
    """Run a protocol and write `out`/quality.json; its rows."""
    out.mkdir(parents=True, exist_ok=True)
    source = static_dataset(data, out / "data") if protocol.static else data
    config = settings_of(protocol, Dataset(source), arms, seeds, changes)
    summary = backtest_alone(config, out)
    rows = rows_of(out / "run", config, summary)
    if protocol.published:
        rows += published_rows()
    write_json(out / "quality.json", rows)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as text."""
    columns = ["arm", "seeds", *FIGURES, "published"]
    return str(pd.DataFrame(rows)[columns].to_string(index=False, float_format=lambda x: f"{x:.4f}"))


def _words(less: Mapping[str, float | None]) -> str:
    """A paired difference in words; what could not be tested (two equal portfolios) is nan."""
    rank_ic, t, points, low, high, p = (
        float("nan") if less[name] is None else float(less[name])
        for name in ("rank_ic", "rank_ic_tstat", "excess_return", "ci_low", "ci_high", "p_value")
    )
    return (
        f"Rank IC {rank_ic:+.4f} (t {t:+.1f}), {100 * points:+.1f} points a year "
        f"({100 * low:+.1f} to {100 * high:+.1f}, p {p:.3f})"
    )


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        try:
            found = _merged(found, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise SystemExit(f"--set {text}: {error}; write section.key = value, texts in quotes") from error
    return found


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--data", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--arms", default="product,industry,gru,ridge,lightgbm,master,ensemble")
    parser.add_argument("--seeds", type=int, default=2)
    for name in ("test", "end"):
        parser.add_argument(
            f"--{name}", type=dt.date.fromisoformat, metavar="DAY", help=f"of the test: {name}"
        )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as TOML")
    asked = parser.parse_args()
    arms = [name.strip() for name in asked.arms.split(",") if name.strip()]
    if unknown := [name for name in arms if name not in ARMS]:
        parser.error(f"unknown arm {unknown[0]!r}; choose among {', '.join(ARMS)}")
    protocol = PROTOCOLS[asked.protocol]
    changes = _changes(asked.set)
    moved = {name: day.isoformat() for name in ("test", "end") if (day := getattr(asked, name)) is not None}
    protocol = replace(protocol, **moved)
    try:
        rows = measure(protocol, asked.data, asked.out, arms, asked.seeds, changes)
    except SamgraphError as error:
        sys.exit(f"quality: {error}")
    print(table(rows))
    for row in rows:
        for other, figures in row.get("less", {}).items():
            print(f"{row['arm']} less {other}: {_words(figures)}")


if __name__ == "__main__":
    main()
