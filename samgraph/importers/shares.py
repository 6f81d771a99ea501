"""From reported figures to shares of revenue that a graph can hold: the policies of every importer in one place.

Rows that are no product's revenue are told by their names: eliminations and plugs, totals, parts of another row
("其中"), regions, figures that are not revenue. Rows that name no product ("其他", "Other") are revenue, so they count
in the total, but go to no product. What then remains is made to add up by one of three policies:

- `residual`: shares stay as reported, and what no product accounts for stays unexplained; where a report's shares
  add up to more than 1 (several breakdowns of the same revenue mixed), they are scaled down to 1.
- `renormalise`: the shares of the named products are scaled to 1, up or down.
- `reject`: a report whose shares add up to more than 1 is not used; others as for `residual`.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.check.segments import TOLERANCE
from samgraph.importers.coverage import Account
from samgraph.importers.names import ELIMINATION, NO_REVENUE, PART_OF_ANOTHER, REGION, TOTAL, UNNAMED
from samgraph.importers.reading import LONGEST_NAME

Floats = npt.NDArray[np.float64]
Policy = Literal["residual", "renormalise", "reject"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

TO_NO_PRODUCT = "names no product: counts in the total, goes to no product"
_NOISE = 1e-9


def reject_by_name(account: Account, names: pd.Series[str], *, regions: bool) -> None:
    """Reject the rows whose cleaned name says that they are no product's revenue; `regions` also those of regions."""
    account.reject((names == "").to_numpy(), "no product name")
    account.reject(
        (names.str.len() > LONGEST_NAME).to_numpy(), f"product name longer than {LONGEST_NAME} characters"
    )
    account.reject(_matching(names, ELIMINATION), "elimination, plug or adjustment, by its name")
    account.reject(_matching(names, TOTAL), "a total, by its name")
    account.reject(_matching(names, PART_OF_ANOTHER), "part of another row (其中), by its name")
    account.reject(_matching(names, NO_REVENUE), "an item that is not revenue, by its name")
    if regions:
        account.reject(_matching(names, REGION), "a region, not a product, by its name")


def unnamed(names: pd.Series[str]) -> npt.NDArray[np.bool_]:
    """Which cleaned names stand for "other", [n_rows]."""
    return _matching(names, UNNAMED)


def _matching(names: pd.Series[str], pattern: re.Pattern[str]) -> npt.NDArray[np.bool_]:
    codes, distinct = pd.factorize(names)
    found = np.array([bool(pattern.search(name)) for name in distinct], dtype=bool)
    return found[codes] if len(codes) else np.zeros(0, dtype=bool)


def reject_by_amount(account: Account, amount: Floats, what: str) -> None:
    """Reject rows whose figure is missing, negative or zero; `what` names it in the causes."""
    account.reject(np.isnan(amount), f"no {what}")
    account.reject(amount < 0, f"negative {what}")
    account.reject(amount == 0, f"{what} of zero")


def shares_of_revenue(account: Account, report: npt.NDArray[np.int64], revenue: Floats) -> Floats:
    """Each row's share of its report's revenue, over the rows that are left; NaN for the others."""
    left = account.left
    total = np.bincount(report[left], weights=revenue[left], minlength=int(report.max(initial=-1)) + 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(left, revenue / total[report], np.nan)


def settle(
    account: Account,
    report: npt.NDArray[np.int64],
    product: npt.NDArray[np.object_],
    share: Floats,
    policy: Policy,
    *,
    split_equal: bool = False,
) -> Floats:
    """Weights of the rows that are left, by the policy; the others, and those that name no product, are NaN.

    Args:
        account: where the rows stand; causes are added
        report: the number of each row's report, [n_rows]
        product: each row's product id, "" for a row that names none, [n_rows]
        share: each row's share of its report's revenue, above 0, [n_rows]
        policy: one of `POLICIES`
        split_equal: where a report's shares add up to more than 1, rows of exactly equal shares name one revenue
            several times (a name split in its parts, or one line in two breakdowns): each gets its part of it
    """
    weight = np.where(account.left, share, np.nan)
    named = product != ""
    keep_largest(account, report, product, weight)
    weight[~account.left] = np.nan
    size = int(report.max(initial=-1)) + 1
    heavy = _total(report, weight, size) > 1 + TOLERANCE + _NOISE
    if policy == "reject":
        account.reject(heavy[report], "shares of its report add up to more than 1 (policy reject)")
        weight[~account.left] = np.nan
        heavy[:] = False
    split = np.zeros(len(weight), dtype=bool)
    if split_equal and heavy.any():
        places = np.flatnonzero(account.left & heavy[report])
        groups = pd.DataFrame({"report": report[places], "share": share[places]})
        parts = groups.groupby(["report", "share"])["share"].transform("size").to_numpy()
        weight[places] /= parts
        split[places[parts > 1]] = True
        account.change(split, "equal shares of one report name one revenue: split evenly")
    account.reject(~named, TO_NO_PRODUCT)
    counted = np.where(named, weight, np.nan) if policy == "renormalise" else weight
    total = _total(report, counted, size)
    weight[~account.left] = np.nan
    scaled = (total > 1 + TOLERANCE + _NOISE) if policy != "renormalise" else np.abs(total - 1) > _NOISE
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(scaled[report], weight / total[report], weight)
    down = (scaled & (total > 1))[report] & account.left
    account.change(down & ~split, "share scaled down: those of its report add up to more than 1")
    account.change(down & split, "equal shares of one report split evenly, then scaled down")
    account.change(
        (scaled & (total < 1))[report] & account.left, "share scaled up to a sum of 1 (policy renormalise)"
    )
    # What rounding leaves above 1 (at most TOLERANCE) stays as reported; a single weight may not.
    return np.minimum(weight, 1.0)


def keep_largest(
    account: Account, report: npt.NDArray[np.int64], product: npt.NDArray[np.object_], weight: Floats
) -> None:
    """Of rows of one product in one report the largest stays: the others say the same in another breakdown."""
    places = np.flatnonzero(account.left & (product != ""))
    rows = pd.DataFrame({"report": report[places], "product": product[places], "weight": -weight[places]})
    order = rows.sort_values("weight", kind="stable").index.to_numpy()
    again = rows.iloc[order].duplicated(["report", "product"]).to_numpy()
    account.merge(places[order[again]], "the product again in the same report: the larger figure stands")


def _total(report: npt.NDArray[np.int64], weight: Floats, size: int) -> Floats:
    total: Floats = np.bincount(report, weights=np.nan_to_num(weight), minlength=size).astype("float64")
    return total
