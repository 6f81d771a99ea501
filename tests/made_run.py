"""A small finished run, written by hand: what a report needs, with names that try to be markup."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HOSTILE = "<b>x</b><script>alert(1)</script>"
LINK = '<a href="https://example.org/">y</a> & $z$ %{x}'
CHINESE = "动力电池及系统"
PARTS = ("concept", "hidden", "individual", "score")
HORIZONS = (1, 5, 20)
VARIANTS = ("product", "industry", "gru")


def made_run(folder: Path, days: int = 60) -> Path:
    """Write the run; the figures are drawn by a seed and mean nothing, shapes and names are those of a real one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in _tables(days).items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "summary.json").write_text(json.dumps(_summary(days)), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(_manifest()), encoding="utf-8")
    (folder / "config.toml").write_text(f"# {HOSTILE}\ndata = '{folder.parent}/data'\n", encoding="utf-8")
    return folder


def exposure() -> pd.DataFrame:
    """Products by hand: two roots, one with children of hostile, linked and Chinese names."""
    rows = [
        ("R", HOSTILE, None, 0.6, 0.1),
        ("R1", CHINESE, "R", 0.4, 0.2),
        ("R2", LINK, "R", 0.2, -0.1),
        ("S", "A root with a very long name that no phone has room for", None, 0.4, -0.1),
    ]
    return pd.DataFrame(rows, columns=["product_id", "name", "parent_id", "weight", "active_weight"])


def sellers() -> pd.DataFrame:
    """Which holdings the products come from, by hand: they make up the weights of `exposure`."""
    rows = [("R1", "A", 0.3, 1.0), ("R1", "B", 0.1, 0.5), ("R2", "B", 0.2, 0.5), ("S", "C", 0.4, 1.0)]
    return pd.DataFrame(rows, columns=["product_id", "company_id", "weight", "revenue_share"])


def chain() -> pd.DataFrame:
    """Links by hand."""
    names = dict(zip(exposure()["product_id"], exposure()["name"], strict=True)) | {"T": "Not held"}
    links = [("R1", "S", 1.0), ("T", "R1", 0.5), ("R2", "R1", 0.7), ("S", "T", 0.2)]
    rows = [(a, names[a], b, names[b], strength) for a, b, strength in links]
    return pd.DataFrame(rows, columns=["supplier_id", "supplier", "customer_id", "customer", "strength"])


