"""`truth.json`: what was planted, so that a user or a test can compare what was found with it."""

from typing import Any

import numpy as np

from samgraph.economy.companies import Companies, Mixes
from samgraph.economy.labels import Labels
from samgraph.economy.parameters import UNIVERSE, Parameters
from samgraph.economy.returns import Returns
from samgraph.economy.taxonomy import ProductTree

GENERATOR = "samgraph simulate"


def describe(
    parameters: Parameters,
    days: np.ndarray,
    *,
    taxonomy: ProductTree,
    companies: Companies,
    mixes: Mixes,
    labels: Labels,
    returns: Returns,
) -> dict[str, Any]:
    """The truth of one economy, ready for JSON. Premia and returns are fractions a trading day."""
    ids = taxonomy.product_id
    families = ids[taxonomy.family_row].tolist()
    names = companies.company_id.tolist()
    return {
        "generator": GENERATOR,
        "seed": parameters.seed,
        "parameters": parameters.as_dict(),
        "universe": UNIVERSE,
        "benchmark": UNIVERSE,
        "start": str(days[0]),
        "end": str(days[-1]),
        "families": {
            family: ids[taxonomy.leaves[taxonomy.family == k]].tolist() for k, family in enumerate(families)
        },
        "suppliers": {
            families[c]: {families[s]: float(taxonomy.suppliers[s, c]) for s in np.flatnonzero(column)}
            for c, column in enumerate(taxonomy.suppliers.T)
            if column.any()
        },
        "premia": _premia(returns, days, families),
        "slow_share": {
            company: round(float(share), 4) for company, share in zip(names, returns.slow, strict=True)
        },
        "hidden_groups": {
            f"group {g + 1}": companies.company_id[returns.group == g].tolist()
            for g in range(parameters.groups)
        },
        "mislabelled": list(labels.mislabelled),
        "mixes": _mixes(mixes, names, ids[taxonomy.leaves], days[-1]),
        "expected": _expected(parameters),
    }


def _premia(returns: Returns, days: np.ndarray, families: list[str]) -> dict[str, Any]:
    month = days.astype("datetime64[M]")
    starts = np.flatnonzero(np.concatenate([[True], month[1:] != month[:-1]]))
    premia = np.add.reduceat(returns.premium, starts) / np.diff([*starts, len(days)])[:, None]
    return {
        "unit": "mean expected return a trading day, by month",
        "months": [str(month[s]) for s in starts],
        "by_family": {
            family: [round(float(x), 7) for x in premia[:, k]] for k, family in enumerate(families)
        },
    }


def _mixes(
    mixes: Mixes, companies: list[str], leaves: np.ndarray, last: np.datetime64
) -> dict[str, dict[str, dict[str, float]]]:
    """Revenue shares by product, of each company, at every year's end up to the last day."""
    year_ends = [p for p, day in enumerate(mixes.period_end) if str(day).endswith("12-31") and day <= last]
    return {
        str(mixes.period_end[p]): {
            company: {
                str(leaves[leaf]): round(float(share), 4)
                for leaf, share in zip(mixes.product[p, i], mixes.weight[p, i], strict=True)
                if leaf >= 0 and share > 0
            }
            for i, company in enumerate(companies)
        }
        for p in year_ends
    }


def _expected(parameters: Parameters) -> dict[str, str]:
    if parameters.signal == 0:
        return {
            "all": "nothing of the past predicts a return: every factor's Rank IC is zero within its error"
        }
    return {
        "concept": "industry- and cap-neutral Rank IC larger at 20 days than at 1",
        "individual": "Rank IC larger at 1 day than at 20",
        "control": "product concepts predict better than industry concepts",
        "hidden": "members of a hidden group move together, and no table names the group",
        "slow_share": "of a family's shock this share reaches a company late, over slow_days on average",
    }
