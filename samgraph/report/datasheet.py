"""The report's data sheet: how the run's dataset was imported, from the `import.md` that the run keeps."""

from __future__ import annotations

import re

from samgraph.importers.writing import SHEET
from samgraph.report.html import section, table, text
from samgraph.run.folder import RunFolder

_ESCAPED = re.compile(r"\\([\\|<>*_`\[])")
_FIGURE = re.compile(r"[-\d.,%–]*")


def data_sheet(run: RunFolder) -> str:
    """The sheet as a section; nothing where the run's dataset had none."""
    if SHEET not in run.manifest.get("files", {}):
        return ""
    sheet = (run.folder / SHEET).read_text(encoding="utf-8", errors="replace")
    return section(
        "datasheet",
        "The dataset",
        "<p class='soft'>The data sheet that its import wrote, as the run found it. What was loaded into the graph "
        "from other folders has sheets of its own there.</p>",
        *(_block(block) for block in sheet.strip().split("\n\n")),
    )


def _block(block: str) -> str:
    lines = block.split("\n")
    if lines[0].startswith("#"):
        return f"<h3>{text(_plain(lines[0].lstrip('# ')))}</h3>"
    if lines[0].startswith("|"):
        head, _, *rows = ([_plain(cell) for cell in line[2:-2].split(" | ")] for line in lines)
        rows = [(row + [""] * len(head))[: len(head)] for row in rows]
        words = next(
            (at for at in range(len(head)) if all(_FIGURE.fullmatch(row[at]) for row in rows)), len(head)
        )
        return table(head, rows, "", words=words)
    if lines[0].startswith("- "):
        return f"<ul>{''.join(f'<li>{text(_plain(line[2:]))}</li>' for line in lines)}</ul>"
    return f"<p>{text(_plain(block.replace('`', '')))}</p>"


def _plain(marked: str) -> str:
    """A text of the sheet without its marks."""
    return _ESCAPED.sub(r"\1", marked)
