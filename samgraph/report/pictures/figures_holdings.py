"""The pictures of what a portfolio is exposed to: products, industries, styles, concentration, the value chain."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from samgraph.report.pictures.figures import BAD, GOOD, MIDDLE, colour, layout, line, plain

WHOLE = "\u00a0all"  # id of the root above all products
BELOW = "\u00a0in\u00a0"  # between a product's id and that of a company inside it
ENDS = 4  # suppliers and customers that are drawn of a product


def exposure_tree(exposure: pd.DataFrame, sellers: pd.DataFrame | None = None) -> go.Figure:
    """Product exposure of the portfolio through the taxonomy: area is the share of revenue-weighted holdings.

    Args:
        exposure: product_id, name, parent_id (empty for a root), weight (subtree), active_weight (less the universe)
        sellers: product_id, name (of a company), weight, revenue_share: the boxes inside a product, if given
    """
    largest = max(float(exposure["active_weight"].abs().max()), 1e-9)
    roots = exposure[~exposure["parent_id"].isin(exposure["product_id"])]
    whole: dict[str, object] = {"product_id": WHOLE, "name": "All products", "parent_id": ""}
    whole |= {name: roots[name].sum() for name in ("weight", "active_weight")}
    exposure = exposure.assign(
        parent_id=exposure["parent_id"].where(~exposure.index.isin(roots.index), WHOLE)
    )
    exposure = pd.concat([pd.DataFrame([whole]), exposure], ignore_index=True)
    told = "%{label}<br>weight %{value:.2%}<br>less the universe %{customdata:+.2%}<extra></extra>"
    exposure = exposure.assign(words=told, told=exposure["active_weight"])
    if sellers is not None and len(sellers):
        sold = "%{label}<br>%{value:.2%} of holdings<br>%{customdata:.1%} of its revenue<extra></extra>"
        inside = sellers.assign(
            parent_id=sellers["product_id"],
            product_id=sellers["product_id"] + BELOW + sellers["company_id"],
            active_weight=0.0,
            told=sellers["revenue_share"],
            words=sold,
        )
        exposure = pd.concat([exposure, inside[list(exposure.columns)]], ignore_index=True)
    figure = go.Figure(
        go.Treemap(
            ids=exposure["product_id"].map(plain),
            labels=exposure["name"].map(plain),
            parents=exposure["parent_id"].map(plain),
            values=exposure["weight"],
            branchvalues="total",
            maxdepth=4,
            tiling={"pad": 2},
            textfont={"color": "#ffffff"},
            pathbar={"textfont": {"color": "#ffffff", "size": 14}, "thickness": 32},
            marker={
                "colors": exposure["active_weight"],
                "colorscale": [[0, BAD], [0.5, MIDDLE], [1, GOOD]],
                "cmin": -largest,
                "cmax": largest,
                "colorbar": {
                    "orientation": "h",
                    "thickness": 10,
                    "len": 0.9,
                    "y": -0.02,
                    "yanchor": "top",
                    "nticks": 5,
                    "title": {"text": "less universe (share)", "side": "bottom", "font": {"size": 12.5}},
                    "tickformat": "+.1%",
                },
            },
            customdata=exposure["told"],
            hovertemplate=exposure["words"],
        )
    )
    layout(figure, height=520)
    figure.update_layout(
        hovermode="closest",
        margin={"t": 8, "l": 4, "r": 4, "b": 60},
        uniformtext={"minsize": 10, "mode": "hide"},
    )
    return figure


def tilt_bars(tilts: pd.DataFrame, *, percent: bool) -> go.Figure:
    """What the portfolio has less what the universe has, a bar each, the largest on top.

    Args:
        tilts: factor, name, portfolio, universe, active
        percent: shares of holdings; otherwise standard deviations
    """
    rows = tilts.sort_values("active", ascending=True)
    ids, names = rows["factor"].map(plain), rows["name"].map(plain)
    form = ".1%" if percent else ".2f"
    figure = go.Figure(
        go.Bar(
            x=rows["active"],
            y=ids,
            orientation="h",
            marker={"color": [GOOD if value >= 0 else BAD for value in rows["active"]]},
            customdata=rows[["portfolio", "universe"]].assign(name=names),
            hovertemplate=f"%{{customdata[2]}}: %{{x:+{form}}} (portfolio %{{customdata[0]:{form}}}, universe "
            f"%{{customdata[1]:{form}}})<extra></extra>",
        )
    )
    layout(figure, height=90 + 24 * len(rows))
    figure.update_layout(hovermode="closest", margin={"t": 10, "l": 8, "r": 8, "b": 8}, bargap=0.35)
    figure.update_xaxes(
        title_text="less universe (share)" if percent else "less universe (st. dev.)",
        tickformat="+.0%" if percent else "+.1f",
        nticks=6,
    )
    figure.update_yaxes(type="category", tickmode="array", tickvals=list(ids), ticktext=list(names))
    return figure


def concentration_lines(concentration: pd.DataFrame) -> go.Figure:
    """Effective number of companies, industries and products, day by day, on a log axis."""
    figure = go.Figure()
    for kind, rows in concentration.groupby("kind", sort=False):
        figure.add_trace(line(rows["date"], rows["effective"], str(kind), form=".1f"))
    layout(figure, "effective number (log)", time="level")
    ticks = [digit * 10**power for power in range(5) for digit in (1, 2, 5)]
    figure.update_yaxes(type="log", tickvals=ticks)
    return figure


def concentration_levels(levels: pd.DataFrame) -> go.Figure:
    """Effective number of products at each level of the taxonomy: level, effective, groups."""
    figure = go.Figure(
        go.Bar(
            x=levels["level"].astype(str),
            y=levels["effective"],
            marker={"color": colour("products")},
            text=[f"{value:.1f}" for value in levels["effective"]],
            textposition="outside",
            textangle=0,
            textfont={"size": 11},
            cliponaxis=False,
            customdata=levels["groups"],
            hovertemplate="level %{x}: %{y:.1f} equal products, of %{customdata} held<extra></extra>",
        )
    )
    layout(figure, "effective number of products")
    figure.update_layout(hovermode="closest", margin={"t": 24, "l": 8, "r": 8, "b": 8})
    figure.update_xaxes(title_text="level of the taxonomy (1 = root)", type="category", showgrid=False)
    return figure


def chain_flows(links: pd.DataFrame) -> go.Figure:
    """The value chain of some products: suppliers on the left, the products, customers on the right.

    Args:
        links: product_id, product, side (supplier, customer), end_id, end, strength, weight (of
            the end in the holdings), active (less the universe)
    """
    nodes: dict[tuple[str, str], int] = {}
    labels: list[str] = []
    inks: list[str] = []
    notes: list[str] = []

    def node(column: str, key: str, name: str, weight: float, active: float) -> int:
        """The same product may stand in two columns: a value chain has circles, a flow has none."""
        if (column, key) not in nodes:
            nodes[column, key] = len(labels)
            labels.append(plain(name))
            inks.append(MIDDLE if weight <= 0 else GOOD if active >= 0 else BAD)
            notes.append(f"{plain(name)}: {weight:.2%} of holdings, {active:+.2%} less the universe")
        return nodes[column, key]

    source, target, value, told = [], [], [], []
    for row in links.to_dict("records"):
        middle = node("product", row["product_id"], row["product"], row["own_weight"], row["own_active"])
        end = node(row["side"], row["end_id"], row["end"], row["weight"], row["active"])
        a, b = (end, middle) if row["side"] == "supplier" else (middle, end)
        source.append(a)
        target.append(b)
        value.append(row["strength"])
        told.append(f"{labels[a]} supplies {labels[b]}: strength {row['strength']:.3f}")
    columns = {name: [key for key in nodes if key[0] == name] for name in ("supplier", "product", "customer")}
    x, y = [0.0] * len(labels), [0.0] * len(labels)
    for across, keys in zip((0.001, 0.38, 0.999), columns.values(), strict=True):
        for down, key in enumerate(keys):  # where a node would stand; plotly moves those that touch
            x[nodes[key]], y[nodes[key]] = across, (down + 0.5) / len(keys)
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            node={
                "label": labels,
                "x": x,
                "y": y,
                "color": inks,
                "pad": 18,
                "thickness": 12,
                "line": {"width": 0},
                "customdata": notes,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": source,
                "target": target,
                "value": value,
                "color": "rgba(128,135,146,0.30)",
                "customdata": told,
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        )
    )
    layout(figure, height=110 + 40 * max(len(keys) for keys in columns.values()))
    figure.update_layout(hovermode="closest", margin={"t": 16, "l": 4, "r": 4, "b": 12})
    return figure
