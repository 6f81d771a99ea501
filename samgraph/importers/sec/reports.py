"""Reports of revenue by product out of single facts: which are used, under which tag, as shares of which revenue.

A filing gives a period's revenue by product perhaps under several tags, units and axes. Each of these is a candidate;
the one whose products explain most of the consolidated revenue becomes the report. All of it is decided within one
filing, so that nothing filed later can change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers import shares
from samgraph.importers.coverage import Account, merge_repeats
from samgraph.importers.reading import LONGEST_NAME
from samgraph.importers.sec.filings import days
from samgraph.importers.sec.members import member
from samgraph.importers.sec.totals import TOLERANCE, near, totals

Floats = npt.NDArray[np.float64]

WHOLE_TAGS = (
    "Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax",
    "RevenueFromContractWithCustomerIncludingAssessedTax", "SalesRevenueNet", "SalesRevenueGoodsNet",
    "SalesRevenueServicesNet", "SalesRevenueGoodsGross", "SalesRevenueServicesGross", "RevenuesNetOfInterestExpense",
    "RegulatedAndUnregulatedOperatingRevenue", "HealthCareOrganizationRevenue",
    "HealthCareOrganizationRevenueNetOfPatientServiceRevenueProvisions", "OilAndGasRevenue", "RealEstateRevenueNet",
    "Revenue", "RevenueFromContractsWithCustomers",
)  # fmt: skip
"""Tags whose consolidated figure can be all of a company's revenue (us-gaap, ifrs-full); the largest one is taken."""
PART_TAGS = (
    "AssetManagementFees", "AdvertisingRevenue", "ContractsRevenue", "ElectricUtilityRevenue", "FeesAndCommissions",
    "FoodAndBeverageRevenue", "FranchiseRevenue", "GasGatheringTransportationMarketingAndProcessingRevenue",
    "InsuranceServicesRevenue", "LicensesRevenue", "LicensesAndServicesRevenue", "MaintenanceRevenue",
    "NaturalGasProductionRevenue", "OilAndCondensateRevenue", "OperatingLeasesIncomeStatementLeaseRevenue",
    "OtherSalesRevenueNet", "PremiumsEarnedNet", "RefiningAndMarketingRevenue", "RoyaltyRevenue",
    "SalesRevenueEnergyServices", "SubscriptionAndCirculationRevenue", "TechnologyServicesRevenue",
    "TransportationRevenue", "UtilityRevenue",
)  # fmt: skip
"""Further tags that are revenue, if not all of it."""

_CANDIDATE = ["adsh", "ddate", "qtrs", "axis", "tag", "version", "uom"]
_NO_CAUSE = "the report again, under another tag, unit or axis that explains less of the revenue"


@dataclass(frozen=True)
class Choice:
    """How reports are read.

    axes: in the order in which one stands in for the next
    tags: those that are revenue
    quarters: single quarters between fiscal years too
    policy: what becomes of products that add up to more than the revenue
    """

    axes: tuple[str, ...]
    tags: tuple[str, ...]
    quarters: bool = False
    policy: shares.Policy = "reject"


def read_facts(facts: pd.DataFrame, filings: pd.DataFrame, choice: Choice, account: Account) -> pd.DataFrame:
    """The facts in numbers, with the filing's columns; those that no report can use are settled.

    Raises:
        DatasetError: a value is not a number
    """
    text = facts["value"]
    value = pd.to_numeric(text.mask(text == ""), errors="coerce").to_numpy(dtype="float64")
    for row in np.flatnonzero(~np.isfinite(value) & (text != "").to_numpy()):
        raise DatasetError(
            f"num.txt: the value {text.iloc[row][:60]!r} of {facts['tag'].iloc[row][:80]} in filing "
            f"{facts['adsh'].iloc[row][:40]} is not a finite number; download its quarter again"
        )
    end = days(facts["ddate"])
    table = facts.assign(value=value, ddate=end.astype("datetime64[s]"))
    table = table.merge(filings.drop(columns="name"), on="adsh", how="left", validate="many_to_one")
    account.reject(table["company_id"].isna().to_numpy(), "its filing is not in sub.txt, or cannot be used")
    account.reject(np.isnan(value), "no figure")
    account.reject(np.isnat(end), "no period end")
    account.reject(
        (table["ddate"] >= table["known"]).to_numpy(), "filed before, or on, the last day of its period"
    )
    table["qtrs"] = table["qtrs"].map({"4": 4, "1": 1}).fillna(0).astype("int64")
    apart = (table["ddate"].dt.month - table["fye"]).mod(12)
    account.ignore(
        ((table["qtrs"] == 4) & apart.between(2, 10)).to_numpy(), "four quarters that end with no fiscal year"
    )
    if choice.quarters:
        account.ignore(
            ((table["qtrs"] == 1) & apart.isin([0, 1, 11])).to_numpy(),
            "a single quarter that ends with a fiscal year",
        )
    taken = (4, 1) if choice.quarters else (4,)
    account.ignore(
        ~table["qtrs"].isin(taken).to_numpy(),
        f"a period of another length than {' or '.join(map(str, taken))} quarters",
    )
    _settle_members(table, account)
    return table


