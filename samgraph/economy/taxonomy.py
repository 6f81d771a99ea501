"""The tree of products, twelve layers deep, and the value chains between its families."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.economy.names import CATALOGUE, QUALIFIERS
from samgraph.economy.parameters import Parameters

FAMILY_LEVEL = 4
DEEPEST = 12
# How deep the leaves lie: most products of a detailed catalogue end at layers 8 to 12.
_DEPTHS = np.array([6, 7, 8, 9, 10, 11, 12])
_DEPTH_SHARES = np.array([0.08, 0.12, 0.18, 0.2, 0.18, 0.14, 0.1])


@dataclass(frozen=True)
class ProductTree:
    """Products as arrays; row numbers are internal and never written.

    `parent` is -1 for a root; `level` starts at 1; `born` is the first day a product exists.
    `leaves` are the rows that companies can sell, `family` maps each of them to 0..n_families-1,
    `sector` and `group` map each family to its level-1 and level-2 number.
    """

    product_id: np.ndarray
    name: np.ndarray
    parent: np.ndarray
    level: np.ndarray
    born: np.ndarray
    moved: dict[int, tuple[np.datetime64, int]]
    leaves: np.ndarray
    family: np.ndarray
    family_row: np.ndarray
    sector: np.ndarray
    group: np.ndarray
    group_names: tuple[str, ...]
    sector_names: tuple[str, ...]
    suppliers: np.ndarray

    @property
    def n_families(self) -> int:
        """Number of families: the products of level 4 that carry the factor returns."""
        return len(self.family_row)


class _Builder:
    def __init__(self) -> None:
        self.name: list[str] = []
        self.parent: list[int] = []
        self.level: list[int] = []
        self.children: list[list[int]] = []
        self.is_leaf: list[bool] = []
        self.words: list[tuple[str, ...]] = []
        self.seen: set[str] = set()

    def add(self, name: str, parent: int, words: tuple[str, ...] = ()) -> int:
        row = len(self.name)
        self.name.append(name)
        self.parent.append(parent)
        self.level.append(1 if parent < 0 else self.level[parent] + 1)
        self.children.append([])
        self.is_leaf.append(False)
        self.words.append(words)
        self.seen.add(name)
        if parent >= 0:
            self.children[parent].append(row)
        return row

    def qualified(self, noun: str, words: tuple[str, ...]) -> str:
        """The family's noun with its last qualifiers; with all of them where that alone is not unique."""
        for keep in (2, 3, len(words)):
            chosen = list(enumerate(words))[-keep:]
            before = [w for n, w in chosen if n < 3]
            after = [w for n, w in chosen if n >= 3]
            name = ", ".join([" ".join([*before, noun]), *after])
            name = name[0].upper() + name[1:]
            if name not in self.seen:
                return name
        return name

    def grow_leaf(self, top: int, noun: str, depth: int, rng: np.random.Generator) -> int | None:
        """Walk down from a family, opening new products on the way, to a new leaf at `depth`."""
        row = top
        while self.level[row] < depth:
            choices = QUALIFIERS[self.level[row] + 1]
            inner = [c for c in self.children[row] if not self.is_leaf[c]]
            room = len(self.children[row]) < len(choices)
            last = self.level[row] + 1 == depth
            if last and not room:
                return None
            if not last and inner and (not room or rng.random() < 0.7):
                row = inner[int(rng.integers(len(inner)))]
                continue
            if not room:
                return None
            taken = {self.words[c][-1] for c in self.children[row]}
            free = [w for w in choices if w not in taken]
            words = (*self.words[row], free[int(rng.integers(len(free)))])
            row = self.add(self.qualified(noun, words), row, words)
        self.is_leaf[row] = True
        return row


def _pick_families(wanted: int, rng: np.random.Generator) -> list[tuple[str, str, str, str]]:
    """`wanted` families of the catalogue in its order, at least one of every sector."""
    every = [
        (sector, group, market, family)
        for sector, groups in CATALOGUE.items()
        for group, markets in groups.items()
        for market, families in markets.items()
        for family in families
    ]
    if wanted >= len(every):
        return every
    first: dict[str, int] = {}
    for n, entry in enumerate(every):
        first.setdefault(entry[0], n)
    rest = [n for n in range(len(every)) if n not in first.values()]
    extra = rng.permutation(rest)[: max(wanted - len(first), 0)]
    return [every[n] for n in sorted([*first.values(), *extra.tolist()])]


