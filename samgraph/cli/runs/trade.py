"""`samgraph trade`: tonight's orders of an account, by a finished run's construction."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.runs.backtest import _day
from samgraph.cli.runs.score import LOOK
from samgraph.cli.terminal import tell

_SHOWN = [
    "company_id",
    "name",
    "side",
    "shares",
    "price",
    "value",
    "reason",
    "closed_at",
    "product",
    "industry",
]


@click.command("trade")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--holdings",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV or Parquet file of company_id, shares and optionally bought_on, after the day's close.",
)
@click.option(
    "--cash", type=click.FloatRange(0.0), default=0.0, show_default=True, help="Money after the day's close."
)
@click.option(
    "--as-of", "as_of", callback=_day, metavar="DATE", help="The day; the last one with bars by default."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset as it is now, loaded before; the run's by default.",
)
@click.option("--portfolio", help="One of the run's portfolios by its name; its main one by default.")
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="A new folder, or one of earlier orders, which is replaced.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the orders.")
@click.pass_context
def command(
    context: click.Context,
    *,
    run: Path,
    holdings: Path,
    cash: float,
    as_of: dt.date | None,
    data: Path | None,
    portfolio: str | None,
    known_at: str | None,
    output: Path,
    form: str,
) -> None:
    """Write the orders that bring an account to RUN's portfolio.

    They are decided after a day's close for the next trading day, by the run's own construction from that day's
    scores (samgraph score), through the code that its backtest traded by. Nothing is sent anywhere. FOLDER holds, as
    CSV and Parquet, orders (shares in lots, reason, limit prices, product and industry), targets, not_done (and why),
    checks and costs, and summary.json: value, cash, turnover, expected costs, forecast tracking error. Tomorrow's
    prices are not known: shares and costs are estimates at the day's close.

    Exit status 3 with a warning where a check says so: what score warns of, holdings that the market does not know,
    suspended or limit-locked names among the orders, T+1, the cap on a day's trade, bounds dropped, cash short.

    \b
    Example:
      samgraph trade runs/csi300 --holdings holdings.csv --cash 250000 -o orders
    """
    from samgraph.desk.account import read_account
    from samgraph.desk.trade import require_free, trade
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.asof import parse_moment
    from samgraph.run.folder import RunFolder

    require_free(output)
    account = read_account(holdings, cash)
    opened = RunFolder.open(run)
    dataset = Dataset(data or opened.config.data)
    known = parse_moment(known_at) if known_at else None
    with connect(opened.config.neo4j.settings()) as graph:
        found = trade(opened, graph, account, dataset, as_of=as_of, portfolio=portfolio, known=known)
    found.write(output)
    for warning in found.warnings:
        tell(f"warning: {warning}")
    orders = found.tables["orders"]
    print_frame(orders[_SHOWN] if form == "table" else orders, form)
    click.echo(f"written: {output}", err=True)
    if found.warnings:
        context.exit(LOOK)
