"""`samgraph import concepts` and `samgraph import shenwan`: published lists of who belongs where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from samgraph.cli.imports.options import ALIASES, FORM, Day, changed_codes, finish

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


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--vintage",
    type=Day(),
    metavar="DATE",
    help="Use the vintages up to this one; all by default. Load an earlier one first, and the later is a correction.",
)
@click.option(
    "--lag-days",
    type=click.IntRange(min=0),
    metavar="N",
    help="ASSUME that a row was public N days after its day of inclusion where it was edited later; by default it is "
    "used from the day after the edit.",
)
@ALIASES
@FORM
def shenwan(
    *,
    folder: Path,
    out: Path,
    vintage: np.datetime64 | None,
    lag_days: int | None,
    aliases: Path | None,
    form: str,
) -> None:
    """Shenwan's classification of A-shares in its vintages: industries.

    FOLDER holds the publisher's table as it was on some days, NAME_YYYY-MM-DD.csv each, and codes_2021.csv. A row is
    used from the day after the first evidence that it was there, never from its day of inclusion alone.

    \b
    Example:
      samgraph import shenwan cn_shenwan_history sw24 --vintage 2024-09-03
      samgraph load sw24
      samgraph import shenwan cn_shenwan_history sw26
      samgraph load sw26
    """
    from samgraph.importers.shenwan import ShenwanOptions, import_shenwan
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    refuse_foreign(out, "shenwan")
    options = ShenwanOptions(vintage=vintage, lag_days=lag_days, aliases=changed_codes(aliases))
    with stage("read and settle"):
        made = import_shenwan(folder, options)
    finish(made, out, form)
