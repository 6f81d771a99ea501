"""Alpha158 and Alpha360 by their published formulas, one stock at a time with pandas: slow and obvious.

Rolling functions are qlib's: `min_periods=1`, regressions on 1..N, percentile ranks, sample standard deviations. Where
`samgraph.hist.features.alpha158` says that it reads a formula otherwise, so does this.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS = (5, 10, 20, 30, 60)


def stock_bars(market: object, i: int) -> pd.DataFrame:
    """One stock's adjusted bars from its first day with trading on, empty on days without."""
    adj = market.adj[:, i]
    frame = pd.DataFrame(
        {name: getattr(market, name)[:, i] * adj for name in ("open", "high", "low", "close", "vwap")}
    )
    volume = market.volume[:, i]
    frame["volume"] = np.where(volume > 0, volume, np.nan) / adj
    frame[frame["close"].isna() | frame["volume"].isna()] = np.nan
    first = frame["close"].first_valid_index()
    return frame.loc[first:] if first is not None else frame.iloc[:0]


def alpha158(bars: pd.DataFrame) -> pd.DataFrame:
    """All 158 of one stock, a column each."""
    o, h, low, c, vwap, v = (bars[name] for name in ("open", "high", "low", "close", "vwap", "volume"))
    greater, less = np.maximum(o, c), np.minimum(o, c)
    out: dict[str, pd.Series] = {
        "KMID": (c - o) / o,
        "KLEN": (h - low) / o,
        "KMID2": (c - o) / (h - low + 1e-12),
        "KUP": (h - greater) / o,
        "KUP2": (h - greater) / (h - low + 1e-12),
        "KLOW": (less - low) / o,
        "KLOW2": (less - low) / (h - low + 1e-12),
        "KSFT": (2 * c - h - low) / o,
        "KSFT2": (2 * c - h - low) / (h - low + 1e-12),
        "OPEN0": o / c,
        "HIGH0": h / c,
        "LOW0": low / c,
        "VWAP0": vwap / c,
    }
    ref, ref_v = c.shift(1), v.shift(1)
    move, move_v = c - ref, v - ref_v
    for d in DAYS:

        def roll(x: pd.Series, d: int = d) -> pd.core.window.rolling.Rolling:
            return x.rolling(d, min_periods=1)

        def apply(x: pd.Series, function: object, d: int = d) -> pd.Series:
            return x.rolling(d, min_periods=1).apply(function, raw=True)

        out[f"ROC{d}"] = c.shift(d) / c
        out[f"MA{d}"] = roll(c).mean() / c
        out[f"STD{d}"] = apply(c, spread) / c
        out[f"BETA{d}"] = apply(c, slope) / c
        flat = apply(c, spread) <= 2e-5 * c
        out[f"RSQR{d}"] = apply(c, rsquare).mask(flat)
        out[f"RESI{d}"] = apply(c, residual) / c
        out[f"MAX{d}"] = roll(h).max() / c
        out[f"MIN{d}"] = roll(low).min() / c
        out[f"QTLU{d}"] = roll(c).quantile(0.8) / c
        out[f"QTLD{d}"] = roll(c).quantile(0.2) / c
        out[f"RANK{d}"] = roll(c).rank(pct=True)
        out[f"RSV{d}"] = (c - roll(low).min()) / (roll(h).max() - roll(low).min() + 1e-12)
        out[f"IMAX{d}"] = apply(h, lambda x: np.nanargmax(x) + 1) / d
        out[f"IMIN{d}"] = apply(low, lambda x: np.nanargmin(x) + 1) / d
        out[f"IMXD{d}"] = out[f"IMAX{d}"] - out[f"IMIN{d}"]
        out[f"CORR{d}"] = correlation(c, np.log(v + 1), d, flat)
        out[f"CORD{d}"] = correlation(c / ref, np.log(v / ref_v + 1), d, apply(c / ref, spread) <= 2e-5)
        rose, fell = (c > ref).astype(float), (c < ref).astype(float)
        out[f"CNTP{d}"] = roll(rose).mean()
        out[f"CNTN{d}"] = roll(fell).mean()
        out[f"CNTD{d}"] = roll(rose).mean() - roll(fell).mean()
        for prefix, change in (("SUM", move), ("VSUM", move_v)):
            all_moves = apply(change.abs(), np.nansum) + 1e-12
            up = apply(np.maximum(change, 0), np.nansum)
            down = apply(np.maximum(-change, 0), np.nansum)
            out[f"{prefix}P{d}"] = up / all_moves
            out[f"{prefix}N{d}"] = down / all_moves
            out[f"{prefix}D{d}"] = (up - down) / all_moves
        out[f"VMA{d}"] = roll(v).mean() / (v + 1e-12)
        out[f"VSTD{d}"] = apply(v, spread) / (v + 1e-12)
        weighted = (c / ref - 1).abs() * v
        out[f"WVMA{d}"] = apply(weighted, spread) / (roll(weighted).mean() + 1e-12)
    return pd.DataFrame(out)


def alpha360(bars: pd.DataFrame) -> pd.DataFrame:
    """All 360 of one stock, a column each."""
    out = {}
    for name in ("close", "open", "high", "low", "vwap"):
        for d in range(59, -1, -1):
            out[f"{name.upper()}{d}"] = bars[name].shift(d) / bars["close"]
    for d in range(59, -1, -1):
        out[f"VOLUME{d}"] = bars["volume"].shift(d) / (bars["volume"] + 1e-12)
    return pd.DataFrame(out)


def spread(x: np.ndarray) -> float:
    """Sample standard deviation of what is known."""
    known = x[np.isfinite(x)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else float("nan")


def line(x: np.ndarray) -> tuple[float, float, float]:
    """Slope, intercept and R2 of what is known on the day 1, 2, ..., N."""
    day, known = np.arange(1, len(x) + 1), np.isfinite(x)
    if known.sum() < 2:
        return (float("nan"),) * 3
    a, b = np.polyfit(day[known], x[known], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.corrcoef(day[known], x[known])[0, 1]
    return float(a), float(b), float(r * r)


def slope(x: np.ndarray) -> float:
    return line(x)[0]


def rsquare(x: np.ndarray) -> float:
    return line(x)[2]


def residual(x: np.ndarray) -> float:
    a, b, _ = line(x)
    return float(x[-1] - (a * len(x) + b))


def correlation(x: pd.Series, y: pd.Series, days: int, flat: pd.Series) -> pd.Series:
    """Pearson's over the days on which both are known; none where either hardly moves."""
    values = np.full(len(x), np.nan)
    for t in range(len(x)):
        part = pd.DataFrame({"x": x, "y": y}).iloc[max(0, t + 1 - days) : t + 1].dropna()
        if len(part) > 1 and not flat.iloc[t] and part["y"].std() > 2e-5:
            values[t] = np.corrcoef(part["x"], part["y"])[0, 1]
    return pd.Series(values, index=x.index)
