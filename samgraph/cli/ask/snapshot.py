"""`samgraph snapshot`: one as-of bipartite snapshot, as a PyG graph or a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.output import FORMATS, ends_in, print_frame
from samgraph.cli.terminal import tell
from samgraph.spreadsheets import write_csv
from samgraph.words import many

if TYPE_CHECKING:
    import pandas as pd

    from samgraph.graph.ask.snapshot import Snapshot
    from samgraph.graph.series.snapshots import Relation

RELATIONS: tuple[Relation, ...] = ("products", "industries", "themes", "competitors")


@click.command("snapshot")
@click.option("--as-of", required=True, metavar="DATE", help="The day asked about, YYYY-MM-DD.")
@click.option("--universe", help="Its members of that day only; every company with an edge by default.")
@click.option(
    "--concepts",
    "cut",
    default="leaf",
    show_default=True,
    metavar="CUT",
    help="leaf, level:N, levels:A-B or adaptive:min=3,max=0.2.",
)
@click.option(
    "--relation",
    type=click.Choice(RELATIONS),
    default="products",
    show_default=True,
    help="What companies sell, the industries that they are classified as, the themes that they belong to, or the "
    "companies that they compete with.",
)
@click.option(
    "--known-at",
    metavar="MOMENT",
    help="Answer as the graph was recorded then, such as 2024-01-31T18:00:00+08:00; UTC without a time zone.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=ends_in(".pt", ".parquet", ".csv"),
    metavar="FILE",
    help="FILE.pt (PyG HeteroData; samgraph.graph.series.hetero.read_file reads it), .parquet or .csv.",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", help="Form of the rows without -o."
)
def command(
    *,
    as_of: str,
    universe: str | None,
    cut: str,
    relation: Relation,
    known_at: str | None,
    output: Path | None,
    form: str,
) -> None:
    """Show who sold what on a day, by what was public and recorded then.

    One row an edge: company_id, product_id (the concept, after the cut), weight (share of reported revenue,
    or a competitor's score), and of the report behind it period_end, announced_on and valid_from. What is covered goes
    to standard error.

    \b
    Example:
      samgraph snapshot --as-of 2023-01-03 --universe CSI300 \\
          --concepts adaptive:min=3,max=0.2 -o snapshot.pt
    """
    from samgraph.graph.ask.snapshot import snapshot
    from samgraph.graph.connect import connect
    from samgraph.graph.db.asof import AsOf
    from samgraph.graph.series.cuts import parse_cut

    moment = AsOf.parse(as_of, known_at)
    parse_cut(cut)  # a bad cut is told before a server is started
    with connect() as graph:
        found = snapshot(
            graph,
            moment,
            universe=universe,
            cut=cut,
            relation=relation,
        )
    tell(_summary(found))
    if output is None:
        print_frame(_readable(found.frame), form)
    else:
        _write(found, output)
        click.echo(f"written: {output}", err=True)


def _summary(found: Snapshot) -> str:
    told = found.coverage
    report = {
        "products": "a valid report",
        "industries": "an industry",
        "themes": "a theme",
        "competitors": "a competitor",
    }[found.relation]
    of = {"products": "the reported revenue", "competitors": "the scores"}.get(
        found.relation, "the memberships"
    )
    missing = _listed(
        {
            f"that never had {report} by then": told.never_reported,
            f"without {report} any more": told.expired,
            "that the cut leaves none": told.lost_to_cut,
        }
    )
    dropped = _listed({"too general": f"{told.too_general:.1%}", "too small": f"{told.too_small:.1%}"})
    return (
        f"{found.universe or 'all companies'} as of {found.as_of}, cut {found.cut}: "
        f"{many(told.companies, 'company')}, "
        f"{told.with_edges} with edges{missing}; {many(len(found.frame), 'edge')} to "
        f"{many(len(found.concepts), 'concept')} with {told.kept:.1%} of {of}{dropped}"
    )


def _listed(counts: Mapping[str, int | str]) -> str:
    return "".join(f", {count} {what}" for what, count in counts.items() if count not in (0, "0.0%"))


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Days as ISO text, empty where there is none; `strftime` would write the year 1 without its zeros."""
    import pandas as pd

    days = {
        name: [None if day is pd.NaT else day.date().isoformat() for day in frame[name]]
        for name in ("period_end", "announced_on", "valid_from")
    }
    return frame.assign(**{name: pd.Series(column, dtype=object) for name, column in days.items()})


def _write(found: Snapshot, output: Path) -> None:
    from samgraph.files import whole

    with whole(output) as scratch:
        if output.suffix == ".parquet":
            found.frame.to_parquet(scratch, index=False)
        elif output.suffix == ".csv":
            write_csv(_readable(found.frame), scratch)
        else:
            import torch

            torch.save(found.to_hetero(), scratch)
