"""The report's sections on the holdings: products by level, industries, styles, concentration, value chain."""

from __future__ import annotations

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.factors.risk.concentration import by_level, concentration
from samgraph.report.html import (
    PARTS,
    Html,
    details,
    figure,
    fine,
    given,
    number,
    pair,
    percent,
    section,
    table,
    term,
    text,
)
from samgraph.report.pictures import figures_holdings
from samgraph.report.why import Reasons
from samgraph.run.folder import RunFolder
from samgraph.words import many

SOLD = 0.0005  # share of holdings of a company in a product from which on it is drawn there
LARGEST = 15  # holdings that are listed
LEAST = 0.002  # share of holdings of a product that the tree and the lists show; smaller ones count in their parents
MOST = 1500  # products of a treemap
CHAINED = 3  # products whose value chain is drawn


def explained(run: RunFolder) -> str:
    """Why the last day's best stocks scored as they did (samgraph.explain.scores)."""
    return section(
        "explained",
        "Why the best stocks scored as they did",
        given(run, ("explained",), lambda frame: _explained(run, frame), "The best stocks"),
    )


def _explained(run: RunFolder, frame: pd.DataFrame) -> str:
    rows = [
        [
            Html(f"<span id='why-{row['rank']}'>{text(row['company_id'])}</span>"),
            *(row["name"], row["concepts"], row["neighbours"]),
        ]
        + [fine(row[part]) for part in PARTS[-1:] + PARTS[:-1]]
        for row in frame.to_dict("records")
    ]
    return table(
        ["stock", "name", "attends to", "most alike", "score", *PARTS[:-1]],
        rows,
        f"The product model's {len(rows)} best stocks of {run.summary['end']}: the concepts that each "
        "attended to, with the "
        "share of its attention; the stocks whose states are most like its own, with their cosine; and the "
        "split of the "
        "score. Means over seeds; samgraph explain RUN --company ID --date D shows all of it.",
        words=4,
    )


def holdings(run: RunFolder) -> str:
    """Exposure, concentration and value chain of the product portfolio on the last day."""
    if run.has("exposure") and run.table("exposure").empty:
        return section(
            "holdings", "What the portfolio holds", "<p>The portfolio held nothing on the last day.</p>"
        )
    return section(
        "holdings",
        "What the portfolio holds",
        given(run, ("exposure",), lambda exposure: _products(run, exposure), "Products"),
        given(run, ("holdings",), lambda held: _largest(run, held), "Largest holdings"),
        given(run, ("tilts",), lambda tilts: _tilts(run, tilts), "Industries and styles"),
        given(run, ("concentration", "exposure"), lambda c, e: _concentration(run, c, e), "Concentration"),
        given(run, ("chain", "exposure"), lambda c, e: _chain(run, c, e), "Value chain"),
    )


def _products(run: RunFolder, exposure: pd.DataFrame) -> str:
    day = run.summary["end"]
    shown = exposure.nlargest(MOST, "weight", keep="all") if len(exposure) > MOST else exposure
    held = _held(run)
    sellers = _sellers(run, shown)
    inside = "" if sellers is None else ", grey boxes the companies that sell them"
    return figure(
        figures_holdings.exposure_tree(shown, sellers),
        "Products, through the taxonomy",
        f"Product portfolio on {day}: area is the share of holdings times revenue, colour the difference from "
        f"the universe's{inside}. Click to go down a level, the button or the bar on top to come back. "
        f"{many(len(shown), 'product')}{held}.",
        above="<p class='way'><button type='button' class='up' hidden>← Up</button></p>",
    ) + details(
        "The same as a list to open level by level",
        "<p class='soft'>Share of holdings times revenue; in brackets the difference from the universe. Products below "
        f"{LEAST:.1%} are left out.</p>",
        _levels(exposure[exposure["weight"] >= LEAST].sort_values("weight", ascending=False)),
    )


def _sellers(run: RunFolder, exposure: pd.DataFrame) -> pd.DataFrame | None:
    """The largest sellers of the products that are drawn; None in a run from before they were kept."""
    if not run.has("sellers"):
        return None
    rows = run.table("sellers")
    rows = rows[rows["product_id"].isin(exposure["product_id"]) & (rows["weight"] >= SOLD)]
    rows = rows.nlargest(MOST, "weight", keep="all")
    return rows.assign(name=[run.names.get(key, key) for key in rows["company_id"]])


