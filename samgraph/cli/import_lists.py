"""`samgraph import concepts` and `samgraph import shenwan`: published lists of who belongs where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.import_options import ALIASES, FORM, Day, changed_codes, finish

if TYPE_CHECKING:
    import numpy as np


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--known-from",
    type=Day(),
    metavar="DATE",
    help="The first day on which memberships without a day of their own were known. It has no default: earlier use "
    "would be look-ahead.",
)
@click.option(
    "--index",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Of a .npy matrix, which row is which stock: HIST's own .npy, or a table with the columns company, row.",
)
@click.option("--company", metavar="COLUMN", help="Company id; by default company_id, code, symbol, ...")
@click.option("--concept", metavar="COLUMN", help="Concept; by default concept, theme, board, ...")
@click.option("--valid-from", metavar="COLUMN", help="First day; by default valid_from, in_date, ...")
@click.option("--valid-to", metavar="COLUMN", help="First day no more; by default valid_to, out_date, ...")
@click.option("--plain", is_flag=True, help="Company ids as FILE has them; by default A-share codes.")
@ALIASES
@FORM
def concepts(
    *,
    file: Path,
    out: Path,
    known_from: np.datetime64 | None,
    index: Path | None,
    plain: bool,
    aliases: Path | None,
    form: str,
    **columns: str | None,
) -> None:
    """A stock-to-concept table, 0 or 1, as themes; HIST's stock2concept.npy.

    FILE has a row a membership (company, concept, perhaps days), or a row a company and a column a concept with cells
    of 0 and 1, as CSV, JSON lines or Parquet; or it is a .npy matrix. docs/themes.md says what themes are.

    \b
    Examples:
      samgraph import concepts boards.csv themes --known-from 2021-07-01
      samgraph import concepts stock2concept.npy themes --index stock_index.npy \\
          --known-from 2021-10-27
    """
    from samgraph.importers.concepts import ConceptOptions, import_concepts
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    refuse_foreign(out, "concepts")
    options = ConceptOptions(
        known_from=known_from,
        index=index,
        columns={what: name for what, name in columns.items() if name},
        plain=plain,
        aliases=changed_codes(aliases, plain=plain),
    )
    with stage("read and settle"):
        made = import_concepts(file, options)
    finish(made, out, form)