def _settle_members(table: pd.DataFrame, account: Account) -> None:
    """Add each row's kind of member ("" for a consolidated figure), and settle those that are not revenue."""
    table["member"] = table["member"].str.rstrip("_")
    kinds = {one: member(one).kind for one in table["member"].unique()}
    by_product = (table["axis"] != "").to_numpy()
    table["kind"] = np.where(by_product, table["member"].map(kinds), "")
    account.change(~by_product, "consolidated revenue, which products are shares of")
    account.reject((table["member"] == "").to_numpy() & by_product, "no product name")
    account.reject(
        (table["member"].str.len() > LONGEST_NAME).to_numpy(),
        f"product name longer than {LONGEST_NAME} characters",
    )
    account.reject((table["kind"] == "total").to_numpy(), "a total, by its name")
    account.reject((table["kind"] == "no revenue").to_numpy(), "an item that is not revenue, by its name")
    candidate = table.groupby(_CANDIDATE, sort=False, dropna=False).ngroup().to_numpy()
    repeats = pd.DataFrame({"report": candidate, "member": table["member"], "value": table["value"]})
    merge_repeats(account, repeats, ["report", "member"])


def settle_reports(table: pd.DataFrame, choice: Choice, account: Account) -> Floats:
    """Each row's share of its report's revenue, NaN for rows that are not used, [n_rows].

    Rows of kind "unnamed" keep their share: they are revenue, but no product's.
    """
    table = table.reset_index(drop=True)
    whole, own = _consolidated(table, account)
    by_product = (table["axis"] != "").to_numpy()
    target = np.where(np.isnan(own), whole, own)
    account.reject(by_product & np.isnan(target), "no consolidated revenue of its period to compare with")
    _settle_totals(table, target, account)
    rows = table[by_product & account.left].copy()
    rows["target"], rows["revenue"] = target[rows.index], np.fmax(whole, own)[rows.index]
    rows["whole"] = whole[rows.index]
    found = _candidates(rows, choice)
    _settle_candidates(rows, found, choice, account)
    left = rows[account.left[rows.index]]
    weight = np.full(len(table), np.nan)
    weight[left.index] = left["value"] / found.loc[left["candidate"], "base"].to_numpy()
    _settle_amounts(table, account)
    weight[~account.left | ~by_product] = np.nan
    return weight


def _consolidated(table: pd.DataFrame, account: Account) -> tuple[Floats, Floats]:
    """The consolidated revenue of each row's filing, period and unit, and the figure of its own tag; NaN: none."""
    rows = table[(table["axis"] == "").to_numpy() & account.left & (table["value"] > 0).to_numpy()]
    period = ["adsh", "ddate", "qtrs", "uom"]

    def largest(of: pd.DataFrame, key: list[str]) -> Floats:
        most = of.groupby(key)["value"].max().rename("most")
        return (
            table[key]
            .merge(most, left_on=key, right_index=True, how="left")["most"]
            .to_numpy(dtype="float64")
        )

    return largest(rows[rows["tag"].isin(WHOLE_TAGS)], period), largest(rows, [*period, "tag"])


