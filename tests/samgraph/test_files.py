from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from oracles import small

from samgraph.economy.simulate import simulate
from samgraph.errors import DatasetError, RunError
from samgraph.files import is_unfinished, whole, whole_folder, write_json, write_text
from samgraph.graph.dataset.folder import Dataset


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "old")
    with pytest.raises(KeyError), whole(path) as scratch:
        scratch.write_text({}["absent"])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_one_sentence_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / "file" / "x.txt", "text")


def test_json_refuses_a_figure_that_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"ic": float("nan")})
    assert list(tmp_path.iterdir()) == []


def killed(code: str, *arguments: str) -> None:
    """Run code that kills itself as `kill -9` does."""
    head = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom samgraph.files import whole, whole_folder\n"
    )
    die = "def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", head + die + code, *arguments], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_writer_left_goes_with_the_next_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "old")
    killed("with whole(Path(sys.argv[1])) as scratch: scratch.write_text('ne'); die()", str(path))
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    stranger = tmp_path / ".kept.txt.swp"
    stranger.write_text("an editor's")
    with whole(path) as living:
        living.write_text("of the living")
        write_text(path, "new")
        assert set(tmp_path.iterdir()) == {path, living, stranger}
    assert path.read_text() == "of the living" and set(tmp_path.iterdir()) == {path, stranger}


MOMENTS = {
    "while it is written": "with whole_folder(Path(sys.argv[1])) as new: (new / 'x').write_text(''); die()",
    "before what was there is moved away": "Path.rename = die\nwith whole_folder(Path(sys.argv[1])): pass",
    "between the two renames": (
        "rename = Path.rename\n"
        "Path.rename = lambda one, other: rename(one, other) if other.name == 'old' else die()\n"
        "with whole_folder(Path(sys.argv[1])): pass"
    ),
}


@pytest.mark.parametrize("moment", list(MOMENTS))
@pytest.mark.parametrize("then", ["read", "written"])
def test_a_folder_whose_writer_is_killed_is_that_of_before_for_the_next_reader_or_writer(
    tmp_path: Path, moment: str, then: str
) -> None:
    out = small.write(tmp_path / "data", small.tables())
    before = Dataset(out).fingerprint()
    killed(MOMENTS[moment], str(out))
    assert out.exists() == (moment != "between the two renames")
    if then == "read":
        assert Dataset(out).fingerprint() == before
    else:
        with pytest.raises(KeyError), whole_folder(out):
            raise KeyError
        assert list(tmp_path.iterdir()) == [out] and Dataset(out).fingerprint() == before
        with whole_folder(out) as fresh:
            (fresh / "new").write_text("")
        assert [path.name for path in out.iterdir()] == ["new"]
        assert list(tmp_path.iterdir()) == [out], "nothing lies beside it"


def test_a_folder_killed_after_the_second_rename_is_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "data"
    (out / "old").mkdir(parents=True)
    code = (
        "import shutil\nshutil.rmtree = die\nwith whole_folder(Path(sys.argv[1])) as new: (new / 'x').mkdir()"
    )
    killed(code, str(out))
    with pytest.raises(KeyError), whole_folder(out):
        raise KeyError
    assert os.listdir(out) == ["x"] and list(tmp_path.iterdir()) == [out]


def test_a_folder_of_another_kind_that_was_moved_away_is_not_overwritten(tmp_path: Path) -> None:
    """The writer that finds it gone puts it back before it asks whether it may write there."""
    out = small.write(tmp_path / "data", small.tables())
    killed(MOMENTS["between the two renames"], str(out))
    with pytest.raises(DatasetError, match="give"):
        simulate(out, 1, companies=20, products=30, years=1)
    assert Dataset(out).has("segments")


def test_the_folder_of_a_living_writer_is_not_taken_from_it(tmp_path: Path) -> None:
    out = small.write(tmp_path / "data", small.tables())
    with whole_folder(out) as fresh:
        out.rename(fresh.parent / "old")  # as between its renames
        with pytest.raises(DatasetError, match="is not a directory"):
            Dataset(out)
        assert is_unfinished(fresh.parent) and fresh.is_dir()
