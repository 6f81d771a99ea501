"""docs/inside.md and its picture name files and folders that there are, and every folder of the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "inside.md").read_text(encoding="utf-8")
TOPS = ("samgraph", "graph", "hist", "factors", "cypher", "tests", "tools", "docs", "benchmarks")
NAMED = re.findall(r"`([\w./*]+)`", PAGE)


def test_every_path_of_the_page_exists() -> None:
    paths = [name for name in NAMED if name.split("/")[0] in TOPS and "/" in name and name != name.upper()]
    paths = [name for name in paths if not re.search(r"/[A-Z]+\b", name)]  # FOLDER/NAME stand for any
    assert len(paths) > 50
    assert [name for name in paths if not any(ROOT.glob(name.rstrip("/")))] == []
    links = re.findall(r"\]\(([\w./]+)\)", PAGE)
    assert links and [link for link in links if not (ROOT / "docs" / link).is_file()] == []


def test_every_file_named_without_its_folder_exists_in_a_folder_of_its_line() -> None:
    for line in PAGE.splitlines():
        here = re.findall(r"`([\w./*]+)`", line)
        folders = [folder for name in here for folder in ROOT.glob(name.rstrip("/")) if folder.is_dir()]
        for name in here:
            if "/" not in name and name.endswith((".py", ".js")):
                assert any((folder / name).is_file() for folder in folders), name


def test_every_path_of_the_picture_exists() -> None:
    picture = (ROOT / "docs" / "pictures" / "rooms.svg").read_text(encoding="utf-8")
    paths = re.findall(rf"\b(?:{'|'.join(TOPS)})/\w+", picture)
    assert len(paths) > 8 and [path for path in paths if not (ROOT / path).is_dir()] == []


def test_every_folder_of_the_package_has_a_room() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = project["tool"]["setuptools"]
    where = parts["package-dir"]
    folders = set()
    for package in parts["packages"]:
        outer = next(p for p in sorted(where, key=len, reverse=True) if f"{package}.".startswith(f"{p}."))
        folders.add(where[outer] + package.removeprefix(outer).replace(".", "/"))
    inner = {folder for folder in folders if not any(other.startswith(f"{folder}/") for other in folders)}
    assert len(inner) > 25 and sorted(inner - {name.rstrip("/") for name in NAMED}) == []
