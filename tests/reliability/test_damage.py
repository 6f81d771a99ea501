"""Damaged files, full disks and folders that cannot be written: named, made again or refused; nothing half-written."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from oracles.hist_making import make_market, make_series

from samgraph.errors import DatasetError, ModelError, RunError, SamgraphError
from samgraph.files import write_frame, write_json, write_text
from samgraph.graph.check.dataset import check
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from samgraph.progress import Stage
from samgraph.seals import digests, require_unchanged
from samgraph.training.executor import open_executor
from samgraph.training.fit import fit_piece
from samgraph.training.pieces import fit_pieces
from samgraph.training.stored import read_market, read_series, write_market, write_series
from samgraph.training.task import CURVES, PREDICTIONS

sys.path.insert(0, str(Path(__file__).parent.parent / "samgraph" / "training"))
from test_executor import made_tasks

Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "cut in the middle": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a bit turned": lambda content: flipped(content, len(content) * 2 // 5),
}


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def damage(path: Path, how: str) -> None:
    path.write_bytes(DAMAGES[how](path.read_bytes()))


@pytest.mark.parametrize("how", list(DAMAGES))
@pytest.mark.parametrize("name", [CURVES, PREDICTIONS, "finished.json"])
def test_a_damaged_file_of_a_finished_piece_is_named_and_the_piece_is_fitted_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    (task, *_) = made_tasks(tmp_path, epochs=2)
    fit_piece(task, lambda _: None)
    before = digests(task.folder, (CURVES, PREDICTIONS))
    damage(task.folder / name, how)

    class Here:
        given = 0

        def submit(self, task: object) -> None:
            from samgraph.training.task import Event

            fit_piece(task, lambda _: None)  # type: ignore[arg-type]
            self.events, self.given = [Event(task, done=True)], self.given + 1  # type: ignore[arg-type]

        def poll(self, seconds: float) -> list[object]:
            return self.events  # type: ignore[return-value]

        def close(self) -> None: ...

    executor = Here()
    fit_pieces([task], executor, Stage())  # type: ignore[arg-type]
    assert executor.given == 1
    said = capsys.readouterr().err
    assert str(task.folder) in said and "fitted again" in said
    assert name in said or name == "finished.json"  # where a turned bit in a checksum accuses its file
    assert digests(task.folder, (CURVES, PREDICTIONS)) == before
    fit_pieces([task], executor, Stage())  # type: ignore[arg-type]
    assert executor.given == 1 and capsys.readouterr().err == "", "whole again, it is left alone"


@pytest.mark.parametrize("how", list(DAMAGES))
@pytest.mark.parametrize("name", ["state.json", "epoch-0001.safetensors"])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path, name: str, how: str) -> None:
    state = Checkpoint(
        {"w": torch.arange(6.0)}, {"progress": {"epoch": 1}, "best": 0.25, "history": [0.1] * 20}
    )
    write_checkpoint(tmp_path, 1, state)
    damage(tmp_path / name, how)
    with pytest.raises(ModelError, match=r"the checkpoint .*remove that folder") as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_no_bit_of_a_checkpoint_can_turn_unnoticed(tmp_path: Path) -> None:
    kept = Checkpoint({"w": torch.arange(6.0)}, {"epoch": 1, "best": 0.25})
    write_checkpoint(tmp_path, 1, kept)
    rng = np.random.default_rng(1)
    for name in ("state.json", "epoch-0001.safetensors"):
        content = (tmp_path / name).read_bytes()
        for place in rng.choice(len(content), size=min(60, len(content)), replace=False):
            (tmp_path / name).write_bytes(flipped(content, int(place)))
            with contextlib.suppress(ModelError):
                found = read_checkpoint(tmp_path)
                # a turned bit between two values of the JSON, or of the name of a checksum, changes nothing read
                assert found is not None and found.values == kept.values
                assert torch.equal(found.tensors["w"], kept.tensors["w"])
        (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize("how", list(DAMAGES))
def test_damaged_model_inputs_are_refused_by_name(tmp_path: Path, how: str) -> None:
    market = make_market(1, 60, 12)
    write_market(tmp_path, market)
    write_series(tmp_path, "product", make_series(market))
    for name, read in (
        ("market.npz", read_market),
        ("product.npz", lambda folder: read_series(folder, "product")),
    ):
        damage(tmp_path / name, how)
        with pytest.raises(RunError, match=rf"{name} cannot be read .* damaged; run the same command again"):
            read(tmp_path)


@pytest.mark.slow
def test_a_worker_says_damaged_inputs_in_one_sentence(tmp_path: Path) -> None:
    tasks = made_tasks(tmp_path, epochs=1)[:1]
    damage(tmp_path / "market.npz", "a bit turned")
    with (
        open_executor("local", None, 1) as executor,
        pytest.raises(RunError, match=r"market\.npz .* damaged"),
    ):
        fit_pieces(tasks, executor, Stage())


def test_a_file_of_a_run_that_is_not_as_it_was_is_named(tmp_path: Path) -> None:
    write_frame(tmp_path / "ic.parquet", pd.DataFrame({"a": np.arange(1000.0)}))
    write_json(tmp_path / "summary.json", {"ic": 0.02})
    sealed = {"files": digests(tmp_path, ("ic.parquet", "summary.json"))}
    require_unchanged(tmp_path, sealed)
    for name in sealed["files"]:
        content = (tmp_path / name).read_bytes()
        for how in DAMAGES:
            damage(tmp_path / name, how)
            with pytest.raises(RunError, match=rf"{name} is not what the backtest wrote .* again"):
                require_unchanged(tmp_path, sealed)
            (tmp_path / name).write_bytes(content)
        (tmp_path / name).unlink()
        with pytest.raises(RunError, match=name):
            require_unchanged(tmp_path, sealed)
        (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize("how", list(DAMAGES))
def test_a_damaged_parquet_table_is_refused_by_name_or_another_dataset(tmp_path: Path, how: str) -> None:
    """Checksums of pages are the writer's choice: what still reads has another fingerprint, so no run takes it up."""
    from oracles import small

    small.write(tmp_path, small.tables())
    (tmp_path / "bars.csv").unlink()
    bars = pd.DataFrame(small.tables()["bars"] * 50).drop_duplicates()
    bars.to_parquet(tmp_path / "bars.parquet")
    before = Dataset(tmp_path).fingerprint()
    damage(tmp_path / "bars.parquet", how)
    dataset = Dataset(tmp_path)
    assert dataset.fingerprint()["bars"] != before["bars"]
    try:
        check(dataset)
        said = "bars"
    except DatasetError as error:
        said = str(error)
    assert "bars" in said


