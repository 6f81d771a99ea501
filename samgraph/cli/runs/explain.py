"""`samgraph explain`: why a stock scored as it did."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.output import FORMATS, print_frame
from samgraph.cli.runs.backtest import _day
from samgraph.words import many

if TYPE_CHECKING:
    from samgraph.explain.scores import Explanation

TOP = 10  # rows of each table on a terminal


@click.command("explain")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--company", metavar="ID", help="The stock's company_id.")
@click.option(
    "--date", "day", callback=_day, metavar="DATE", help="A test day of the run  [default: its last]."
)
@click.option("--variant", default="product", show_default=True, help="Whose model.")
@click.option("--seed", type=int, help="One model alone; the mean of all by default.")
@click.option("--write", is_flag=True, help="Also write it to Neo4j, as dated relationships for Browser.")
@click.option(
    "--remove", is_flag=True, help="Remove from Neo4j what was written of RUN (of --company, of --date)."
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows.")
def command(
    run: Path,
    company: str | None,
    day: dt.date | None,
    variant: str,
    seed: int | None,
    write: bool,
    remove: bool,
    form: str,
) -> None:
    """Explain a score: its split and rank, the concepts that the stock attended to with their members, and the stocks
    that the model found alike.

    The run's models are applied once more, so its score is the run's: in standard
    deviations of the day, averaged over seeds. After --write the query
    cypher/explain/score.cypher shows them in Neo4j Browser.

    \b
    Examples:
      samgraph explain runs/csi300 --company 300750.SZ --date 2026-05-08
      samgraph explain runs/csi300 --company 300750.SZ --format json
      samgraph explain runs/csi300 --remove
    """
    if write and remove:
        raise click.UsageError("--write and --remove exclude each other")
    if not remove and company is None:
        raise click.UsageError("an explanation needs --company")

    import pandas as pd

    from samgraph.config import load_config
    from samgraph.explain.graph import remove_explanations, write_explanation
    from samgraph.explain.scores import RunModels
    from samgraph.graph.connect import connect

    models = RunModels(run, variant=variant, seed=seed)
    if remove:
        with connect(load_config(run / "config.toml", {}).neo4j.settings()) as graph:
            removed = remove_explanations(graph, models.run.run_id, company_id=company, date=day)
        click.echo(f"{many(removed, 'relationship')} removed")
        return
    found = models.day(models.last_day if day is None else pd.Timestamp(str(day))).explain(str(company))
    if write:
        with connect(load_config(run / "config.toml", {}).neo4j.settings()) as graph:
            written = write_explanation(graph, found, run.resolve().name)
        click.echo(f"{many(written, 'relationship')} of run {found.run} in Neo4j", err=True)
    if form == "json":
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    elif form == "csv":
        print_frame(found.frame(), form)
    else:
        _print_tables(found)


def _print_tables(found: Explanation) -> None:
    import pandas as pd

    split = found.split
    click.echo(
        f"{found.company_id} {found.name}, {found.date}, {found.variant}, seeds: "
        f"{', '.join(map(str, found.seeds))}: rank {split['rank']} of {split['stocks']}"
    )
    print_frame(
        pd.DataFrame([{part: split[part] for part in ("score", "concept", "hidden", "individual")}]), "table"
    )
    for title, frame in (
        ("attends to", found.concepts),
        ("whose members are", found.members.drop(columns=["concept_id"])),
        ("most alike", found.neighbours),
    ):
        if not frame.empty:
            more = f" (the first {TOP} of {len(frame)})" if len(frame) > TOP else ""
            click.echo(f"\n{title}{more}")
            print_frame(frame.head(TOP), "table")
