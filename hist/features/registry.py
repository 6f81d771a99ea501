"""All features by name, the sets that have a name, and how settings choose among them and a user's own.

A feature of one's own for everybody is a file with `FEATURES` and a line in `_SOURCES`. A user's own, without touching
this package, is a further column of the bars by its name, or a Python function by its dotted name.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from samgraph.errors import ModelError
from samgraph.hist.features import alpha158, alpha360, ten
from samgraph.hist.features.feature import Feature
from samgraph.hist.features.own import column, imported

_SOURCES = (ten.FEATURES, alpha158.FEATURES, alpha360.FEATURES)

FEATURES: dict[str, Feature] = {feature.name: feature for source in _SOURCES for feature in source}
"""Every feature that comes with samgraph. Alpha158 and Alpha360 share the day's own prices."""

SETS: dict[str, tuple[str, ...]] = {
    "ten": tuple(feature.name for feature in ten.FEATURES),
    "alpha20": alpha158.OF_SEQUENCES,
    "alpha158": tuple(feature.name for feature in alpha158.FEATURES),
    "alpha360": tuple(feature.name for feature in alpha360.FEATURES),
}
SETS["default"] = SETS["ten"]


@dataclass(frozen=True)
class Chosen:
    """The features of a model, in order.

    Attributes:
        features: what the bars suffice for
        left_out: names of a set's features that need a column which the bars lack, with that column
    """

    features: tuple[Feature, ...]
    left_out: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self.features)

    @property
    def history(self) -> int:
        """Trading days before a day that its features look back on."""
        return max(feature.history for feature in self.features)

    def sentence(self) -> str | None:
        """What is left out, and why, in words; None if nothing is."""
        if not self.left_out:
            return None
        names, columns = list(self.left_out), sorted(set(self.left_out.values()))
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        return (
            f"the bars have no column {' or '.join(columns)}, so {len(names)} "
            f"{'feature is' if len(names) == 1 else 'features are'} left out: {shown}"
        )


def choose(names: Sequence[str], columns: Sequence[str]) -> Chosen:
    """The features that `names` name: features, sets, further columns of the bars, dotted names of functions.

    Args:
        names: in the order of the model's inputs; what is named twice counts once
        columns: optional columns that the bars have, further ones included

    Raises:
        ModelError: a name that is none of these, or a feature named by itself whose column is missing
    """
    found: dict[str, Feature] = {}
    left_out: dict[str, str] = {}
    for name in names:
        for feature in _named(name, columns):
            missing = next((needed for needed in feature.columns if needed not in columns), None)
            if missing is None:
                found.setdefault(feature.name, feature)
            elif name in SETS:
                left_out[feature.name] = missing
            else:
                raise ModelError(
                    f"feature '{name}' needs the bars' column '{missing}', which is not there; add it or leave the "
                    "feature out"
                )
    if not found:
        raise ModelError("a model needs at least one feature; name a set such as 'default'")
    return Chosen(tuple(found.values()), left_out)


def further_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Which of the names can only be further columns of the bars."""
    return tuple(name for name in names if name not in SETS and name not in FEATURES and not _dotted(name))


def has_functions(names: Sequence[str]) -> bool:
    """Whether one of them is a user's own function, by its dotted name."""
    return any(name not in SETS and name not in FEATURES and _dotted(name) for name in names)


def history(names: Sequence[str]) -> int:
    """Trading days before a day that its features look back on, whatever columns the bars have."""
    further = further_columns(names)
    return max(feature.history for name in names for feature in _named(name, further))


def _named(name: str, columns: Sequence[str]) -> list[Feature]:
    if name in SETS:
        return [FEATURES[each] for each in SETS[name]]
    if name in FEATURES:
        return [FEATURES[name]]
    if _dotted(name):
        return [imported(name)]
    if name in columns:
        return [column(name)]
    near = difflib.get_close_matches(name, (*SETS, *FEATURES, *columns), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"sets are {', '.join(SETS)}"
    raise ModelError(
        f"feature '{name}' is unknown: it is neither a feature, a set nor a numeric column of the bars; {hint}"
    )


def _dotted(name: str) -> bool:
    return "." in name or ":" in name
