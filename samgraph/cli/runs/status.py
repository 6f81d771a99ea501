"""`samgraph status`: the health of a run that is in use."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samgraph.cli.output import figure, print_frame, print_json
from samgraph.cli.runs.score import LOOK
from samgraph.cli.terminal import tell


@click.command("status")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset as it is now; the run's by default.",
)
@click.option(
    "--scores",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder that each night's scores are written to, as DATE.parquet, .csv or .json.",
)
@click.option("--variant", default="product", show_default=True, help="Whose models.")
@click.option(
    "--format", "form", type=click.Choice(("table", "json")), default="table", help="Form of the facts."
)
@click.pass_context
def command(
    context: click.Context, *, run: Path, data: Path | None, scores: Path | None, variant: str, form: str
) -> None:
    """Say how RUN, which is in use, is doing.

    The last load, the newest bars and scores; how long the newest models are in use and when they are to be fitted
    anew; how many members have a report and how old it is; whether features have drifted from the training days, and
    the Rank IC since then from that of the test days before.

    Exit status 3 with a warning for whatever somebody should look at.

    \b
    Example:
      samgraph status runs/csi300 --data data/csi300 --scores scores
    """
    import pandas as pd

    from samgraph.graph.connect import connect
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.night.status import status
    from samgraph.run.folder import RunFolder

    opened = RunFolder.open(run)
    dataset = Dataset(data or opened.config.data)
    with connect(opened.config.neo4j.settings()) as graph:
        found = status(opened, graph, dataset, variant=variant, scores=scores)
    if form == "json":
        content = found.facts | {"warnings": list(found.warnings)}
        print_json(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        rows = [(name, value if value is not None else "") for name, value in found.facts.items()]
        shown = [(name, figure(value) if isinstance(value, float) else str(value)) for name, value in rows]
        print_frame(pd.DataFrame(shown, columns=["what", "value"]), "table")
    for warning in found.warnings:
        tell(f"warning: {warning}")
    if found.warnings:
        context.exit(LOOK)
