"""What an audit changes in a dataset: only what became known after a day.

Each kind of input has a function that multiplies, deletes and inserts rows, seeded. A change never touches what was
known by the end of the day: a row dated later may be anything, a span that holds on the day may only end on another
later day, and a report counts as later where it was announced on the day or after it, because nothing may use it
before the day after. The changed dataset is one that a load accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from samgraph.audit.edits import Tables, append, change_spans, differing, later_days, some_rows

Change = Callable[[Tables, pd.Timestamp, np.random.Generator], None]

_PRICES = ("open", "high", "low", "close", "vwap")
_FLAGS = ("tradable", "limit_up", "limit_down")
_REPORT = ["company_id", "period_end", "announced_on"]
NEW = "-audit"  # ends the ids of inserted companies and products, which so stand amidst the others on every axis


def change(
    tables: Mapping[str, pd.DataFrame], day: pd.Timestamp, kinds: Sequence[str], seed: int
) -> tuple[Tables, dict[str, int]]:
    """Change what became known after `day`.

    Args:
        tables: the dataset, typed as `Dataset.read` gives it; not written into.
        day: the last day whose knowledge stays.
        kinds: which inputs, of `KINDS`.
        seed: the same seed gives the same changes.

    Returns:
        the changed tables, and the number of rows that differ, by kind (0: the dataset has nothing of it to change).
    """
    changed = {name: frame.copy() for name, frame in tables.items()}
    rows = {}
    for kind in kinds:
        before = dict(changed)
        CHANGES[kind](changed, day, np.random.default_rng((seed, list(CHANGES).index(kind))))
        rows[kind] = sum(differing(before[name], changed[name]) for name in changed)
    return changed, rows


def _bars(tables: Tables, day: pd.Timestamp, rng: np.random.Generator, columns: Sequence[str]) -> None:
    """Multiply some columns of the later bars, a factor a row for each group of columns that moves together."""
    bars = tables.get("bars")
    if bars is None:
        return
    bars, late = bars.copy(), (bars["date"] > day).to_numpy()
    wild = np.exp(rng.normal(0.0, 0.4, int(late.sum())))
    for name in columns:
        if name in bars:
            bars.loc[late, name] = bars.loc[late, name] * wild
    tables["bars"] = bars


def _prices(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Other prices and adjustments, flags turned; rows and a company's whole future gone, rows put into gaps."""
    if "bars" not in tables:
        return
    _bars(tables, day, rng, _PRICES)
    _bars(tables, day, rng, ("adj_factor",))
    _bars(tables, day, rng, ("book_to_price",))
    bars = tables["bars"]
    late = (bars["date"] > day).to_numpy()
    for name in _FLAGS:
        if name in bars:
            turned = late & some_rows(len(bars), 0.1, rng)
            bars.loc[turned, name] = ~bars.loc[turned, name].fillna(False).astype("boolean")
    gone = late & (rng.random(len(bars)) < 0.05)
    ending = rng.permutation(bars["company_id"].unique())[:2]
    gone |= late & bars["company_id"].isin(ending).to_numpy()
    kept = bars[~gone]
    tables["bars"] = pd.concat([kept, _put_into_gaps(kept, day, rng)], ignore_index=True)