def _largest(run: RunFolder, frame: pd.DataFrame) -> str:
    """The largest holdings of the last day, with what they sell; each leads to why."""
    mine = frame[frame["variant"] == BASE]
    mine = mine[mine["date"] == mine["date"].max()]
    shares = (mine.set_index("company_id")["value"] / mine["value"].sum()).nlargest(LARGEST)
    sold: dict[str, str] = {}
    if run.has("sellers", "exposure"):
        names = run.table("exposure").set_index("product_id")["name"]
        for key, own in run.table("sellers").groupby("company_id"):
            top = own.nlargest(3, "revenue_share")
            sold[str(key)] = ", ".join(
                f"{names.get(product, product)} {share:.0%}"
                for product, share in zip(top["product_id"], top["revenue_share"], strict=True)
            )
    why = Reasons(run)
    rows = [
        [str(key), why.link(str(key)), *([sold.get(str(key), "")] if sold else []), percent(float(share))]
        for key, share in shares.items()
    ]
    what = ", with the largest shares of their revenue" if sold else ""
    return table(
        ["stock", "name", *(["sells"] if sold else []), "share"],
        rows,
        f"The {len(rows)} largest of {len(mine)} holdings of the product portfolio on {run.summary['end']}, as "
        f"shares of what is invested{what}. A name leads to why it scored so, or why it is held.",
        words=3 if sold else 2,
    )


def _held(run: RunFolder) -> str:
    if not run.has("holdings"):
        return ""
    frame = run.table("holdings")
    mine = frame[frame["variant"] == BASE]
    return f" of {many(int((mine['date'] == mine['date'].max()).sum()), 'company')} held"


def _levels(rows: pd.DataFrame) -> str:
    """Nested lists that open: every product holds those below it."""
    below: dict[str, list[dict[str, object]]] = {}
    for row in rows.to_dict("records"):
        parent = row["parent_id"] if isinstance(row["parent_id"], str) else ""
        below.setdefault(parent, []).append({str(key): value for key, value in row.items()})

    def shown(parent: str) -> str:
        items = []
        for row in below.get(parent, []):
            line = (
                f"<span class='share'>{percent(float(str(row['weight'])))} "
                f"({float(str(row['active_weight'])):+.2%})</span> {text(row['name'])}"
            )
            inner = shown(str(row["product_id"]))
            items.append(
                f"<li><details><summary>{line}</summary>{inner}</details></li>"
                if inner
                else f"<li class='leaf'>{line}</li>"
            )
        return f"<ul class='tree'>{''.join(items)}</ul>" if items else ""

    return shown("")


def _tilts(run: RunFolder, tilts: pd.DataFrame) -> str:
    industries, styles = (tilts[tilts["kind"] == kind] for kind in ("industry", "style"))
    held = int(industries["companies"].sum())
    pictures = pair(
        figure(
            figures_holdings.tilt_bars(industries, percent=True),
            "Industries",
            "Share of the product portfolio in each industry less the universe's by market cap, on "
            f"{run.summary['end']}; "
            f"{many(held, 'company')} in {int((industries['companies'] > 0).sum())} of {len(industries)} industries.",
        ),
        figure(
            figures_holdings.tilt_bars(styles, percent=False),
            "Styles",
            "Weighted mean exposure of the product portfolio less the universe's by market cap, in standard "
            "deviations of the "
            f"universe, on {run.summary['end']}; up to {int(styles['companies'].max()) if len(styles) else 0} "
            "companies.",
        ),
    )
    rows = [
        [
            str(r["kind"]),
            str(r["name"]),
            *(
                percent(r[c]) if r["kind"] == "industry" else number(r[c])
                for c in ("portfolio", "universe", "active")
            ),
            str(r["companies"]),
        ]
        for r in tilts.to_dict("records")
    ]
    return pictures + details(
        "Industries and styles as a table",
        table(
            ["kind", "name", "portfolio", "universe", "difference", "companies"],
            rows,
            "Industries as shares, styles in standard deviations; companies held with a value.",
            words=2,
        ),
    )


