"""Value-chain links between concepts, for every day of a series: what `value_chain` builds and a series holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from samgraph.errors import SnapshotError
from samgraph.graph.series.intervals import IntArray

if TYPE_CHECKING:
    pass


class Digest(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, eq=False)
class ChainLinks:
    """The links of one version, sorted by (supplier, customer), each pair once.

    Shapes:
        supplier, customer: int64 [n_links], positions in the series' concepts; weight: float32 [n_links], above 0
    """

    supplier: IntArray
    customer: IntArray
    weight: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.supplier)

    @classmethod
    def of(cls, supplier: IntArray, customer: IntArray, weight: npt.NDArray[np.floating]) -> ChainLinks:
        """Take triples in any order; pairs that occur twice are summed, links of a concept to itself left out."""
        between = (supplier != customer) & (weight > 0)
        supplier, customer, weight = supplier[between], customer[between], weight[between]
        width = int(customer.max(initial=0)) + 1
        key, place = np.unique(supplier * width + customer, return_inverse=True)
        summed = np.bincount(place, weights=weight, minlength=len(key))
        return cls(key // width, key % width, summed.astype(np.float32))


@dataclass(frozen=True, eq=False)
class ValueChain:
    """The links of every day of a series; two days of one version have the same links.

    Shapes:
        day_version: int64 [n_dates], position in `versions`
    """

    day_version: IntArray
    versions: tuple[ChainLinks, ...]

    def links(self, t: int) -> ChainLinks:
        """The links of day number `t`."""
        return self.versions[int(self.day_version[t])]

    def __len__(self) -> int:
        return sum(len(version) for version in self.versions)

    def renumbered(self, place: IntArray) -> ValueChain:
        """The same links where old concept k has become `place[k]`."""
        return replace(
            self,
            versions=tuple(
                ChainLinks.of(place[v.supplier], place[v.customer], v.weight) for v in self.versions
            ),
        )

    def add_to(self, digest: Digest) -> None:
        """Add all links to a fingerprint."""
        digest.update(self.day_version.tobytes())
        for links in self.versions:
            digest.update(len(links).to_bytes(8, "little"))
            for column in (links.supplier, links.customer, links.weight):
                digest.update(np.ascontiguousarray(column).tobytes())

    def validate(self, n_dates: int, n_concepts: int) -> None:
        """Check shapes and ranges.

        Raises:
            SnapshotError: naming the first thing that is wrong
        """
        if len(self.day_version) != n_dates:
            raise SnapshotError(f"a value chain of {len(self.day_version)} days is not one of {n_dates}")
        if n_dates and not 0 <= self.day_version.min() <= self.day_version.max() < len(self.versions):
            raise SnapshotError("a day points at a version of the value chain that there is not")
        for links in self.versions:
            ends = np.concatenate([links.supplier, links.customer])
            if len(ends) and not 0 <= ends.min() <= ends.max() < n_concepts:
                raise SnapshotError(f"a value-chain link points outside the {n_concepts} concepts")
