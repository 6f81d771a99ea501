"""Industry labels: one a company, coarse, late and partly wrong, as classification schemes are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.economy.companies import Companies, Mixes
from samgraph.economy.parameters import Parameters
from samgraph.economy.taxonomy import ProductTree


@dataclass(frozen=True)
class Labels:
    """Tables of the classification, and the companies whose first label is not their main business."""

    industries: pd.DataFrame
    company_industries: pd.DataFrame
    mislabelled: tuple[str, ...]


def _industries(taxonomy: ProductTree) -> tuple[pd.DataFrame, list[str]]:
    """Two levels, the sectors and groups of products; and the industry of each group number."""
    rows, of_group = [], []
    sector_of = [
        int(taxonomy.sector[np.flatnonzero(taxonomy.group == g)[0]]) for g in range(len(taxonomy.group_names))
    ]
    for s, sector in enumerate(taxonomy.sector_names):
        rows.append((f"SIMI{s + 1:02d}", sector, ""))
    for g, group in enumerate(taxonomy.group_names):
        s = sector_of[g]
        of_group.append(f"SIMI{s + 1:02d}{sector_of[:g].count(s) + 1:02d}")
        rows.append((of_group[g], group, f"SIMI{s + 1:02d}"))
    frame = pd.DataFrame(rows, columns=["industry_id", "name", "parent_id"])
    return frame.sort_values("industry_id", ignore_index=True), of_group


def classify(
    parameters: Parameters, taxonomy: ProductTree, companies: Companies, mixes: Mixes, base: np.datetime64
) -> Labels:
    """Label every company by the group of its largest product at the start, then err and lag.

    A set share of the companies carries a wrong label. Later changes of a business reach the label only
    by a rare review each July, so conglomerates and changed companies stay hidden behind an old one.
    """
    rng = parameters.stream("labels")
    industries, of_group = _industries(taxonomy)
    leaf_group = taxonomy.group[taxonomy.family]
    main = np.where(mixes.product >= 0, mixes.weight, -1).argmax(axis=2)
    largest = np.take_along_axis(mixes.product, main[:, :, None], axis=2)[:, :, 0]
    group = leaf_group[largest]  # [n_periods, n_stocks]

    n = len(companies.company_id)
    wrong = np.zeros(n, dtype=bool)
    wrong[rng.permutation(n)[: round(parameters.mislabelled * n)]] = True
    shift = rng.integers(1, len(of_group), n)
    label = np.where(wrong, (group[0] + shift) % len(of_group), group[0])

    start = [base] * n
    spans: list[tuple[str, str, str, str]] = []
    for p in range(1, len(mixes.period_end)):
        day = mixes.period_end[p] + np.timedelta64(1, "D")
        if str(day)[5:7] != "07" or day <= base:
            continue
        reviewed = rng.random(n) < 0.06
        for i in np.flatnonzero(reviewed & ~wrong & (group[p - 1] != label)):
            spans.append((companies.company_id[i], of_group[label[i]], str(start[i]), str(day)))
            label[i], start[i] = group[p - 1, i], day
    spans += [(companies.company_id[i], of_group[label[i]], str(start[i]), "") for i in range(n)]
    frame = pd.DataFrame(spans, columns=["company_id", "industry_id", "valid_from", "valid_to"])
    frame = frame.sort_values(["company_id", "valid_from"], ignore_index=True)
    return Labels(industries, frame, tuple(companies.company_id[wrong].tolist()))
