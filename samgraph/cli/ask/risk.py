"""`samgraph risk`: what holdings really hold, and how much they may swing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from samgraph.cli.output import FORMATS, print_frame, print_json
from samgraph.spreadsheets import from_spreadsheet, write_csv
from samgraph.words import many

if TYPE_CHECKING:
    import pandas as pd


def read_file(path: Path) -> pd.Series:
    """Weights by company id from a CSV file with company_id and weight (or value).

    Raises:
        DatasetError: no such file, no CSV, or not these columns
    """
    from samgraph.desk.holdings_risk import read_holdings
    from samgraph.errors import DatasetError
    from samgraph.graph.dataset.files import read_csv_texts

    try:
        table = read_csv_texts(path)
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror or error}); name a CSV file with company_id and weight"
        ) from error
    if "company_id" in table:  # a list that this program wrote, or a spreadsheet made of one
        table["company_id"] = table["company_id"].map(from_spreadsheet, na_action="ignore")
    return read_holdings(table, str(path))


@click.command("risk")
@click.argument("holdings", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The loaded dataset, whose bars a forecast of variance needs; without it there is none.",
)
@click.option("--universe", help="Whose members the forecast's factors are estimated on; goes with --data.")
@click.option(
    "--concepts",
    "cut",
    default="adaptive:min=5,max=0.2",
    show_default=True,
    metavar="CUT",
    help="The forecast's products: leaf, level:N, levels:A-B or adaptive:min=3,max=0.2.",
)
@click.option(
    "--overlap",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.5,
    show_default=True,
    help="List pairs of holdings that share at least this much of their revenue mix.",
)
@click.option(
    "--backcast",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Hold the same holdings' forecast of each of the last N days against the next day's return; goes with --data.",
)
@click.option(
    "--stress",
    "scenario",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TOML",
    help="A scenario: shocks by product, carried along the value chain; with --data also days in the past as bad.",
)
@click.option("--known-at", metavar="MOMENT", help="Answer as the graph was recorded then.")
@click.option(
    "--rows", type=click.IntRange(1), default=15, show_default=True, help="Rows of a printed table."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
def command(
    *,
    holdings: Path,
    as_of: str,
    data: Path | None,
    universe: str | None,
    cut: str,
    overlap: float,
    backcast: int,
    scenario: Path | None,
    known_at: str | None,
    rows: int,
    form: str,
) -> None:
    """Show what HOLDINGS (a CSV file with company_id and weight, or value) really hold.

    Effective number of products at each level beside that of industries, the weight behind each product, pairs of
    holdings that are one product; and with --data the forecast volatility, split by product at each level,
    industry, style and stock. --backcast tells how such forecasts did, each made on days before it: a bias
    statistic (1 is right, within its band by chance) and QLIKE (less is better). --stress tells what a scenario costs
    by holding and product: by stated input shares, and at worst by what no share is stated of. csv prints all tables
    as rows of table, row, column, value.

    \b
    A scenario:
      name = "Lithium falls by a fifth"
      depth = 3                 # links of the value chain
      days = 5                  # that it takes
      [shocks]
      "P01234" = -0.2           # a product's id or whole name

    \b
    Example:
      samgraph risk holdings.csv --as-of 2024-06-28 --data DIR --universe CSI300
    """
    import pandas as pd

    from samgraph.desk.holdings_risk import holdings_risk
    from samgraph.desk.stress import read_scenario, stress
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.series.cuts import parse_cut

    moment = AsOf.parse(as_of, known_at)
    parse_cut(cut)
    if backcast and data is None:
        raise click.UsageError("--backcast needs --data, whose bars tell what came")
    if data is not None and universe is None:
        raise click.UsageError("--data needs --universe, whose members the forecast is estimated on")
    shocks = None if scenario is None else read_scenario(scenario)
    weights = read_file(holdings)
    dataset = None if data is None else Dataset(data)
    with connect() as graph:
        found = holdings_risk(
            graph,
            weights,
            moment,
            dataset=dataset,
            universe=universe,
            cut=cut,
            overlap=overlap,
            backcast_days=backcast,
        )
        stressed = (
            None
            if shocks is None
            else stress(
                graph, weights, shocks, found.as_of, regression=found.regression, returns=found.returns
            )
        )
    if len(found.uncovered):
        share = found.uncovered.drop_duplicates("company_id")["weight"].abs().sum() / found.invested
        click.echo(
            f"not covered: {many(len(found.uncovered), 'holding')} ({share:.1%}), see uncovered", err=True
        )
    tables = found.tables() | ({} if stressed is None else stressed.tables())
    if form == "json":
        parts: dict[str, Any] = {
            name: json.loads(
                frame.to_json(orient="records", force_ascii=False, double_precision=15, date_format="iso")
            )
            for name, frame in tables.items()
        }
        head: dict[str, Any] = {
            "as_of": found.as_of.valid.isoformat(),
            "volatility": None if found.kinds is None else found.volatility,
        }
        if stressed is not None:
            head["stress"] = {
                "name": stressed.scenario.name,
                **{name: getattr(stressed, name) for name in ("loss", "worst", "direct", "uncovered")},
            }
        print_json(json.dumps(head | parts, ensure_ascii=False, indent=2))
    elif form == "csv":
        long = [
            frame.reset_index(names="row").melt("row", var_name="column").assign(table=name)
            for name, frame in tables.items()
        ]
        write_csv(pd.concat(long, ignore_index=True)[["table", "row", "column", "value"]], sys.stdout)
    else:
        if found.kinds is not None:
            click.echo(f"forecast volatility: {found.volatility:.2%} a year")
        if stressed is not None:
            click.echo(
                f"{stressed.scenario.name}: {stressed.loss:+.2%} by stated input shares, {stressed.worst:+.2%} at "
                f"worst, {stressed.direct:+.2%} by the shocks alone; {stressed.uncovered:.1%} of the weight reports no "
                "products"
            )
        for name, frame in tables.items():
            if len(frame):
                more = f" (the first {rows} of {len(frame)})" if len(frame) > rows else ""
                click.echo(f"\n{name}{more}")
                print_frame(frame.head(rows), form)
