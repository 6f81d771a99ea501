"""Companies: when they are listed, what they sell through time, what they report of it and when."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from samgraph.economy.parameters import Parameters, half_year_ends
from samgraph.economy.taxonomy import ProductTree

MOST_PRODUCTS = 12
_ENTRY = -1.6  # log weight of a product just entered, beside an established one of about 0


@dataclass(frozen=True)
class Companies:
    """Lives of the companies; `first`/`last` are row numbers of trading days (`last` inclusive)."""

    company_id: np.ndarray
    listed_on: np.ndarray
    delisted_on: np.ndarray
    first: np.ndarray
    last: np.ndarray
    cap: np.ndarray

    @property
    def size_rank(self) -> np.ndarray:
        """Rank of the starting market cap: 0 for the smallest company, 1 for the largest [n_stocks]."""
        order: np.ndarray = self.cap.argsort().argsort()
        return order / max(len(order) - 1, 1)


@dataclass(frozen=True)
class Mixes:
    """True shares of revenue at half-year ends.

    `product` [n_periods, n_stocks, n_slots] holds leaf numbers (-1 for an empty slot), `weight` the
    shares (rows sum to 1). Between two half-year ends the true mix moves linearly.
    """

    period_end: np.ndarray
    product: np.ndarray
    weight: np.ndarray

    def matrix(self, period: int, columns: np.ndarray, n_columns: int) -> sparse.csr_matrix:
        """Shares at one half-year end [n_stocks, n_columns], with leaf `l` counted in column `columns[l]`."""
        used = self.product[period] >= 0
        stock = np.nonzero(used)[0]
        column = columns[self.product[period][used]]
        shape = (self.product.shape[1], n_columns)
        return sparse.csr_matrix((self.weight[period][used], (stock, column)), shape=shape)


def live(parameters: Parameters, days: np.ndarray) -> Companies:
    """Listings and delistings: about a tenth list and 6% leave within the period."""
    rng = parameters.stream("lives")
    n = parameters.companies
    width = max(4, len(str(n)))
    company_id = np.array([f"SIM{i + 1:0{width}d}" for i in range(n)])
    cap = np.exp(rng.normal(np.log(9e9), 1.15, n)).round(-4)

    first = np.zeros(n, dtype=np.int64)
    last = np.full(n, len(days) - 1)
    listed_on = days[0] - rng.integers(60, 20 * 365, n).astype("timedelta64[D]")
    order = rng.permutation(n)
    n_new, n_gone = max(1, round(parameters.listings * n)), max(1, round(parameters.delistings * n))
    newcomers, leavers = order[:n_new], order[n_new : n_new + n_gone]
    first[newcomers] = rng.integers(20, int(len(days) * 0.85), n_new)
    listed_on[newcomers] = days[first[newcomers]]
    last[leavers] = rng.integers(len(days) // 5, len(days) - 20, n_gone)
    delisted_on = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
    delisted_on[leavers] = days[last[leavers] + 1]
    return Companies(company_id, listed_on, delisted_on, first, last, cap)


def _product_counts(parameters: Parameters, rng: np.random.Generator) -> np.ndarray:
    """How many products each company sells, with the wanted shares of 2 or more and 5 or more exact."""
    n = parameters.companies
    single = round(n * (1 - parameters.multi_product))
    many = round(n * parameters.many_product)
    counts = np.concatenate(
        [
            np.ones(single, dtype=np.int64),
            rng.integers(2, 5, n - single - many),
            np.clip(5 + rng.poisson(1.8, many), 5, MOST_PRODUCTS),
        ]
    )
    return rng.permutation(counts)


class _Choice:
    """Where a company looks for its next product: mostly in families it is in, else anywhere."""

    def __init__(self, taxonomy: ProductTree, born: np.ndarray, rng: np.random.Generator) -> None:
        self.taxonomy = taxonomy
        self.born = born
        self.rng = rng
        self.by_family = [np.flatnonzero(taxonomy.family == k) for k in range(taxonomy.n_families)]

    def family(self, home: int) -> int:
        """A second line of business: in the home group, along the value chain, or unrelated."""
        taxonomy, rng = self.taxonomy, self.rng
        draw = rng.random()
        if draw < 0.25:
            near = np.flatnonzero(taxonomy.group == taxonomy.group[home])
        elif draw < 0.5:
            near = np.flatnonzero((taxonomy.suppliers[home] > 0) | (taxonomy.suppliers[:, home] > 0))
        else:
            near = np.arange(taxonomy.n_families)
        return int(near[rng.integers(len(near))]) if len(near) else home

    def leaf(self, families: list[int], taken: set[int], day: np.datetime64) -> int:
        """A product of these families that is not taken yet; of any family where they are exhausted."""
        pool = np.concatenate([self.by_family[k] for k in families])
        free = [x for x in pool.tolist() if x not in taken and self.born[x] <= day]
        if not free:
            every = range(len(self.taxonomy.leaves))
            free = [x for x in every if x not in taken and self.born[x] <= day]
        return int(free[int(self.rng.integers(len(free)))])


def drift(parameters: Parameters, taxonomy: ProductTree, days: np.ndarray) -> Mixes:
    """Mixes that drift, with products entered small and left when small."""
    rng = parameters.stream("mix")
    ends = half_year_ends(days[0] - np.timedelta64(3 * 366, "D"), days[-1] + np.timedelta64(184, "D"))
    n = parameters.companies
    counts = _product_counts(parameters, rng)
    born = taxonomy.born[taxonomy.leaves]
    choice = _Choice(taxonomy, born, rng)
    popularity = rng.dirichlet(np.full(taxonomy.n_families, 8.0))

    product = np.full((len(ends), n, MOST_PRODUCTS), -1)
    log_weight = np.full((len(ends), n, MOST_PRODUCTS), -np.inf)
    level = np.full((n, MOST_PRODUCTS), -np.inf)  # where each product's log weight reverts to
    home = rng.choice(taxonomy.n_families, size=n, p=popularity)
    for i in range(n):
        families = [int(home[i])]
        while len(families) < min(1 + int(counts[i]) // 2, 4):
            families.append(choice.family(int(home[i])))
        taken: set[int] = set()
        for s in range(int(counts[i])):
            taken.add(leaf := choice.leaf([families[s % len(families)]], taken, ends[0]))
            product[0, i, s] = leaf
        level[i, : counts[i]] = rng.normal(0, 0.7, counts[i])
    log_weight[0] = level

    for p in range(1, len(ends)):
        product[p] = product[p - 1]
        used = product[p] >= 0
        before = np.where(used, log_weight[p - 1], 0.0)
        after = before + 0.25 * (np.where(used, level, 0.0) - before) + rng.normal(0, 0.22, used.shape)
        log_weight[p] = np.where(used, after, -np.inf)
        for i in np.flatnonzero((counts > 1) & (rng.random(n) < 0.3)).tolist():
            slot = int(np.where(used[i], log_weight[p, i], np.inf).argmin())
            held = set(product[p, i][used[i]].tolist())
            known = [int(k) for k in np.unique(taxonomy.family[product[p, i][used[i]]])]
            where = known if rng.random() < 0.5 else [choice.family(int(home[i]))]
            product[p, i, slot] = choice.leaf(where, held, ends[p])
            log_weight[p, i, slot] = _ENTRY
            level[i, slot] = rng.normal(0.2, 0.6)
    weight = np.exp(log_weight)
    weight /= weight.sum(axis=2, keepdims=True)
    return Mixes(ends, product, _rounded(weight))


def _rounded(weight: np.ndarray, digits: int = 4) -> np.ndarray:
    """Shares rounded to `digits` that still sum to 1 in the last axis (largest remainders rounded up)."""
    scale = 10**digits
    floor = np.floor(weight * scale)
    remainder = weight * scale - floor
    short = (scale - floor.sum(axis=-1)).round().astype(np.int64)
    rank = (-remainder).argsort(axis=-1, kind="stable").argsort(axis=-1, kind="stable")
    rounded: np.ndarray = (floor + (rank < short[..., None])) / scale
    return rounded


def report(
    parameters: Parameters, taxonomy: ProductTree, companies: Companies, mixes: Mixes, last_day: np.datetime64
) -> pd.DataFrame:
    """Table `segments`: each half-year's mix, announced 20 to 120 days later, some first wrongly.

    A restated report is announced twice for the same period: first with a mistaken split, then with
    the true one, sometimes after the next period's report. Nothing announced after `last_day` is there.
    """
    rng = parameters.stream("reports")
    n_periods, n, _ = mixes.product.shape
    lag = rng.integers(20, 121, (n_periods, n))
    restated = rng.random((n_periods, n)) < parameters.restated
    again = rng.integers(30, 241, (n_periods, n))
    mistake = rng.normal(0, 0.8, mixes.product.shape)
    ids = taxonomy.product_id[taxonomy.leaves]
    # Old enough to know what a newcomer sold before its listing, and no older.
    earliest = companies.listed_on - np.timedelta64(300, "D")
    parts = []
    for p in range(n_periods):
        used = mixes.product[p] >= 0
        wrong = np.where(used, mixes.weight[p] * np.exp(mistake[p]), 0)
        wrong = _rounded(wrong / wrong.sum(axis=1, keepdims=True))
        announced = mixes.period_end[p] + lag[p].astype("timedelta64[D]")
        later = announced + again[p].astype("timedelta64[D]")
        for first_one in (True, False):
            day = announced if first_one else later
            weight = np.where(restated[p][:, None], wrong, mixes.weight[p]) if first_one else mixes.weight[p]
            told = (
                (day <= last_day)
                & (day >= earliest)
                & (np.isnat(companies.delisted_on) | (day < companies.delisted_on))
            )
            if not first_one:
                told &= restated[p] & (announced >= earliest)
            keep = used & told[:, None] & (weight > 0)
            stock = np.nonzero(keep)[0]
            parts.append(
                pd.DataFrame(
                    {
                        "company_id": companies.company_id[stock],
                        "product_id": ids[mixes.product[p][keep]],
                        "period_end": np.datetime_as_string(mixes.period_end[p]),
                        "announced_on": np.datetime_as_string(day[stock]),
                        "weight": weight[keep].round(4),
                    }
                )
            )
    table = pd.concat(parts)
    return table.sort_values(["company_id", "period_end", "announced_on", "product_id"], ignore_index=True)