# --- no room, no right


def mounted(folder: Path, size: str) -> list[str]:
    """A command prefix that runs with a file system of `size` mounted on the folder; skips where none may be."""
    if shutil.which("unshare") is None:
        pytest.skip("needs a mount of its own (unshare)")
    folder.mkdir(exist_ok=True)
    mount = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        f'mount -t tmpfs -o size={size} none "$0" && exec "$@"',
        str(folder),
    ]
    if subprocess.run([*mount, "true"], capture_output=True, check=False, timeout=30).returncode != 0:
        pytest.skip("this machine lets no user mount a file system of its own")
    return mount


FULL = """
import sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from samgraph.errors import SamgraphError
from samgraph.files import write_frame, write_json, write_text
from samgraph.hist.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
folder = Path(sys.argv[1])
small = Checkpoint({"w": torch.zeros(10)}, {"epoch": 1})
write_checkpoint(folder, 1, small)
write_text(folder / "kept.txt", "old")
noise = np.random.default_rng(0).random(400_000)
for write in (
    lambda: write_frame(folder / "big.parquet", pd.DataFrame({"a": noise})),
    lambda: write_text(folder / "kept.txt", "x" * 3_000_000),
    lambda: write_json(folder / "big.json", {"a": "x" * 3_000_000}),
    lambda: write_checkpoint(folder, 2, Checkpoint({"w": torch.zeros(1_000_000)}, {"epoch": 2})),
):
    try:
        write()
        print("written")
    except SamgraphError as error:
        print(error)
print(sorted(path.name for path in folder.iterdir()))
print((folder / "kept.txt").read_text(), read_checkpoint(folder).values)
"""


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path) -> None:
    """A real full disk: a file system of 1 MB."""
    folder = tmp_path / "small"
    done = subprocess.run(
        [*mounted(folder, "1m"), sys.executable, "-P", "-c", FULL, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *sentences, names, kept = done.stdout.splitlines()
    assert len(sentences) == 4
    for sentence, name in zip(sentences, ("big.parquet", "kept.txt", "big.json", "checkpoint"), strict=True):
        assert name in sentence and "No space left on device" in sentence and "free the disk" in sentence
    assert names == "['epoch-0001.safetensors', 'kept.txt', 'state.json']"
    assert kept == "old {'epoch': 1}"


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    """Root may write anywhere, so the folder is on a file system that is mounted to be read."""
    folder = tmp_path / "fixed"
    mount = mounted(folder, "1m")
    mount[4] = 'mount -t tmpfs -o size=1m,ro none "$0" && exec "$@"'
    code = f"""
from pathlib import Path
from samgraph.errors import SamgraphError
from samgraph.files import write_text
from samgraph.hist.checkpoint import Checkpoint, write_checkpoint
folder = Path({str(folder)!r})
state = Checkpoint({{}}, {{}})
for write in (lambda: write_text(folder / "a.txt", "a"), lambda: write_checkpoint(folder / "piece", 1, state)):
    try:
        write()
    except SamgraphError as error:
        print(error)
"""
    done = subprocess.run(
        [*mount, sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    said = done.stdout.splitlines()
    assert len(said) == 2 and all("cannot be written: Read-only file system" in line for line in said), (
        done.stderr
    )


def test_a_write_that_fails_at_the_last_moment_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.txt", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SamgraphError, match="No space left"):
        write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_run_of_an_earlier_version_without_checksums_is_still_read(tmp_path: Path) -> None:
    require_unchanged(tmp_path, json.loads('{"config": {}}'))