def _tables(days: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    dates = pd.bdate_range("2023-11-15", periods=days)
    portfolio, quantiles, turnover, concentration, ic = [], [], [], [], []
    for variant in VARIANTS:
        own, market = rng.normal(0.001, 0.01, (2, days))
        value = 1e8 * np.cumprod(1 + own)
        frame = {"variant": variant, "date": dates, "value": value, "return": own, "benchmark_return": market}
        frame |= {"excess_return": own - market, "cost": 1e4, "turnover": 0.05}
        portfolio.append(pd.DataFrame(frame))
    for part, horizon, quantile in product(PARTS, HORIZONS, range(1, 6)):
        mean = rng.normal(0.001 * quantile, 0.01, days)
        frame = {"date": dates, "factor": part, "horizon": horizon, "quantile": quantile}
        quantiles.append(pd.DataFrame(frame | {"mean_return": mean, "n": 20}))
    for part, lag in product(PARTS, HORIZONS):
        frame = {"date": dates, "factor": part, "lag": lag, "rank_autocorrelation": rng.uniform(0, 1, days)}
        turnover.append(pd.DataFrame(frame))
    for part, horizon in product(PARTS, HORIZONS):
        frame = {"date": dates, "factor": part, "horizon": horizon, "rank_ic": rng.normal(0.03, 0.1, days)}
        ic.append(pd.DataFrame(frame))
    for kind, many in (("companies", 50.0), ("industries", 7.0), ("products", 25.0)):
        frame = {"date": dates, "kind": kind, "effective": many * rng.uniform(0.7, 1.0, days)}
        concentration.append(pd.DataFrame(frame | {"largest": "R", "largest_share": 0.2, "groups": 60}))
    figures = {"rank_ic": 0.04, "rank_icir": 0.5, "tstat_nw": 3.0, "n_days": days}
    decay = pd.DataFrame(
        [
            {
                "factor": part,
                "horizon": h,
                **figures,
                "spread": 0.004,
                "spread_tstat_nw": 2.0,
                "q_value": 0.01,
            }
            for part, h in product(PARTS, HORIZONS)
        ]
    )
    groups = [("offset", str(n)) for n in range(5)] + [("year", "2023"), ("year", "2024")]
    groups += [("size", size) for size in ("small", "middle", "large")] + [("industry", n) for n in "IJ"]
    breakdown = pd.DataFrame(
        [
            {"against": "industry_size", "factor": part, "horizon": h, "by": by, "group": group, **figures}
            for part, h, (by, group) in product(PARTS, HORIZONS, groups)
        ]
    )
    breakdown["rank_ic"] *= rng.uniform(0.5, 1.5, len(breakdown))
    tilts = [("industry", "I", HOSTILE, 0.7, 0.5, 4), ("industry", "J", CHINESE, 0.3, 0.5, 2)]
    tilts += [("style", name, name, 0.2, 0.0, 6) for name in ("size", "beta")]
    tilt = pd.DataFrame(
        tilts, columns=["kind", "factor", "name", "portfolio", "universe", "companies"]
    ).assign(active=lambda t: t["portfolio"] - t["universe"])
    windows = [(0, "train", 0, 20), (0, "validate", 22, 30), (0, "test", 32, 44), (1, "train", 12, 32)]
    windows += [(1, "validate", 34, 42), (1, "test", 45, days - 1)]
    risk = pd.concat(
        pd.DataFrame({"variant": v, "against": a, "date": dates, "forecast": 0.01, "realised": 0.01})
        for v, a in product(("product", "product_optimised"), ("nothing", "benchmark"))
    ).assign(factor_forecast=0.008, specific_forecast=0.006, factor_realised=0.0, specific_realised=0.0)
    risk.loc[risk["date"] == dates[1], "realised"] = -0.03
    decided = {"relaxed": ["turnover" if day == 1 else "" for day in range(days)], "tracking_error": 0.05}
    decided |= {"expected": 0.004, "bought": 0.05, "active_share": 0.4, "names": 60}
    return {
        "risk": risk,
        "optimiser": pd.DataFrame({"variant": "product_optimised", "date": dates, **decided}),
        "portfolio": pd.concat(portfolio),
        "quantiles": pd.concat(quantiles),
        "turnover": pd.concat(turnover),
        "ic": pd.concat(ic),
        "names": pd.DataFrame({"company_id": list("ABCDEF"), "name": [HOSTILE, CHINESE, *"cdef"]}),
        "sellers": sellers(),
        "concentration": pd.concat(concentration),
        "decay": decay,
        "orthogonal": pd.concat([decay.assign(against=name) for name in ("styles", "styles_industries")]),
        "breakdown": breakdown,
        "tilts": tilt,
        "exposure": exposure(),
        "chain": chain(),
        "premia": pd.DataFrame(
            {
                "factor": ["concept"],
                "premium": [0.01],
                "se": [0.01],
                "t": [1.0],
                "p_value": [0.3],
                "horizon": 5,
                "freedom": 20,
                "n_days": days,
            }
        ),
        "trades": pd.DataFrame({"variant": VARIANTS, "date": dates[:3], "cost": [1.0, 2.0, 3.0]}),
        "blocked": pd.DataFrame(
            {"variant": VARIANTS, "date": dates[:3], "side": "buy", "reason": "limit_up"}
        ),
        "holdings": pd.DataFrame(
            {"variant": "product", "date": dates[-1], "company_id": list("ABCDEF"), "value": 1.0}
        ),
        "coverage": pd.DataFrame(
            {"what": ["members", HOSTILE], "count": [1200, 30], "share": [1.0, 0.025], "cause": ["", LINK]}
        ),
        "deficiencies": pd.DataFrame({"name": [HOSTILE]}),
        "curves": pd.DataFrame(
            [
                {
                    "variant": v,
                    "seed": 0,
                    "window": w,
                    "epoch": e,
                    "valid_ic": 0.01 * e + 0.002 * w,
                    "best": e == 4,
                }
                for v, w, e in product(VARIANTS, (0, 1), range(6))
            ]
        ),
        "windows": pd.DataFrame(
            [(w, part, dates[a], dates[b], b - a + 1) for w, part, a, b in windows],
            columns=["window", "part", "first", "last", "days"],
        ),
        "explained": pd.DataFrame(
            [
                {
                    "rank": n,
                    "company_id": f"{600000 + n}.SH",
                    "name": name,
                    "score": 0.3 / n,
                    "concept": 0.1,
                    "hidden": 0.1,
                    "individual": -0.1 * n,
                    "concepts": f"{CHINESE} 60%, {LINK} 40%",
                    "neighbours": "none",
                }
                for n, name in ((1, "宁德时代"), (2, HOSTILE), (3, "Third"))
            ]
        ),
    }


AGAINST = {"benchmark": 0.01, "industry": -0.02, "gru": -0.04}  # lower ends of their intervals


def against(low: float, high: float, days: int) -> dict[str, float]:
    """A comparison with its interval."""
    figures = {"difference": (low + high) / 2, "ci_low": low, "ci_high": high, "p_value": 0.0125}
    return figures | {"n_days": days}


def _summary(days: int) -> dict[str, Any]:
    names = [
        "ic",
        "rank_ic",
        "icir",
        "rank_icir",
        "rank_ic_tstat_nw",
        "return",
        "benchmark_return",
        "compound_excess_return",
        "excess_return",
        "information_ratio",
    ]
    figures = dict.fromkeys([*names, "max_drawdown", "turnover"], 0.125)
    return {
        "universe": HOSTILE,
        "start": "2022-01-04",
        "test_start": "2023-11-15",
        "end": "2024-02-06",
        "days": days,
        "companies": 20,
        "seeds": 2,
        "label_horizon": 5,
        "variants": {name: figures for name in VARIANTS},
        "portfolios": {name: {"arm": name, "construction": "topk"} for name in VARIANTS}
        | {"product_optimised": {"arm": "product", "construction": "optimised"}},
        "regression": {
            name: {"r2": 0.3, "adj_r2": 0.2, "oos_r2": None, "k": 12.0} for name in ("product", "both")
        },
        "concentration": {"companies": 40.0, "products": 3.1, "industries": 1.7, "cut": "level:3"},
        "against": {name: against(low, low + 0.06, days) for name, low in AGAINST.items()},
        "best_plain_factor": {
            "factor": "reversal_20",
            "horizon": 5,
            "among": 7,
            "rank_ic": 0.05,
            "rank_ic_tstat_nw": 2.0,
            "score_rank_ic": 0.04,
            "score_less_factor": against(-0.02, -0.005, days),
        },
        "traded": {
            "score": "neutral",
            "smoothing": 5.0,
            "arms": {
                "product": dict.fromkeys(
                    (
                        *("ic", "rank_ic", "rank_ic_tstat_nw", "spread", "top_less_universe"),
                        *("top_less_universe_tstat_nw", "rank_autocorrelation_1"),
                    ),
                    0.25,
                )
                | {"rank_autocorrelation_horizon": None}
            },
            "transfer_coefficient": {"product": 0.3125, "product_optimised": None},
        },
        "write_offs": {
            "product": {
                "count": 1,
                "loss": 0.0375,
                "holdings": [{"company_id": HOSTILE, "date": "2024-01-02", "loss": 0.0375}],
            },
            "industry": {"count": 0, "loss": 0.0, "holdings": []},
        },
        "benchmarks": {
            "main": HOSTILE,
            "rows": {
                HOSTILE: {"kind": "price", "return": 0.01, "excess_return": 0.0, "tracking_error": 0.0},
                "universe_caps": {
                    "kind": "total_return",
                    "return": 0.03,
                    "excess_return": 0.02,
                    "tracking_error": 0.004,
                    "weights": "market caps",
                },
            },
        },
        "product_minus_industry": {
            "excess_return": 0.031,
            "ci_low": -0.02,
            "ci_high": 0.08,
            "p_value": 0.2,
            "n_days": days,
            "block_length": 3.0,
            "rank_ic": 0.01,
            "rank_ic_tstat_nw": 1.5,
        },
        "overfitting": {
            "trials": 3,
            "configurations": 1,
            "variants": {
                name: {"sharpe": 0.1, "threshold": 0.05, "deflated_sharpe": 0.81} for name in VARIANTS
            },
            "probability_of_overfitting": {
                "trials": {"probability": 0.4, "trials": 3, "days": days, "splits": 70},
                "variants": None,
            },
        },
    }


def _manifest() -> dict[str, Any]:
    return {
        "simulated": True,
        "config": {
            "concepts": {"cut": "leaf", "regression_cut": "leaf"},
            "trading": {"lag": 1, "price": "close"},
            "optimiser": {
                "tracking_error": 0.05,
                "product": 0.03,
                "industry": 0.03,
                "style": 0.3,
                "stock": 0.02,
            }
            | {"turnover": 0.1, "skill": 0.05},
        },
        "known": "2024-03-01T00:00:00+00:00",
        "finished": "2024-03-01T00:10:00+00:00",
        "timeline": [f"A step of {HOSTILE}"],
        "seconds": {"inputs": 1.0, "training": 20.0, "evaluation": 3.0},
        "versions": {"samgraph": "0.1.0"},
        "machine": "a machine",
        "peak_memory_gib": 1.0,
    }
