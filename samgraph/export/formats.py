"""What a run leaves for other tools, as of a day: arrays for skfolio and cvxpy, scores for qlib and alphalens.

Everything is Parquet, or NumPy's npz without pickled objects. Nothing dated after the day is in it: covariances are
those estimated last by then, factor returns those known by then. Prices of the alphalens form are an exception, since
measuring a factor is their purpose: they go on to the end of the run; and the workbook holds the whole run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.errors import RunError
from samgraph.explain.risk import risk_of_day
from samgraph.export.excel import write_workbook
from samgraph.factors.portfolio.optimise import expected_returns
from samgraph.files import whole
from samgraph.run.folder import RunFolder

FloatArray = npt.NDArray[np.float64]

RETURN_DAYS = 500  # trading days of returns that skfolio's estimators get at most
_EXCHANGE = re.compile(r"^(\d{6})\.(SH|SZ|BJ)$")


@dataclass(frozen=True, eq=False)
class ModelOfDay:
    """The risk model, scores and benchmark of one day; stocks are the universe's members that day.

    Shapes: exposures [n_stocks, n_factors]; factor_covariance [n_factors, n_factors], specific_variance [n_stocks],
    both of a day's return; score, expected_return (over the label's horizon), benchmark_weight [n_stocks].
    """

    date: pd.Timestamp
    estimated: pd.Timestamp
    stocks: list[str]
    factors: pd.DataFrame
    exposures: FloatArray
    factor_covariance: FloatArray
    specific_variance: FloatArray
    score: FloatArray
    expected_return: FloatArray
    benchmark_weight: FloatArray

    def covariance(self) -> FloatArray:
        """Covariance of the stocks' returns of a day [n_stocks, n_stocks]."""
        whole_: FloatArray = self.exposures @ self.factor_covariance @ self.exposures.T
        whole_[np.diag_indices(len(whole_))] += self.specific_variance
        return whole_


def model_of_day(run: RunFolder, as_of: pd.Timestamp | None = None, *, variant: str = BASE) -> ModelOfDay:
    """The run's risk model and scores as of a day (the last one if None).

    Raises:
        RunError: a file is missing, or the run knows nothing by that day.
    """
    model, estimated = risk_of_day(run, as_of)
    date, stocks = model.as_of, list(model.stocks)
    score = run.scores(variant)
    today = score[score.index.get_level_values(0) == date].droplevel(0).reindex(stocks).to_numpy()
    bounds = run.config.optimiser.bounds(int(run.summary["label_horizon"]))
    market = run.market
    cap = market.weights()[market.dates.get_loc(date), pd.Index(market.stocks).get_indexer(pd.Index(stocks))]
    return ModelOfDay(
        date=date,
        estimated=estimated,
        stocks=stocks,
        factors=run.table("risk_factors"),
        exposures=model.exposures,
        factor_covariance=model.factor_covariance,
        specific_variance=model.specific_variance,
        score=today,
        expected_return=expected_returns(
            today, np.ones(len(stocks), dtype=bool), model.specific_variance, bounds
        ),
        benchmark_weight=cap / cap.sum(),
    )


def export(
    folder: Path,
    to: str,
    out: Path,
    *,
    as_of: pd.Timestamp | None = None,
    variant: str = BASE,
    factor: str = "score",
) -> list[Path]:
    """Write what `to` (a key of `FORMS`) takes into folder `out`; the paths of the files.

    Args:
        folder: a finished run.
        to: skfolio, cvxpy, qlib, alphalens or excel.
        out: made if absent; files of the same names are replaced.
        as_of: the day; the run's last if None.
        variant: whose scores.
        factor: of the alphalens form, a factor of the run's factors.parquet.

    Raises:
        RunError: the run or one of its files is missing, an unknown variant or factor, no such day.
    """
    return FORMS[to](RunFolder.open(folder), out, as_of, variant, factor)


def _cvxpy(run: RunFolder, out: Path, as_of: pd.Timestamp | None, variant: str, _: str) -> list[Path]:
    model = model_of_day(run, as_of, variant=variant)
    value, vector = np.linalg.eigh(model.factor_covariance)
    file = out / "model.npz"
    with whole(file) as scratch, scratch.open("wb") as handle:
        np.savez(
            handle,
            date=np.array(str(model.date.date())),
            stocks=np.asarray(model.stocks, dtype=np.str_),
            factors=model.factors["factor"].to_numpy(dtype=np.str_),
            kinds=model.factors["kind"].to_numpy(dtype=np.str_),
            exposures=model.exposures,
            factor_covariance=model.factor_covariance,
            factor_root=vector * np.sqrt(np.maximum(value, 0.0)),
            specific_variance=model.specific_variance,
            score=model.score,
            expected_return=model.expected_return,
            benchmark_weight=model.benchmark_weight,
        )
    return [file, *_model_frames(model, out)]