def _put_into_gaps(bars: pd.DataFrame, day: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Bars, each like another one, of companies that have none on a later trading day, and of a day that was none."""
    late = bars[bars["date"] > day]
    if late.empty:
        return late
    days, companies = late["date"].unique(), bars["company_id"].unique()
    n = max(5, len(late) // 50)
    drawn = pd.DataFrame(
        {"date": rng.choice(np.asarray(days), n), "company_id": rng.choice(np.asarray(companies), n)}
    )
    drawn["date"] = drawn["date"].astype(bars["date"].dtype)
    every = pd.DatetimeIndex(days)
    closed = every[every.day_of_week == 4] + pd.Timedelta(days=1)  # a Saturday
    if len(closed):
        extra = drawn.iloc[: n // 2].assign(date=pd.Series([closed[0]] * (n // 2), dtype=bars["date"].dtype))
        drawn = pd.concat([drawn, extra], ignore_index=True)
    drawn = drawn.drop_duplicates()
    known = pd.MultiIndex.from_frame(late[["date", "company_id"]])
    drawn = drawn[~pd.MultiIndex.from_frame(drawn).isin(known)]
    like = late.iloc[rng.integers(0, len(late), len(drawn))].reset_index(drop=True)
    return like.assign(date=drawn["date"].to_numpy(), company_id=drawn["company_id"].to_numpy()).astype(
        bars.dtypes.to_dict()
    )


def _volumes(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Other volumes; some of them nothing."""
    _bars(tables, day, rng, ("volume",))
    if "bars" in tables:
        bars = tables["bars"]
        none = (bars["date"] > day).to_numpy() & (rng.random(len(bars)) < 0.02)
        bars.loc[none, "volume"] = 0.0


def _caps(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Other market caps; some of them unknown."""
    _bars(tables, day, rng, ("market_cap",))
    if "bars" in tables:
        bars = tables["bars"]
        none = (bars["date"] > day).to_numpy() & (rng.random(len(bars)) < 0.1)
        bars.loc[none, "market_cap"] = np.nan


def _reports(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Later reports with other shares, or gone; spans that hold end on another day, or begin no more."""
    frame = tables["segments"].copy()
    if "announced_on" in frame:
        late = (frame["announced_on"] >= day).to_numpy()
        reports = frame.loc[late].groupby(_REPORT, sort=False).ngroup().to_numpy()
        factor = rng.uniform(0.3, 1.0, len(frame))
        for name in ("weight", "revenue"):
            if name in frame:
                frame.loc[late, name] = frame.loc[late, name] * factor[late]
        dropped = some_rows(int(reports.max()) + 1, 0.2, rng) if len(reports) else np.zeros(0, dtype=bool)
        gone = np.zeros(len(frame), dtype=bool)
        gone[late] = dropped[reports]
        frame = frame[~gone]
    tables["segments"] = change_spans(frame, day, rng, ["company_id", "product_id"])


def _restatements(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Periods that were reported by the day are reported again, otherwise, and new periods for the first time."""
    frame = tables["segments"]
    if "announced_on" not in frame:
        return
    known = frame[(frame["announced_on"] < day) & frame["announced_on"].notna()]
    if known.empty:
        return
    taken = {tuple(row) for row in frame[_REPORT].drop_duplicates().itertuples(index=False)}
    added = []
    groups = list(known.groupby(_REPORT, sort=True))
    for place in np.flatnonzero(some_rows(len(groups), 0.3, rng)):
        (company, period, _), rows = groups[place]
        told = day + pd.Timedelta(days=int(rng.integers(0, 40)))
        ended: Any = period if rng.random() < 0.6 else day
        if (company, ended, told) in taken:
            continue
        taken.add((company, ended, told))
        fresh = rows.iloc[: max(1, len(rows) - 1)].assign(announced_on=told)
        fresh["period_end"] = ended
        for name in ("weight", "revenue"):
            if name in fresh:
                fresh[name] = fresh[name] * rng.uniform(0.2, 1.0, len(fresh))
        added.append(fresh)
    tables["segments"] = pd.concat([frame, *added], ignore_index=True).astype(frame.dtypes.to_dict())


def _memberships(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Members leave and join on other later days; index weights of later spans change."""
    if "universes" not in tables:
        return
    frame = change_spans(tables["universes"], day, rng, ["universe", "company_id"])
    if "weight" in frame:
        late = (frame["valid_from"] > day).to_numpy()
        frame.loc[late, "weight"] = frame.loc[late, "weight"] * rng.uniform(0.2, 1.0, int(late.sum()))
    joined = []
    for universe, rows in frame.groupby("universe"):
        ended = rows[rows["valid_to"].notna()].groupby("company_id")["valid_to"].max()
        ended = ended[~ended.index.isin(rows.loc[rows["valid_to"].isna(), "company_id"])]
        again = ended[ended.to_numpy() <= day + pd.Timedelta(days=1)].index
        outside = tables["companies"].loc[
            ~tables["companies"]["company_id"].isin(rows["company_id"]), "company_id"
        ]
        joining = [*again, *outside]
        for company in rng.permutation(np.asarray(joining, dtype=object))[: 1 + len(rows) // 10]:
            joined.append(
                (universe, company, pd.Timestamp(later_days(day, 1, rng)[0]) + pd.Timedelta(days=1))
            )
    new = pd.DataFrame(joined, columns=["universe", "company_id", "valid_from"])
    tables["universes"] = append(frame, new)


def _listings(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Later listings and delistings on other days; two new companies with bars, reports and memberships."""
    frame = tables["companies"].copy()
    if "delisted_on" in frame:
        ends = frame["delisted_on"]
        some = (ends.isna() | (ends > day)).to_numpy() & some_rows(len(frame), 0.2, rng)
        if "listed_on" in frame:
            some &= ~(frame["listed_on"] > day).to_numpy()
        other = pd.Series(later_days(day, len(frame), rng), index=frame.index)
        frame.loc[some, "delisted_on"] = other[some].where(ends[some].isna(), pd.NaT)
    if "listed_on" in frame:
        late = (frame["listed_on"] > day).to_numpy()
        frame.loc[late, "listed_on"] = later_days(day, int(late.sum()), rng)
        if "delisted_on" in frame:
            frame.loc[late, "delisted_on"] = pd.NaT
    models = frame["company_id"].to_numpy()[rng.permutation(len(frame))[:2]]
    for number, model in enumerate(models):
        _found(tables, f"{model}{NEW}", model, day)
        row: dict[str, object] = {"company_id": f"{model}{NEW}", "name": f"New {number}"}
        if "listed_on" in frame:
            row["listed_on"] = day + pd.Timedelta(days=1)
        frame = append(frame, pd.DataFrame([row]))
    tables["companies"] = frame


def _found(tables: Tables, company: str, model: str, day: pd.Timestamp) -> None:
    """Give a company that is listed after the day the later bars of another one, a report and a membership."""
    if "bars" in tables:
        bars = tables["bars"]
        own = bars[(bars["company_id"] == model) & (bars["date"] > day)].assign(company_id=company)
        tables["bars"] = pd.concat([bars, own], ignore_index=True)
    if "announced_on" in tables["segments"]:
        frame = tables["segments"]
        own = frame[(frame["company_id"] == model) & frame["announced_on"].notna()]
        if len(own):
            own = own[own["period_end"] == own["period_end"].min()]
            own = own[own["announced_on"] == own["announced_on"].min()]
            own = own.assign(company_id=company, announced_on=day + pd.Timedelta(days=1))
            own = own.assign(period_end=day)
            tables["segments"] = pd.concat([frame, own], ignore_index=True).astype(frame.dtypes.to_dict())
    if "universes" in tables:
        frame = tables["universes"]
        names = frame["universe"].unique()
        joins = {"universe": names, "company_id": company, "valid_from": day + pd.Timedelta(days=2)}
        tables["universes"] = append(frame, pd.DataFrame(joins))


def _industries(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Companies change their industry after the day, or do not where they did."""
    if "company_industries" not in tables:
        return
    frame = change_spans(tables["company_industries"], day, rng, ["company_id"])
    open_ = frame[frame["valid_to"].notna() & (frame["valid_to"] > day) & (frame["valid_from"] <= day)]
    open_ = open_[~open_["company_id"].isin(frame.loc[frame["valid_from"] > day, "company_id"])]
    ids = np.asarray(tables["industries"]["industry_id"], dtype=object)
    new = pd.DataFrame(
        {
            "company_id": open_["company_id"].to_numpy(),
            "industry_id": rng.choice(ids, len(open_)),
            "valid_from": open_["valid_to"].to_numpy(),
        }
    )
    late = (frame["valid_from"] > day).to_numpy()
    frame.loc[late, "industry_id"] = rng.choice(ids, int(late.sum()))
    tables["company_industries"] = append(frame, new)


def _taxonomy(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Products move up to their grandparent after the day, and new ones appear."""
    frame = tables["products"].copy()
    for name in ("valid_from", "valid_to"):
        if name not in frame:
            frame[name] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[s]")
    single = ~frame["product_id"].duplicated(keep=False)
    lasting = frame["valid_to"].isna() & ~(frame["valid_from"] > day)
    parents = frame[single & lasting].set_index("product_id")["parent_id"].dropna()
    parents = parents[parents.isin(parents.index)]  # a grandparent that lasts as well
    moved = parents[some_rows(len(parents), 0.1, rng)]
    turn = pd.Series(later_days(day, len(moved), rng), index=moved.index)
    place = frame["product_id"].isin(moved.index)
    again = frame[place].copy()
    again["parent_id"] = again["parent_id"].map(parents)
    again["valid_from"] = again["product_id"].map(turn)
    frame.loc[place, "valid_to"] = frame.loc[place, "product_id"].map(turn)
    homes = frame.loc[single & lasting & ~place, "product_id"].to_numpy()
    n = min(3, len(homes))
    parent = rng.permutation(homes)[:n]
    new = {
        "product_id": [f"{home}{NEW}" for home in parent],
        "name": [f"New product {number}" for number in range(n)],
        "parent_id": parent,
        "valid_from": later_days(day, n, rng),
    }
    both = pd.concat([frame, again], ignore_index=True).astype(frame.dtypes.to_dict())
    tables["products"] = append(both, pd.DataFrame(new))


def _links(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Value-chain links end, do not begin, weigh otherwise and appear, all after the day."""
    if "product_links" not in tables:
        return
    frame = tables["product_links"].copy()
    for name in ("valid_from", "valid_to"):
        if name not in frame:
            frame[name] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[s]")
    frame = change_spans(frame, day, rng, ["supplier_id", "customer_id"])
    if "weight" in frame:
        late = (frame["valid_from"] > day).to_numpy()
        frame.loc[late, "weight"] = frame.loc[late, "weight"] * rng.uniform(0.2, 1.0, int(late.sum()))
    ids = np.asarray(tables["products"]["product_id"].unique(), dtype=object)
    n = max(3, len(frame) // 10)
    new = pd.DataFrame(
        {"supplier_id": rng.choice(ids, n), "customer_id": rng.choice(ids, n)}
    ).drop_duplicates()
    pairs = pd.MultiIndex.from_frame(frame[["supplier_id", "customer_id"]])
    new = new[(new["supplier_id"] != new["customer_id"]) & ~pd.MultiIndex.from_frame(new).isin(pairs)]
    new["valid_from"] = later_days(day, len(new), rng)
    if "weight" in frame:
        new["weight"] = rng.uniform(0.1, 1.0, len(new))
    tables["product_links"] = append(frame, new)


def _competitors(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Links between companies end, do not begin, have other scores and appear, all after the day."""
    if "company_links" not in tables:
        return
    frame = change_spans(tables["company_links"], day, rng, ["company_id", "other_id"])
    late = (frame["valid_from"] > day).to_numpy()
    frame.loc[late, "score"] = frame.loc[late, "score"] * rng.uniform(0.2, 1.0, int(late.sum()))
    ids = np.sort(tables["companies"]["company_id"].to_numpy(dtype=object))
    n = max(3, len(frame) // 10)
    new = pd.DataFrame({"company_id": rng.choice(ids, n), "other_id": rng.choice(ids, n)}).drop_duplicates()
    linked = pd.MultiIndex.from_frame(
        pd.concat(
            [
                frame[["company_id", "other_id"]],
                frame[["other_id", "company_id"]].set_axis(["company_id", "other_id"], axis=1),
            ]
        )
    )
    new = new[(new["company_id"] < new["other_id"]) & ~pd.MultiIndex.from_frame(new).isin(linked)]
    new = new.assign(valid_from=later_days(day, len(new), rng), score=rng.uniform(0.1, 1.0, len(new)))
    tables["company_links"] = append(frame, new)


def _benchmark(tables: Tables, day: pd.Timestamp, rng: np.random.Generator) -> None:
    """Other levels of the benchmark. None is gone: a run without all of them is refused."""
    if "benchmarks" not in tables:
        return
    frame = tables["benchmarks"].copy()
    late = (frame["date"] > day).to_numpy()
    frame.loc[late, "close"] = frame.loc[late, "close"] * np.exp(rng.normal(0.0, 0.1, int(late.sum())))
    tables["benchmarks"] = frame


CHANGES: dict[str, Change] = {
    "prices": _prices,
    "volumes": _volumes,
    "caps": _caps,
    "reports": _reports,
    "restatements": _restatements,
    "memberships": _memberships,
    "listings": _listings,
    "industries": _industries,
    "taxonomy": _taxonomy,
    "links": _links,
    "competitors": _competitors,
    "benchmark": _benchmark,
}
KINDS = tuple(CHANGES)
