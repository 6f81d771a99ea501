"""`samgraph import concepts`, `shenwan` and `tnic`: published lists of who belongs where, and with whom."""

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

    FILE has a row per membership (company, concept, any days), or a row per company and a column per concept with cells
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


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("out", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--ids",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Which company a gvkey is: columns gvkey, company_id, [name], [valid_from, valid_to].",
)
@click.option(
    "--lag-months",
    type=click.IntRange(min=3),
    default=6,
    show_default=True,
    metavar="N",
    help="ASSUME that the network of a year is known N months after the year's end; the 10-Ks that it is made of are "
    "due within three.",
)
@click.option(
    "--least-score",
    type=click.FloatRange(0.0, 1.0),
    default=0.0,
    metavar="X",
    help="Leave out links with a score below X.",
)
@FORM
def tnic(*, file: Path, out: Path, ids: Path, lag_months: int, least_score: float, form: str) -> None:
    """Hoberg and Phillips' text network of competitors (TNIC), as links.

    FILE has the columns year, gvkey1, gvkey2, score, apart by tabs (in a .csv by commas; .gz is read as well). A year's
    network is used for twelve months. docs/competitors.md says what links are.

    \b
    Example:
      samgraph import tnic tnic3_data.txt rivals --ids gvkeys.csv
    """
    from samgraph.importers.tnic import TnicOptions, import_tnic
    from samgraph.importers.writing import refuse_foreign
    from samgraph.progress import stage

    refuse_foreign(out, "tnic")
    with stage("read and settle"):
        made = import_tnic(file, TnicOptions(ids, lag_months, least_score))
    finish(made, out, form)
