"""The settings that a manifest kept, also one of an older version that lacked some of today's.

A setting that is missing counts as its default where that is what the version that lacked it did; `AS_BEFORE` names
these. Of any other nothing is assumed: a number that was made otherwise than it seems is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from samgraph.config import RunConfig
from samgraph.config_sections import SCALING_BEFORE, Section

AS_BEFORE = (
    *("concepts.theme_cut", "concepts.competitor_cut"),  # there were no themes, no links between companies
    *("windows.first_train", "windows.first_test", "windows.universe", "windows.history"),  # as it always was
    "model.concept_returns",  # none, in every variant
    *("trading.score", "trading.smoothing"),  # the score as it is
    *(
        "trading.share",
        "trading.outside",
        "trading.tranche_days",
        "trading.pace",
    ),  # of constructions that came with them
    "trading.borrow",  # of figures that were not made
    "risk",  # as constants had it
)


def settings_kept(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's settings, with the missing ones that count as their defaults."""
    found: dict[str, Any] = dict(kept)
    for path in AS_BEFORE:
        section, _, key = path.partition(".")
        default = RunConfig.model_fields[section].default.model_dump(mode="json")
        if not key:
            found.setdefault(section, default)
        elif isinstance(found.get(section), Mapping):
            found[section] = {key: default[key]} | found[section]
    model = found.get("model")
    # Left empty when that meant another default.
    if isinstance(model, Mapping) and model.get("scaling", "") is None:
        found["model"] = {**model, "scaling": SCALING_BEFORE}
    return found


def lacking_settings(kept: Mapping[str, Any]) -> tuple[str, ...]:
    """Today's settings, as section.key, that a manifest lacks and that do not count as their defaults."""
    found = settings_kept(kept)
    return tuple(path for path in _decisive() if not _has(found, path))


def _decisive() -> Iterator[str]:
    """Every setting with a default that may decide a number."""
    for name, field in RunConfig.model_fields.items():
        if isinstance(field.default, Section) and name not in ("neo4j", "tracking"):
            yield from (f"{name}.{key}" for key in type(field.default).model_fields)


def _has(settings: Mapping[str, Any], path: str) -> bool:
    section, _, key = path.partition(".")
    found = settings.get(section)
    return isinstance(found, Mapping) and key in found
