"""Names of companies, which lead to where it is told why they are held, and of factors."""

from __future__ import annotations

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.report.html import Html, text
from samgraph.run.folder import RunFolder

LISTED = 100  # holdings of the last day that are listed with the reason


def last_held(holdings: pd.DataFrame) -> pd.DataFrame:
    """The product portfolio's holdings of its last day, the largest first.

    Args:
        holdings: the run's table; a run from before weights were kept has none of them, and nothing is listed
    """
    own = holdings[holdings["variant"] == BASE]
    if "weight" not in own:
        return own.iloc[:0]
    last: pd.DataFrame = own[own["date"] == own["date"].max()]
    return last.sort_values("weight", ascending=False, kind="stable")


def factor_names(run: RunFolder) -> dict[str, str]:
    """Names of the products and industries that are factors or tilts of the run; ids without one are not in it."""
    names: dict[str, str] = {}
    for table in ("factor_returns", "tilts"):
        if run.has(table):
            rows = run.table(table).drop_duplicates("factor")
            names |= dict(zip(rows["factor"], rows["name"], strict=True))
    return names


class Reasons:
    """Names as links to the sentence about the company; what nothing is told of is a plain name."""

    def __init__(self, run: RunFolder) -> None:
        self._names = run.names
        self._places: dict[str, str] = {}
        if run.has("holdings", "predictions", "trades") and "decided_on" in run.table("trades"):
            held = last_held(run.table("holdings")).head(LISTED)["company_id"]
            self._places |= {str(key): f"held-{place}" for place, key in enumerate(held, start=1)}
        self.held = dict(self._places)
        if run.has("explained"):
            best = run.table("explained")
            self._places |= {
                str(key): f"why-{rank}" for key, rank in zip(best["company_id"], best["rank"], strict=True)
            }

    def link(self, company: str) -> Html:
        """Its name, leading to why the model scored it so, or else to why it is held."""
        name = text(self._names.get(company, company))
        place = self._places.get(company)
        return Html(f"<a href='#{place}'>{name}</a>" if place else name)

    def anchor(self, company: str) -> Html:
        """Its id, as the place where it is told why it is held."""
        return Html(f"<span id='{self.held[company]}'>{text(company)}</span>")