def levels(exposure: pd.DataFrame) -> pd.DataFrame:
    """level, effective, groups: how many equal products the holdings amount to, level by level of the taxonomy.

    Args:
        exposure: product_id, parent_id, weight (of the subtree)
    """
    parents = {
        str(row["product_id"]): row["parent_id"] if isinstance(row["parent_id"], str) else None
        for row in exposure.to_dict("records")
    }
    below = exposure.groupby("parent_id")["weight"].sum()
    own = exposure["weight"] - exposure["product_id"].map(below).fillna(0.0)
    groups = {
        str(key): float(weight)
        for key, weight in zip(exposure["product_id"], own, strict=True)
        if weight > 1e-12
    }
    rows = []
    for level, weights in by_level(groups, parents).items():
        found = concentration(weights, 1.0)
        rows.append((level, found.effective, found.groups))
    return pd.DataFrame(rows, columns=["level", "effective", "groups"])


def _concentration(run: RunFolder, days: pd.DataFrame, exposure: pd.DataFrame) -> str:
    effective = run.summary["concentration"]
    cut = run.manifest["config"]["concepts"].get("regression_cut", "")
    # a run from before the summary named its cut counted products as they were reported
    counted = f"at the cut {effective['cut']}" if "cut" in effective else "as reported"
    words = (
        f"<p>On the last day the holdings' revenue is spread as {effective['products']:.1f} equal products "
        f"({text(counted)}) would be, and as {effective['industries']:.1f} equal industries: the "
        f"{term('effective', 'effective number')}, the inverse of the sum of squared shares.</p>"
    )
    if days.empty:
        return words
    pictures = pair(
        figure(
            figures_holdings.concentration_lines(days),
            "Concentration, day by day",
            f"Effective number of companies, industries and products (at the cut {cut}) of the product portfolio; "
            f"{days['date'].nunique()} days.",
        ),
        figure(
            figures_holdings.concentration_levels(levels(exposure)),
            "Concentration, level by level",
            f"Effective number of products on {run.summary['end']}, revenue rolled up to each level of the taxonomy; "
            f"{many(len(exposure), 'product')} with a share. The line beside counts them at the cut {cut}.",
        ),
    )
    return pictures + words


def chosen_links(chain: pd.DataFrame, exposure: pd.DataFrame) -> pd.DataFrame:
    """The links of the `CHAINED` largest products that have any, the strongest `ENDS` on each side.

    Returns:
        product_id, product, own_weight, own_active, side (supplier, customer), end_id, end, strength, weight, active
    """
    held = exposure.set_index("product_id")
    weight, active = held["weight"], held["active_weight"]
    linked = pd.Index(chain["supplier_id"]).union(pd.Index(chain["customer_id"]))
    largest = weight[weight.index.isin(linked)].nlargest(CHAINED).index
    rows = []
    for key in largest:
        for side, other in (("supplier", "customer"), ("customer", "supplier")):
            mine = chain[chain[f"{other}_id"] == key].nlargest(figures_holdings.ENDS, "strength")
            for link in mine.to_dict("records"):
                end = link[f"{side}_id"]
                rows.append(
                    (
                        key,
                        link[other],
                        weight[key],
                        active[key],
                        side,
                        end,
                        link[side],
                        link["strength"],
                        weight.get(end, 0.0),
                        active.get(end, 0.0),
                    )
                )
    columns = [
        "product_id",
        "product",
        "own_weight",
        "own_active",
        "side",
        "end_id",
        "end",
        "strength",
        "weight",
        "active",
    ]
    return pd.DataFrame(rows, columns=columns)


def _chain(run: RunFolder, chain: pd.DataFrame, exposure: pd.DataFrame) -> str:
    links = chosen_links(chain, exposure)
    if links.empty:
        return "<p>Value chain: no link joins a product that the portfolio holds with another.</p>"
    names = ", ".join(dict.fromkeys(links["product"]))
    rows = [
        [
            str(r["end"] if r["side"] == "supplier" else r["product"]),
            str(r["product"] if r["side"] == "supplier" else r["end"]),
            number(r["strength"]),
            percent(r["weight"]),
            f"{r['active']:+.2%}",
        ]
        for r in links.to_dict("records")
    ]
    return figure(
        figures_holdings.chain_flows(links),
        "Value chain of the largest products",
        f"{names} on {run.summary['end']}: the strongest suppliers on the left and customers on the right; "
        "width is the "
        f"strength of the link, blue more and red less than the universe, grey not held. {len(links)} of "
        f"{len(chain):,} links "
        "between the run's concepts.",
    ) + details(
        "These links as a table",
        table(
            ["supplier", "customer", "strength", "share of holdings", "less the universe"],
            rows,
            "Shares are those of the supplier or customer of a largest product, whole subtree.",
            words=2,
        ),
    )
