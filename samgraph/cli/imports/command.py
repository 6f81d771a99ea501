"""`samgraph import`: vendors' tables turned into a dataset."""

from __future__ import annotations

import click

from samgraph.cli.groups import Group
from samgraph.cli.imports.files import chainkg, qlib, segments
from samgraph.cli.imports.lists import concepts, shenwan, tnic
from samgraph.cli.imports.sec import sec
from samgraph.cli.imports.vendors import akshare, tushare


@click.group("import", cls=Group)
def command() -> None:
    """Turn a vendor's tables into a dataset that `samgraph load` takes.

    Where every row that was read went is printed, by cause, and kept as coverage.csv in DIR; what was assumed is told
    and kept in import.json. DIR must be new, empty, or an earlier output of the same importer. docs/importing.md has
    the policies.

    \b
    Examples:
      samgraph import chainkg raw/cn_company_product chain --valid-from 2021-11-01
      samgraph import segments segments.csv firms --reporting-lag 90
      samgraph import tushare answers ashare --universe 000300.SH=CSI300
      samgraph import qlib ~/.qlib/qlib_data/cn_data prices
      samgraph import concepts boards.csv themes --known-from 2021-07-01
      samgraph import tnic tnic3_data.txt rivals --ids gvkeys.csv
      samgraph import sec zips us --fallback BusinessSegments
    """


for _source in (concepts, shenwan, tnic, sec, chainkg, segments, tushare, akshare, qlib):
    command.add_command(_source)
