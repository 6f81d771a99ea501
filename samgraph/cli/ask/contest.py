"""`samgraph contest`: do product exposures make a better risk model than industry labels?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.runs.backtest import _day

DEFAULT_CUT = "adaptive:min=5,max=0.2"


@click.command("contest")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the loaded dataset.",
)
@click.option("--universe", required=True, help="Name in the dataset's table universes.")
@click.option("--start", required=True, callback=_day, metavar="DATE", help="First day to forecast on.")
@click.option("--end", required=True, callback=_day, metavar="DATE", help="Last day.")
@click.option(
    "--concepts",
    "cuts",
    multiple=True,
    default=(DEFAULT_CUT,),
    show_default=True,
    metavar="CUT",
    help="Cut of the products: leaf, level:N, levels:A-B or adaptive:min=3,max=0.2. Several make a model each.",
)
@click.option(
    "--industries",
    "industry_cuts",
    multiple=True,
    default=(DEFAULT_CUT,),
    show_default=True,
    metavar="CUT",
    help="Cut of the industries, the same.",
)
@click.option(
    "--hindsight",
    is_flag=True,
    help="Take the exposures known on the last day for all days before: to choose cuts with, never a result.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables as Parquet."
)
@click.option(
    "--known-at", metavar="MOMENT", help="Read the graph as it was recorded then (ISO time; UTC by default)."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
def command(
    *,
    data: Path,
    universe: str,
    start: dt.date,
    end: dt.date,
    cuts: tuple[str, ...],
    industry_cuts: tuple[str, ...],
    hindsight: bool,
    out: Path | None,
    known_at: str | None,
    form: str,
) -> None:
    """Compare risk models built on product exposures and on industry dummies.

    Same days, stocks, styles and estimation; each forecast is made of what was known and meets the next day's return:
    log-likelihood, QLIKE of random portfolios, realised variance of minimum-variance portfolios, and pairs of stocks
    that only one of the two joins. gain is a model's improvement on the industry model, dm and p_value the
    Diebold-Mariano test of it. No model is trained. Every contest leaves a line in the ledger of trials.

    \b
    Example:
      samgraph contest --data DIR --universe U --start 2022-01-01 --end 2024-12-31
    """
    from samgraph.desk.risk_contest import risk_contest
    from samgraph.files import write_frame
    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.asof import parse_moment
    from samgraph.graph.series.cuts import parse_cut
    from samgraph.run.trials import Look, TrialLedger

    for cut in (*cuts, *industry_cuts):
        parse_cut(cut)
    ledger = TrialLedger()
    ledger.ready()
    with connect() as graph:
        found = risk_contest(
            graph,
            Dataset(data),
            universe,
            start,
            end,
            cuts=tuple(dict.fromkeys(cuts)),
            industry_cuts=tuple(dict.fromkeys(industry_cuts)),
            hindsight=hindsight,
            known=parse_moment(known_at) if known_at else None,
        )
    asked = {"cuts": cuts, "industries": industry_cuts, "hindsight": hindsight}
    ledger.append(
        Look.of(
            "risk_contest", found.dataset, universe, start, end, asked, int(found.daily["date"].nunique())
        )
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_frame(out / "risk_contest.parquet", found.table)
        write_frame(out / "risk_contest_daily.parquet", found.daily)
    click.echo(
        f"forecasts of {found.first.date()} to {found.last.date()}; {found.stocks} of {found.members} members have "
        f"both products and an industry{'; exposures in hindsight: no result' if hindsight else ''}",
        err=True,
    )
    print_frame(found.table, form)