def _model_frames(model: ModelOfDay, out: Path) -> list[Path]:
    names = list(model.factors["factor"])
    frames = {
        "exposures": pd.DataFrame(model.exposures, index=model.stocks, columns=names),
        "factor_covariance": pd.DataFrame(model.factor_covariance, index=names, columns=names),
        "factors": model.factors.set_index("factor"),
        "stocks": pd.DataFrame(
            {
                "score": model.score,
                "expected_return": model.expected_return,
                "specific_variance": model.specific_variance,
                "benchmark_weight": model.benchmark_weight,
            },
            index=pd.Index(model.stocks, name="company_id"),
        ),
    }
    return [_written(out / f"{name}.parquet", frame) for name, frame in frames.items()]


def _skfolio(run: RunFolder, out: Path, as_of: pd.Timestamp | None, variant: str, _: str) -> list[Path]:
    model = model_of_day(run, as_of, variant=variant)
    market = run.market
    last = int(market.dates.searchsorted(model.date))
    days = slice(max(0, last + 1 - RETURN_DAYS), last + 1)
    columns = pd.Index(market.stocks).get_indexer(pd.Index(model.stocks))
    returns = pd.DataFrame(
        market.returns()[days][:, columns], index=market.dates[days], columns=model.stocks
    ).fillna(0.0)  # skfolio takes no gaps; a suspended stock has not moved
    table = run.table("factor_returns")
    table = table[table["model"] == "both"]
    known = table[table["return_date"] <= model.date]
    factor_returns = known.pivot_table(index="return_date", columns="factor", values="factor_return")
    factor_returns.index.name = "date"
    return [
        _written(out / "returns.parquet", returns),
        _written(out / "factor_returns.parquet", factor_returns),
        _written(
            out / "covariance.parquet",
            pd.DataFrame(model.covariance(), index=model.stocks, columns=model.stocks),
        ),
        *_model_frames(model, out),
    ]


def _qlib(run: RunFolder, out: Path, as_of: pd.Timestamp | None, variant: str, _: str) -> list[Path]:
    score = run.scores(variant)
    last = run.day(as_of, score.index.get_level_values(0))
    score = score[score.index.get_level_values(0) <= last]
    instruments = [qlib_instrument(str(name)) for name in score.index.get_level_values(1)]
    index = pd.MultiIndex.from_arrays(
        [pd.DatetimeIndex(score.index.get_level_values(0)).as_unit("ns"), instruments],
        names=["datetime", "instrument"],
    )
    pred = pd.DataFrame({"score": score.to_numpy()}, index=index).sort_index()
    table = out / "pred.csv"
    with whole(table) as scratch:
        pred.to_csv(scratch)
    return [_written(out / "pred.parquet", pred), table]


def qlib_instrument(company_id: str) -> str:
    """SH600000 for 600000.SH, as qlib names A-shares; any other id as it is."""
    found = _EXCHANGE.match(company_id)
    return f"{found[2]}{found[1]}" if found else company_id


def _alphalens(run: RunFolder, out: Path, as_of: pd.Timestamp | None, _: str, factor: str) -> list[Path]:
    table = run.table("factors")
    if factor not in set(table["factor"]):
        known = ", ".join(sorted(table["factor"].unique()))
        raise RunError(f"{run.folder} has no factor {factor!r}; it has {known}")
    own = table[table["factor"] == factor]
    own = own[own["date"] <= run.day(as_of, own["date"])]
    index = pd.MultiIndex.from_arrays(
        [pd.DatetimeIndex(own["date"]).as_unit("ns"), own["company_id"]], names=["date", "asset"]
    )
    values = own[["value", "neutralised"]].set_axis(index).sort_index()
    market, trading = run.market, run.config.trading
    price = getattr(market, trading.price) * market.adj
    paid = np.full(price.shape, np.nan)
    paid[: len(price) - trading.lag] = price[trading.lag :]
    dates = market.dates.as_unit("ns")
    prices = pd.DataFrame(paid, index=dates, columns=list(market.stocks))
    first = values.index.get_level_values(0).min()
    return [
        _written(out / "factor.parquet", values),
        _written(out / "prices.parquet", prices[prices.index >= first]),
    ]


def _excel(run: RunFolder, out: Path, as_of: pd.Timestamp | None, _: str, __: str) -> list[Path]:
    if as_of is not None:
        raise RunError(
            f"the workbook holds the whole run, not what was known by {as_of.date()}; leave --as-of out"
        )
    return [write_workbook(run, out / "run.xlsx")]


def _written(path: Path, frame: pd.DataFrame) -> Path:
    with whole(path) as scratch:
        frame.to_parquet(scratch)
    return path


FORMS: dict[str, Callable[[RunFolder, Path, pd.Timestamp | None, str, str], list[Path]]] = {
    "skfolio": _skfolio,
    "cvxpy": _cvxpy,
    "qlib": _qlib,
    "alphalens": _alphalens,
    "excel": _excel,
}
