"""A dataset on disk: its tables, `coverage.csv`, `import.json` and `import.md`, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

import samgraph
from samgraph.errors import DatasetError
from samgraph.files import put_back, whole, whole_folder
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.dataset.tables import TABLES
from samgraph.importers.sheet import data_sheet

MARK = "import.json"
COVERAGE = "coverage.csv"
SHEET = "import.md"
_PARQUET = frozenset(("bars", "company_links"))  # millions of rows


@dataclass(frozen=True)
class Imported:
    """What an importer made. Raises DatasetError where nothing of its source could be used.

    importer: its name on the command line
    tables: the dataset's tables, by name, as docs/dataset.md has them
    coverage: table, outcome, cause, rows: where every row that was read went
    notes: what was assumed, in sentences
    options: what was asked for
    files: the files that were read
    essential: the table without which there is nothing to load
    advice: what to do where nothing could be used
    """

    importer: str
    tables: dict[str, pd.DataFrame]
    coverage: pd.DataFrame
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    essential: str = "segments"
    advice: str = "correct the source"

    def __post_init__(self) -> None:
        for name in dict.fromkeys((self.essential, "bars")):
            if name in self.tables and not len(self.tables[name]):
                raise DatasetError(self._nothing(name))

    def _nothing(self, name: str) -> str:
        lost = self.coverage[self.coverage["outcome"].isin(("rejected", "ignored"))]
        lost = lost.sort_values("rows", ascending=False, kind="stable")
        causes = "; ".join(f"{row.table}: {row.cause} ({row.rows:,})" for row in lost.head(3).itertuples())
        more = f"; and {len(lost) - 3} other causes" if len(lost) > 3 else ""
        return (
            f"nothing that was read can be used for the table {name}: {causes or 'the source has no row'}{more}; "
            f"{self.advice}"
        )


def refuse_foreign(out: Path, importer: str) -> None:
    """Raise DatasetError unless `out` is absent, an empty folder, or what the same importer wrote before."""
    out = out.absolute()
    put_back(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise DatasetError(f"{out} is a file; give a folder that does not exist yet, or an empty one")
    found = sorted(path.name for path in out.iterdir())
    if not found:
        return
    own = {
        MARK,
        COVERAGE,
        SHEET,
        *(f"{name}.csv" for name in TABLES),
        *(f"{name}.parquet" for name in _PARQUET),
    }
    foreign = [name for name in found if name not in own]
    maker = _maker(out)
    if not foreign and maker == importer:
        return
    what = f"holds {foreign[0]!r}" if foreign or maker is None else f"was made by 'import {maker}'"
    if not foreign and maker is None:
        what = f"holds {found[0]!r}"
    raise DatasetError(
        f"the folder {out} is not empty and no earlier output of 'import {importer}' (it {what}); "
        "give another folder, or empty this one first"
    )


def _maker(out: Path) -> str | None:
    try:
        mark = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(mark.get("importer")) if isinstance(mark, dict) else None


def write(made: Imported, out: Path) -> None:
    """Write the dataset to the folder `out`, in place of an earlier output of the same importer.

    Raises:
        DatasetError: `out` holds something else, or cannot be written; nothing is changed then
    """
    out = out.absolute()
    refuse_foreign(out, made.importer)
    with whole_folder(out) as fresh:
        for name, table in made.tables.items():
            if name in _PARQUET:
                table.to_parquet(fresh / f"{name}.parquet", index=False)
            else:
                table.to_csv(fresh / f"{name}.csv", index=False, lineterminator="\n")
        made.coverage.to_csv(fresh / COVERAGE, index=False, lineterminator="\n")
        mark: dict[str, Any] = {
            "importer": made.importer,
            "samgraph": samgraph.__version__,
            "options": {key: _plain(value) for key, value in made.options.items()},
            "notes": list(made.notes),
            "inputs": digests(made.files),
        }
        sheet = data_sheet(Dataset(fresh), made.importer, made.coverage, made.notes, mark["options"])
        (fresh / SHEET).write_text(sheet, encoding="utf-8")
        (fresh / MARK).write_text(json.dumps(mark, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def keep_sheet(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    """Copy the data sheet of a dataset's import to a folder; its name, or nothing where there is none."""
    sheet = dataset.root / SHEET
    if not sheet.is_file():
        return ()
    with whole(folder / SHEET) as scratch:
        scratch.write_bytes(sheet.read_bytes())
    return (SHEET,)


def digests(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file, by the name of its folder and its own."""
    sums = {}
    for path in files:
        with path.open("rb") as opened:
            sums[Path(path.parent.name, path.name).as_posix()] = hashlib.file_digest(
                opened, "sha256"
            ).hexdigest()
    return dict(sorted(sums.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value)
