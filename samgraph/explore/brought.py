"""What a run's portfolios owe to a product or a company by a day.

Daily tables are cut at the day. What the run linked over its whole test (`attribution_linked`) is known on its last
day, and told from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.explore.tables import Column, table
from samgraph.graph.db.asof import AsOf
from samgraph.outcome.attribution import WHOLE_PERIOD
from samgraph.run.folder import RunFolder

EFFECTS = ("allocation", "selection")
PORTFOLIO = Column("variant", "portfolio")
LINKED = (
    PORTFOLIO,
    Column("weight", "mean weight", "return"),
    Column("benchmark_weight", "universe", "return"),
    *(Column(name, name, "return") for name in EFFECTS),
    Column("contribution", "together", "return"),
)
STOCK = tuple(one for one in LINKED if one.key not in EFFECTS)


class Brought:
    """Of one run, asked again and again; its tables are read when they are first asked for."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    @cached_property
    def _books(self) -> pd.DataFrame:
        return self.run.table("portfolio")[["variant", "date", "excess_return"]]

    @cached_property
    def _effects(self) -> dict[tuple[str, str, str], pd.Series]:
        """[date] by group, portfolio and effect: the daily effects of the first level of products."""
        daily = self.run.table("attribution")
        daily = daily[daily["by"] == "product"].set_index("date")
        found = daily.groupby(["group", "variant", "effect"], sort=False)["contribution"]
        return {(str(group), str(name), str(effect)): own for (group, name, effect), own in found}

    @cached_property
    def _linked(self) -> pd.DataFrame:
        linked = self.run.table("attribution_linked")
        return linked[linked["period"] == WHOLE_PERIOD]

    @cached_property
    def _held(self) -> dict[tuple[str, str], pd.Series]:
        """[date] by company and portfolio: weights at the close."""
        held = (
            self.run.table("holdings")
            .set_index("date")
            .groupby(["company_id", "variant"], sort=False)["weight"]
        )
        return {(str(company), str(name)): own for (company, name), own in held}

    def product(self, path: Sequence[str], names: Mapping[str, str], as_of: AsOf) -> dict[str, Any]:
        """Allocation and selection of the product of the first level that a path (root first) belongs to.

        Sums of daily effects up to the day; of the product itself what is linked over the whole test, once it is over.
        """
        if not self.run.has("attribution", "attribution_linked"):
            return _only("The run keeps no attribution; run the backtest again to have it.")
        books = self._until(as_of)
        groups = {group for group, _, _ in self._effects}
        group = next((one for one in reversed(path) if one in groups), None)
        if group is None or books.empty:
            return _only(
                f"The run splits no excess return by this product, or by one above it, up to {as_of.valid}."
            )
        daily = {
            str(name): self._of(group, str(name), own["date"])
            for name, own in books.groupby("variant", sort=False)
        }
        rows = [
            {"variant": name, **frame.sum().to_dict(), "contribution": float(frame.to_numpy().sum())}
            | {"excess": float(books.loc[books["variant"] == name, "excess_return"].sum())}
            for name, frame in daily.items()
        ]
        named, last = names.get(group, group), books["date"].max().date()
        columns = [
            PORTFOLIO,
            *(Column(name, name, "return") for name in EFFECTS),
            Column("contribution", "together", "return"),
            Column("excess", "of an excess of", "return"),
        ]
        said = f"Sums of daily effects up to {last}, over the universe by market cap."
        note = f"Day by day the run splits its excess return by products of the first level: here by {named}."
        shown = _main(daily)
        lines = {effect: daily[shown][effect].cumsum() for effect in EFFECTS}
        return {
            "note": "" if group == path[-1] else note,
            "chart": _chart(f"{named} in the portfolio {shown}, cumulated", lines),
            "tables": [
                table("brought", f"What {named} brought", pd.DataFrame(rows), columns, note=said),
                *self._whole("product", path[-1], as_of, LINKED),
            ],
        }

    def company(self, company: str, as_of: AsOf) -> dict[str, Any]:
        """What the portfolios held of a company up to the day; what it brought them, once the test is over."""
        if not self.run.has("holdings"):
            return _only("The run keeps no holdings; run the backtest again to have them.")
        books = self._until(as_of)
        none = pd.Series(dtype=float)
        daily = {
            str(name): self._held.get((company, str(name)), none).reindex(own["date"]).fillna(0.0)
            for name, own in books.groupby("variant", sort=False)
        }
        daily = {name: own for name, own in daily.items() if (own > 0.0).any()}
        whole = self._whole("stock", company, as_of, STOCK)
        if not daily:
            return _only(f"No portfolio of the run held it up to {as_of.valid}.") | {"tables": whole}
        last = books["date"].max().date()
        rows = [
            {"variant": name, "last": own.iloc[-1], "mean": own.mean(), "held": int((own > 0.0).sum())}
            | {"days": len(own)}
            for name, own in daily.items()
        ]
        columns = [
            PORTFOLIO,
            Column("last", f"weight on {last}", "return"),
            Column("mean", "mean weight", "return"),
            Column("held", "days held", "whole"),
            Column("days", "of days", "whole"),
        ]
        shown = _main(daily)
        return {
            "note": "",
            "chart": _chart(f"Weight in the portfolio {shown} at the close", {"weight": daily[shown]}),
            "tables": [
                table(
                    "held", "Held by the run's portfolios", pd.DataFrame(rows), columns, note=f"Up to {last}."
                ),
                *whole,
            ],
        }

    def _until(self, as_of: AsOf) -> pd.DataFrame:
        return self._books[self._books["date"] <= pd.Timestamp(as_of.valid)]

    def _of(self, group: str, variant: str, dates: pd.Series) -> pd.DataFrame:
        """The daily effects of a group in a portfolio, 0 on days without: [date] allocation, selection."""
        none, days = pd.Series(dtype=float), pd.DatetimeIndex(dates)
        found = {effect: self._effects.get((group, variant, effect), none) for effect in EFFECTS}
        return pd.DataFrame({effect: own.reindex(days).fillna(0.0) for effect, own in found.items()})

    def _whole(self, by: str, group: str, as_of: AsOf, columns: Sequence[Column]) -> list[dict[str, Any]]:
        """The linked effects of a group over the whole test as a table; nothing before its last day."""
        last = self._books["date"].max()
        if pd.Timestamp(as_of.valid) < last or not self.run.has("attribution_linked"):
            return []
        own = self._linked[(self._linked["by"] == by) & (self._linked["group"] == group)]
        if own.empty:
            return []
        own = own.sort_values("level", kind="stable").drop_duplicates("variant")
        first = self._books["date"].min()
        said = (
            f"Linked over {first.date()} to {last.date()}: all {by}s and the common effects add up to the compounded "
            "excess return. The universe is by market cap."
        )
        return [table("linked", "Over the whole test", own, columns, note=said)]


def _only(note: str) -> dict[str, Any]:
    return {"note": note, "chart": None, "tables": []}


def _main(daily: Mapping[str, Any]) -> str:
    """The portfolio that is drawn: the base arm's, or the first one."""
    return BASE if BASE in daily else next(iter(daily))


def _chart(title: str, lines: Mapping[str, pd.Series]) -> dict[str, Any]:
    days = next(iter(lines.values())).index
    return {
        "title": title,
        "days": [str(day.date()) for day in days],
        "lines": {name: values.tolist() for name, values in lines.items()},
        "kind": "return",
    }