def grow(parameters: Parameters, days: np.ndarray, base: np.datetime64) -> ProductTree:
    """The taxonomy of an economy with `parameters.products` leaves; `base` is when it begins."""
    rng = parameters.stream("taxonomy")
    wanted = int(np.clip(parameters.products // 5, 8, 1000))
    families = _pick_families(wanted, rng)
    build = _Builder()
    rows: dict[tuple[str, ...], int] = {}
    for path in families:
        for depth in range(1, 5):
            if path[:depth] not in rows:
                name = path[depth - 1]
                # A market and its family, or two groups, may share a word: names stay unique.
                name = name[0].upper() + name[1:]
                name = name if name not in build.seen else f"{name} ({path[depth - 2].lower()})"
                rows[path[:depth]] = build.add(name, rows[path[: depth - 1]] if depth > 1 else -1)
    tops = [rows[path] for path in families]

    leaves: list[int] = []
    family: list[int] = []
    while len(leaves) < parameters.products:
        n = len(leaves)
        # Every family gets its leaf first, and the first leaf of all lies at the deepest layer.
        k = n if n < len(tops) else int(rng.integers(len(tops)))
        depth = DEEPEST if n == 0 else int(rng.choice(_DEPTHS, p=_DEPTH_SHARES))
        leaf = build.grow_leaf(tops[k], families[k][3], depth, rng)
        if leaf is not None:
            leaves.append(leaf)
            family.append(k)

    sectors = list(dict.fromkeys(path[0] for path in families))
    groups = list(dict.fromkeys((path[0], path[1]) for path in families))
    width = max(5, len(str(len(build.name))))
    parent = np.array(build.parent)
    born = np.full(len(parent), base)
    moved = _changes(build, leaves[len(tops) :], days, born, rng)
    return ProductTree(
        product_id=np.array([f"SIMP{n + 1:0{width}d}" for n in range(len(build.name))]),
        name=np.array(build.name),
        parent=parent,
        level=np.array(build.level),
        born=born,
        moved=moved,
        leaves=np.array(leaves),
        family=np.array(family),
        family_row=np.array(tops),
        sector=np.array([sectors.index(path[0]) for path in families]),
        group=np.array([groups.index(path[:2]) for path in families]),
        group_names=tuple(g[1] for g in groups),
        sector_names=tuple(sectors),
        suppliers=_suppliers(len(tops), rng),
    )


def _changes(
    build: _Builder,
    later: list[int],
    days: np.ndarray,
    born: np.ndarray,
    rng: np.random.Generator,
) -> dict[int, tuple[np.datetime64, int]]:
    """A few products of `later` appear after the start (set in `born`); a few change their parent."""
    for leaf in rng.permutation(later)[: len(later) // 30].tolist():
        born[leaf] = days[int(rng.integers(len(days) // 8, max(len(days) * 3 // 4, len(days) // 8 + 1)))]
    moved: dict[int, tuple[np.datetime64, int]] = {}
    for leaf in rng.permutation(later).tolist():
        if len(moved) >= max(1, len(later) // 100):
            break
        uncle_of = build.parent[leaf]
        grand = build.parent[uncle_of]
        others = [c for c in build.children[grand] if c != uncle_of and not build.is_leaf[c]]
        # The old parent must not be left without a product below it.
        if born[leaf] == born[grand] and others and len(build.children[uncle_of]) > 1:
            moved[leaf] = (
                days[int(rng.integers(len(days) // 4, len(days)))],
                others[int(rng.integers(len(others)))],
            )
    return moved


def _suppliers(n_families: int, rng: np.random.Generator) -> np.ndarray:
    """Shares of input [supplier, customer] between families: one to three suppliers, all upstream."""
    shares = np.zeros((n_families, n_families))
    for customer in range(1, n_families):
        count = min(int(rng.integers(1, 4)), customer)
        chosen = rng.choice(customer, size=count, replace=False)
        shares[chosen, customer] = rng.uniform(0.05, 0.35, size=count).round(2)
    return shares


def products_table(taxonomy: ProductTree) -> pd.DataFrame:
    """Table `products`: one row per product and parent, dated."""
    rows = []
    for n, product in enumerate(taxonomy.product_id):
        parents = [(taxonomy.parent[n], taxonomy.born[n], "")]
        if n in taxonomy.moved:
            day, other = taxonomy.moved[n]
            parents = [(taxonomy.parent[n], taxonomy.born[n], str(day)), (other, day, "")]
        for parent, start, end in parents:
            above = taxonomy.product_id[parent] if parent >= 0 else ""
            rows.append((product, taxonomy.name[n], above, str(start), end))
    return pd.DataFrame(rows, columns=["product_id", "name", "parent_id", "valid_from", "valid_to"])


def links_table(taxonomy: ProductTree, base: np.datetime64) -> pd.DataFrame:
    """Table `product_links`: the value chain between families."""
    supplier, customer = np.nonzero(taxonomy.suppliers)
    ids = taxonomy.product_id[taxonomy.family_row]
    frame = pd.DataFrame(
        {
            "supplier_id": ids[supplier],
            "customer_id": ids[customer],
            "weight": taxonomy.suppliers[supplier, customer],
            "valid_from": str(base),
            "valid_to": "",
        }
    )
    return frame.sort_values(["supplier_id", "customer_id"], ignore_index=True)