def _settle_totals(table: pd.DataFrame, target: Floats, account: Account) -> None:
    """Reject members that are totals of others, judged by all the periods of a filing together."""
    rows = table[(table["axis"] != "").to_numpy() & account.left]
    group = rows.groupby(["adsh", "axis", "tag", "version", "uom", "qtrs"], sort=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    values, names = rows["value"].to_numpy(), pd.factorize(rows["member"])[0]
    ends, wanted = rows["ddate"].to_numpy(), target[rows.index]
    for places in np.split(order, starts[1:]) if len(order) else []:
        period, column = np.unique(ends[places], return_inverse=True)
        _, line = np.unique(names[places], return_inverse=True)
        goal = np.full(len(period), np.nan)
        goal[column] = wanted[places]
        if near(np.bincount(column, values[places]).astype("float64"), goal).all():
            continue
        matrix = np.full((int(line.max()) + 1, len(period)), np.nan)
        matrix[line, column] = values[places]
        hidden = totals(matrix, goal)
        account.reject(rows.index[places[hidden[line]]].to_numpy(), "a total of other products, by their sum")


def _candidates(rows: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """One row per candidate, by number (added to `rows`): its key, its sums, what its shares are of, how good it is."""
    rows["candidate"] = rows.groupby(_CANDIDATE, sort=True).ngroup()
    above = rows["value"].clip(lower=0)
    sums = pd.DataFrame(
        {"all": rows["value"], "above": above, "named": above.where(rows["kind"] == "product", 0.0)}
    )
    found = sums.groupby(rows["candidate"]).sum()
    found[["target", "revenue", "whole"]] = rows.groupby("candidate")[["target", "revenue", "whole"]].first()
    found[_CANDIDATE] = rows.groupby("candidate")[_CANDIDATE].first()
    found["fits"] = near(found["all"].to_numpy(), found["target"].to_numpy())
    found["over"] = ~found["fits"] & (found["all"] > found["target"] * (1 + TOLERANCE))
    # Where eliminations or losses make the sum, shares are of what is above zero: gross, or they would exceed 1.
    gross = np.where(found["fits"], found["above"] * found["revenue"] / found["target"], found["above"])
    found["base"] = np.maximum(found["revenue"], gross)
    found["explained"] = (found["named"] / found["base"]).round(9)
    found["listed"] = found["tag"].isin(choice.tags)
    found["sound"] = found["listed"] | near(found["all"].to_numpy(), found["whole"].to_numpy())
    if choice.policy == "renormalise":
        found["base"] = found["named"]
    return found


def _settle_candidates(rows: pd.DataFrame, found: pd.DataFrame, choice: Choice, account: Account) -> None:
    """Leave the rows of the best candidate of each filing and period."""

    def settle(which: npt.ArrayLike, outcome: str, cause: str) -> None:
        getattr(account, outcome)(
            rows.index[rows["candidate"].isin(found.index[np.asarray(which, dtype=bool)])].to_numpy(), cause
        )

    settle(
        ~found["sound"], "ignore", "a tag that is not known as revenue, and its products do not add up to it"
    )
    settle(found["named"] <= 0, "reject", "its report names no product")
    good = found["sound"] & (found["named"] > 0)
    if choice.policy == "reject":
        settle(
            good & found["over"],
            "reject",
            "products add up to more than the revenue, and no total explains it",
        )
        good &= ~found["over"]
    ranked = found[good].assign(axis=found["axis"].map(choice.axes.index))
    ranked = ranked.sort_values(
        ["qtrs", "axis", "over", "explained", "listed", "tag", "version", "uom"],
        ascending=[False, True, True, False, False, True, True, True],
    )
    again = ranked.duplicated(["adsh", "ddate"])
    settle(found.index.isin(ranked.index[again]) & good, "merge", _NO_CAUSE)
    chosen = ranked.index[~again]
    scaled = found.index.isin(chosen) & (found["above"] > found["revenue"] * (1 + TOLERANCE))
    settle(scaled & found["over"], "change", "share scaled down: products add up to more than the revenue")
    settle(
        scaled & ~found["over"],
        "change",
        "share of the revenue above zero: other rows of its report are negative",
    )


def _settle_amounts(table: pd.DataFrame, account: Account) -> None:
    """Reject what is in a chosen report, but is no product's revenue."""
    by_product = (table["axis"] != "").to_numpy()
    value = table["value"].to_numpy()
    account.reject(
        (table["kind"] == "elimination").to_numpy(), "elimination, plug or adjustment, by its name"
    )
    account.reject(by_product & (value < 0), "negative revenue")
    account.reject(by_product & (value == 0), "revenue of zero")
    account.reject((table["kind"] == "unnamed").to_numpy(), shares.TO_NO_PRODUCT)
