"""Concept cuts, slow and obvious: dictionaries, sets and one edge at a time."""

from __future__ import annotations

Edge = tuple[str, str, float]  # company, product, weight


def path(product: str, parent: dict[str, str]) -> list[str]:
    """From the root down to the product itself."""
    steps = [product]
    while steps[0] in parent:
        steps.insert(0, parent[steps[0]])
    return steps


def _add(result: dict[tuple[str, str], float], company: str, concept: str, weight: float) -> None:
    result[company, concept] = result.get((company, concept), 0.0) + weight


def leaf(edges: list[Edge]) -> dict[tuple[str, str], float]:
    result: dict[tuple[str, str], float] = {}
    for company, product, weight in edges:
        _add(result, company, product, weight)
    return result


def level(edges: list[Edge], parent: dict[str, str], number: int) -> dict[tuple[str, str], float]:
    result: dict[tuple[str, str], float] = {}
    for company, product, weight in edges:
        steps = path(product, parent)
        _add(result, company, steps[number - 1] if len(steps) >= number else product, weight)
    return result


def levels(edges: list[Edge], parent: dict[str, str], first: int, last: int) -> dict[tuple[str, str], float]:
    result: dict[tuple[str, str], float] = {}
    for company, product, weight in edges:
        steps = path(product, parent)
        for concept in steps[first - 1 : last] or [product]:
            _add(result, company, concept, weight)
    return result


def adaptive(
    edges: list[Edge], parent: dict[str, str], minimum: int, maximum: float, members: int
) -> dict[tuple[str, str], float]:
    """Fold products one at a time, a deepest one first, until none is left that has too few companies."""
    holding: dict[str, dict[str, float]] = {}
    for company, product, weight in edges:
        shares = holding.setdefault(product, {})
        shares[company] = shares.get(company, 0.0) + weight
    finished: dict[str, dict[str, float]] = {}
    while holding:
        product = max(holding, key=lambda name: len(path(name, parent)))
        shares = holding.pop(product)
        if len(shares) >= minimum:
            finished[product] = shares
        elif product in parent:
            above = holding.setdefault(parent[product], {})
            for company, weight in shares.items():
                above[company] = above.get(company, 0.0) + weight
    return {
        (company, product): weight
        for product, shares in finished.items()
        if len(shares) <= maximum * members + 1e-9
        for company, weight in shares.items()
    }
