"""A finished run grows: what was fitted on days that have not changed is kept, the rest is fitted.

The grown run is made beside the old one, as a fresh run over the longer period would be, but for the pieces that it
takes over; when it is finished it takes the old one's place. Until then the old run can be read, and a killed growth
goes on. A piece's fit is kept if nothing that it reads has changed up to the day before its test
(`samgraph.run.changes`); its scores are kept if nothing has up to the end of its test days either and these are the
same, and are made anew by the kept fit otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samgraph.errors import RunError
from samgraph.files import same_file, write_frame
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.checkpoint import rebind_checkpoint
from samgraph.progress import stage
from samgraph.run.changes import MarketChanges, SeriesChanges, days_in_words
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import Inputs
from samgraph.run.models import has_model
from samgraph.seals import FINISHED, damaged_file, seal_piece, sealed_names
from samgraph.training.stored import read_series
from samgraph.training.task import CURVES, PREDICTIONS, Job, Piece, Task, Work


def growing(out: Path) -> Path:
    """Where the run in `out` grows: a folder beside it."""
    out = out.resolve()
    return out.parent / f".{out.name}.growing"


def _replaced(out: Path) -> Path:
    return out.parent / f".{out.name}.replaced"


def settle(out: Path) -> None:
    """Finish what a killed `take_place` left half done: afterwards `out` is a run if it was one before."""
    out = out.resolve()
    old = _replaced(out)
    if not old.exists():
        return
    if not out.exists():
        os.replace(growing(out) if is_finished(growing(out)) else old, out)
    shutil.rmtree(old, ignore_errors=True)


def take_place(out: Path) -> None:
    """Let the grown run take the place of the old one.

    Raises:
        RunError: the folder cannot be renamed
    """
    out = out.resolve()
    try:
        os.replace(out, _replaced(out))
        os.replace(growing(out), out)
    except OSError as error:
        raise RunError(f"{out} cannot be replaced by the grown run: {error.strerror or error}") from error
    settle(out)


def is_finished(folder: Path) -> bool:
    """Whether the folder's manifest says that its run was finished."""
    try:
        return "finished" in json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class Kept:
    """What became of the pieces of a run that grows.

    Attributes:
        kept: names of pieces whose fits and scores are as they were
        scored: of those whose fits are kept and whose test days are scored anew
        fitted: of those that are to be fitted
        changes: sentences about what has changed on days that the run knew
    """

    kept: tuple[str, ...]
    scored: tuple[str, ...]
    fitted: tuple[str, ...]
    changes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Growth:
    before: RunFolder
    inputs: Inputs
    work: Work
    series: dict[str, SnapshotSeries | None] = field(default_factory=dict)
    compared: dict[str, SeriesChanges | None] = field(default_factory=dict)
    prints: dict[str | None, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.market = MarketChanges(self.before.market.for_models(), self.inputs.market.for_models())

    def series_of(self, piece: Piece) -> SnapshotSeries | None:
        """The snapshots that a piece reads now, from the file that fits read them from: it has a form of its own."""
        if piece.concepts is None:
            return None
        if piece.concepts not in self.series:
            self.series[piece.concepts] = read_series(self.work.folder, piece.concepts)
        return self.series[piece.concepts]

    def unchanged(self, piece: Piece, last: int) -> bool:
        """Whether all that a piece reads up to a day is as it was."""
        if self.market.first(last) is not None:
            return False
        series = self.series_of(piece)
        if series is None or piece.concepts is None:
            return True
        if piece.concepts not in self.compared:
            folder = self.before.folder / "checkpoints"
            known = (folder / f"{piece.concepts}.npz").exists()
            self.compared[piece.concepts] = (
                SeriesChanges(read_series(folder, piece.concepts), series) if known else None
            )
        found = self.compared[piece.concepts]
        return found is not None and found.first(self.inputs.market.dates[last]) is None

    def is_kept(self, piece: Piece) -> bool:
        """Whether the piece's fit is what a fit would give now."""
        if piece.number >= len(self.before.windows):
            return False
        old, new = self.before.windows[piece.number], piece.window
        if (old.train, old.valid, old.test.start) != (new.train, new.valid, new.test.start):
            return False
        whole = damaged_file(self.folder(piece), (CURVES, PREDICTIONS)) is None
        if not (whole and self.unchanged(piece, new.fit_day) and all(map(self.is_kept, piece.needs))):
            return False
        return has_model(self.folder(piece)) or self.is_scored(piece)  # what was removed scores nothing anew

    def is_scored(self, piece: Piece) -> bool:
        """Whether the scores of a piece whose fit is kept are what they would be now."""
        old, new = self.before.windows[piece.number], piece.window
        same = old.test == new.test and self.unchanged(piece, new.test.stop - 1)
        return same and all(map(self.is_scored, piece.needs))

    def folder(self, piece: Piece) -> Path:
        """Where the piece lies in the old run."""
        return self.before.folder / "checkpoints" / piece.name

    def job(self, piece: Piece) -> Job:
        """A kept piece opened to score the days of now."""
        needs = {need.arm.name: self.job(need) for need in piece.needs}
        return Job(Task(piece, self.work), self.inputs.market, self.series_of(piece), needs)

    def fingerprint(self, job: Job) -> str:
        """Of all that a fit is given now, as its checkpoint names it."""
        concepts = job.task.piece.concepts
        if concepts not in self.prints:
            self.prints[concepts] = job.inputs().fingerprint()
        return self.prints[concepts]

    def sentences(self) -> tuple[str, ...]:
        """What has changed on days that the run knew, each thing once."""
        told = self.market.sentences()
        for name, changes in self.compared.items():
            if changes is not None and (days := changes.differing()).any():
                told.append(f"snapshots {name} {days_in_words(changes.now.dates, days)}")
        return tuple(told)


def keep_fits(before: RunFolder, pieces: Sequence[Piece], inputs: Inputs, work: Work) -> Kept:
    """Take over the fits of a finished run whose inputs are unchanged, and score their new test days.

    Args:
        before: the run as it was
        pieces: of the run as it grows
        inputs: of the run as it grows
        work: where its pieces go

    Raises:
        SamgraphError: as reading the old run and scoring raise it
    """
    every = {one.name: one for piece in pieces for one in (*piece.below, piece)}
    growth = _Growth(before, inputs, work)
    kept, scored, fitted = [], [], []
    with stage("keep earlier fits", len(every)) as progress:
        for name, piece in every.items():
            if not growth.is_kept(piece):
                fitted.append(name)
            elif growth.is_scored(piece):
                kept.append(name)
                _take_over(growth, piece, anew=False)
            else:
                scored.append(name)
                _take_over(growth, piece, anew=True)
            progress.advance()
    return Kept(tuple(kept), tuple(scored), tuple(fitted), growth.sentences())


def _take_over(growth: _Growth, piece: Piece, *, anew: bool) -> None:
    """Copy a finished piece, without a seal until its scores are there."""
    work, old = growth.work, growth.folder(piece)
    if work.finished(piece):
        return
    folder = work.piece_folder(piece)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(old, folder, copy_function=same_file, ignore=_not_taken)
    names, job = sealed_names(old), growth.job(piece)
    rebind_checkpoint(folder, inputs=growth.fingerprint(job), window=str(piece.window))
    if anew:
        write_frame(folder / PREDICTIONS, piece.arm.score(job, piece.window.test))
    seal_piece(folder, names)


def _not_taken(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == FINISHED or name.startswith(".")}
