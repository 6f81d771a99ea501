"""Adjusting factors out of raw and back-adjusted prices.

Between two ex-days the adjusted price is an affine function of the raw one, `adjusted = m * raw + c`. Where vendors
multiply, c is 0 and the ratio of the two is the factor. East Money's pages add: a cash dividend moves c, bonus shares
move m and c, and the ratio then drifts with every price, so that returns of "close times ratio" are too small (a 5%
day of a share at 10 with 30 paid so far comes out as 1.25%).

The days on which m or c jump are the ex-days. On such a day the raw close of the day before becomes the reference
price r that the exchange sets, the raw price at which the new line gives the old adjusted close, and the factor grows
by (raw close of the day before) / r. So returns are the exchange's: close / r - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDING = (
    0.0101  # adjusted prices have two decimals: twice their rounding is the most that a fitted line misses by
)
_RELATIVE = 2e-7  # of a price that a file holds as float32
_LEAST_DAYS = 3.0  # fewer days between two jumps, on average, are no ex-days but a drift


@dataclass(frozen=True)
class Line:
    """adjusted = slope * raw + shift from day `first` on (a position), within rounding."""

    first: int
    slope: float
    shift: float


def factors(raw: Floats, adjusted: Floats) -> Floats | None:
    """The adjusting factor of each day of one company, or None where the ratio drifts and none can be made.

    Args:
        raw: prices of each day, the close last, [n_days, n_prices]
        adjusted: the same, back-adjusted, [n_days, n_prices]; no NaN in either

    Returns:
        [n_days], above 0. Its level is that of the vendor where the vendor multiplies.
    """
    if not len(raw):
        return np.zeros(0)
    lines = min(
        (_segments(raw, adjusted, through_zero=True), _segments(raw, adjusted, through_zero=False)), key=len
    )  # the first of equals: multiplied prices need no shift
    if len(lines) > 3 and len(raw) / len(lines) < _LEAST_DAYS:
        return None
    result = np.empty(len(raw))
    result[:] = lines[0].slope
    for line in lines[1:]:
        t = line.first
        reference = (adjusted[t - 1, -1] - line.shift) / line.slope
        if not reference > 0:
            return None
        result[t:] = result[t - 1] * raw[t - 1, -1] / reference
    return result


def _segments(raw: Floats, adjusted: Floats, *, through_zero: bool) -> list[Line]:
    """The fewest lines, each as long as it holds, one after another."""
    lines: list[Line] = []
    start, n_days = 0, len(raw)
    while start < n_days:
        end = _reach(raw, adjusted, start, through_zero)
        if not through_zero and lines and np.unique(raw[lines[-1].first : start]).size <= 2:
            # Any two points lie on one line: give back the days that fit what follows.
            slope, shift = _fit(raw[start:end], adjusted[start:end], False)
            while start - 1 > lines[-1].first and _holds(raw[start - 1], adjusted[start - 1], slope, shift):
                start -= 1
            before = lines.pop()
            lines.append(_line(raw, adjusted, before.first, start, lines[-1] if lines else None, False))
        lines.append(_line(raw, adjusted, start, end, lines[-1] if lines else None, through_zero))
        start = end
    return lines


def _reach(raw: Floats, adjusted: Floats, start: int, through_zero: bool) -> int:
    """The first day after `start` that the line through the days before it does not hold."""

    def fits(end: int) -> bool:
        slope, shift = _fit(raw[start:end], adjusted[start:end], through_zero)
        return _holds(raw[start:end], adjusted[start:end], slope, shift)

    n_days, good, step = len(raw), start + 1, 1
    while good + step <= n_days and fits(good + step):
        good, step = good + step, 2 * step
    while step > 1:
        step //= 2
        if good + step <= n_days and fits(good + step):
            good += step
    return good


def _fit(raw: Floats, adjusted: Floats, through_zero: bool) -> tuple[float, float]:
    """Least squares."""
    p, a = raw.ravel(), adjusted.ravel()
    if through_zero:
        return float(p @ a / (p @ p)), 0.0
    centred = p - p.mean()
    spread = float(centred @ centred)
    slope = float(centred @ a / spread) if spread > 0 else 1.0
    return slope, float(a.mean() - slope * p.mean())


def _holds(raw: Floats, adjusted: Floats, slope: float, shift: float) -> bool:
    missed = np.abs(slope * raw + shift - adjusted)
    return bool((missed <= _ROUNDING + _RELATIVE * np.abs(adjusted)).all()) and slope > 0


def _line(
    raw: Floats, adjusted: Floats, start: int, end: int, before: Line | None, through_zero: bool
) -> Line:
    """The line of some days: with the slope of those before it if that holds, as after a dividend in cash."""
    p, a = raw[start:end], adjusted[start:end]
    if through_zero:
        return Line(start, *_fit(p, a, True))
    known = 1.0 if before is None else before.slope
    middle = float((a - known * p).mean())
    if _holds(p, a, known, middle):
        return Line(start, known, middle)
    # Bonus shares raise the slope, and what was paid in cash is not negative.
    ratio, _ = _fit(p, a, True)
    slope = min(max(_fit(p, a, False)[0], min(known, ratio)), ratio)
    return Line(start, slope, float(a.mean() - slope * p.mean()))
