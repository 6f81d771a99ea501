"""A run's inputs from the cache are those that reading gives, and nothing that they depend on may be missed."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database
from pydantic import BaseModel

from samgraph.config import RunConfig, load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, DatasetError, RunError
from samgraph.files import same_file, write_json
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.hist.features import compute
from samgraph.run import kept_inputs
from samgraph.run.inputs import Inputs, read_inputs
from samgraph.run.kept_inputs import (
    INPUTS,
    READ,
    READ_OF_HIST,
    READ_OF_TRADING,
    KeptInputs,
    inputs_of,
    settings_read,
)
from samgraph.seals import digests


def settings(data: Path, **changes: Any) -> RunConfig:
    content = {
        "data": data,
        "universe": "SIM",
        "start": "2019-07-01",
        "end": "2020-09-30",
        "windows": {"train_days": 120, "valid_days": 40, "test_days": 90},
        "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
    }
    return load_config(None, content | changes)


@pytest.fixture(scope="module")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("economy") / "data"
    simulate(folder, 5, companies=30, products=40, years=2)
    return folder


@pytest.fixture(scope="module")
def loaded(graph_server: Address, economy: Path) -> Iterator[Graph]:
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(economy))
        yield graph


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMGRAPH_KEPT_GIB", "1")
    monkeypatch.setattr(kept_inputs, "cache_folder", lambda: tmp_path)
    return tmp_path / "inputs"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[dt.datetime]:
    """The moments at which the graph was read, one an actual reading."""
    seen: list[dt.datetime] = []

    def read(*asked: Any, **more: Any) -> Inputs:
        found = read_inputs(*asked, **more)
        seen.append(found.known)
        return found

    monkeypatch.setattr(kept_inputs, "read_inputs", read)
    return seen


def require_equal(one: Any, other: Any, where: str = "inputs") -> None:
    """Equal in every array, table and figure, however deep."""
    assert type(one) is type(other), where
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind in "fM"), (
            where
        )
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, tuple | list):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            require_equal(*pair, where=f"{where}[{place}]")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            require_equal(one[key], other[key], f"{where}[{key!r}]")
    elif hasattr(one, "__dict__") and not isinstance(one, pd.Index):
        require_equal(vars(one), vars(other), where)
    elif isinstance(one, pd.Index):
        assert one.equals(other) and one.dtype == other.dtype, where
    else:
        assert one == other or (one != one and other != other), where


def test_a_second_run_of_a_period_takes_equal_inputs_without_reading(
    loaded: Graph, economy: Path, cache: Path, readings: list[dt.datetime]
) -> None:
    first, entry = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert entry is not None and len(readings) == 1
    other = settings(
        economy, seeds=3, model={"hidden_size": 8, "epochs": 2}, trading={"top": 9, "buy_cost": 0.002}
    )
    again, same = inputs_of(other, loaded, Dataset(economy), first.known)
    assert same == entry and len(readings) == 1
    require_equal(again, first)
    require_equal(again, read_inputs(other, loaded, Dataset(economy), None))


@pytest.mark.parametrize(
    "changes",
    [
        {"end": "2020-09-29"},
        {"windows": {"train_days": 121, "valid_days": 40, "test_days": 90}},
        {"concepts": {"cut": "level:3"}},
        {"model": {"horizon": 5}},
        {"model": {"burn_in": 7}},
        {"trading": {"lag": 2}},
        {"trading": {"limits": "none"}},
        {"variants": ("product", "competitor")},
    ],
    ids=str,
)
def test_other_settings_that_reading_looks_at_are_another_entry(
    economy: Path, changes: dict[str, Any]
) -> None:
    assert settings_read(settings(economy, **changes)) != settings_read(settings(economy))


def test_a_write_by_hand_and_a_changed_table_are_read_anew(
    graph: Graph, economy: Path, cache: Path, readings: list[dt.datetime], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(economy, data)
    load(graph, Dataset(data))
    before, _ = inputs_of(settings(data), graph, Dataset(data), None)
    inputs_of(settings(data), graph, Dataset(data), None)
    assert len(readings) == 1
    with graph._session("WRITE") as session:
        session.run("MATCH (:Company)-[s:SELLS]->() SET s.weight = s.weight / 2").consume()
    after, _ = inputs_of(settings(data), graph, Dataset(data), None)
    assert len(readings) == 2
    sums = [inputs.products.versions[-1].weight.sum() for inputs in (before, after)]
    assert sums[1] == pytest.approx(sums[0] / 2)
    bars = next(data.glob("bars.*"))
    table = pd.read_parquet(bars) if bars.suffix == ".parquet" else pd.read_csv(bars)
    table["volume"] *= 2
    table.to_parquet(bars) if bars.suffix == ".parquet" else table.to_csv(bars, index=False)
    doubled, _ = inputs_of(settings(data), graph, Dataset(data), None)
    assert len(readings) == 3
    assert np.nansum(doubled.market.volume) == pytest.approx(2 * np.nansum(before.market.volume))
    (data / "companies.csv").write_text("company_id,name\nX,another\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="has not been loaded into this graph"):
        inputs_of(settings(data), graph, Dataset(data), None)


def test_what_was_read_while_somebody_wrote_is_not_kept(
    loaded: Graph, economy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*asked: Any) -> Inputs:
        found = read_inputs(*asked)
        with loaded._session("WRITE") as session:
            session.run("CREATE (n:Note) DETACH DELETE n").consume()
        return found

    monkeypatch.setattr(kept_inputs, "read_inputs", read)
    _, entry = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert entry is None and list(cache.iterdir()) == []


def test_tables_that_changed_while_they_were_read_are_not_kept(
    graph: Graph, economy: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fingerprint is of the tables before, the bars of those after."""
    data = tmp_path / "data"
    shutil.copytree(economy, data)
    load(graph, Dataset(data))

    file_of = (data / "companies.csv").read_text(encoding="utf-8").splitlines(keepends=True)

    def read(*asked: Any) -> Inputs:
        found = read_inputs(*asked)
        with (data / "companies.csv").open("a", encoding="utf-8") as file:
            file.write(file_of[-1])
        return found

    dataset = Dataset(data)
    assert dataset.fingerprint()
    monkeypatch.setattr(kept_inputs, "read_inputs", read)
    _, entry = inputs_of(settings(data), graph, dataset, None)
    assert entry is None and list(cache.iterdir()) == []


def test_nothing_is_taken_from_a_folder_that_others_can_write_to(
    loaded: Graph, economy: Path, cache: Path
) -> None:
    """What is kept becomes a run's numbers."""
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert inputs_of(settings(economy), loaded, Dataset(economy), None)[1] is None
    assert list(cache.iterdir()) == []


def test_a_program_that_was_changed_under_a_running_process_keeps_nothing(
    loaded: Graph, economy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text on the disk is no longer what runs."""
    kept_inputs._program.cache_clear()
    assert kept_inputs._program() is not None
    kept_inputs._program.cache_clear()
    monkeypatch.setattr(kept_inputs, "_BEGAN", 0.0)
    assert inputs_of(settings(economy), loaded, Dataset(economy), None)[1] is None
    kept_inputs._program.cache_clear()


def test_features_of_a_users_own_function_are_not_lent(
    loaded: Graph, economy: Path, cache: Path, tmp_path: Path
) -> None:
    """It may read modules and files of which no digest knows."""
    config = settings(economy, model={"features": ["default", f"{__name__}.quality"]})
    inputs, entry = inputs_of(config, loaded, Dataset(economy), None)
    assert entry is not None and entry.own
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    compute.daily_features(inputs.market, ("default",), tmp_path / "one")
    entry.keep_features(tmp_path / "one")
    KeptInputs(entry.folder).keep_features(tmp_path / "one")
    entry.lend_features(tmp_path / "two")
    assert list((tmp_path / "two").iterdir()) == [] and len(list(entry.folder.iterdir())) == 3


def test_a_kept_file_of_features_is_neither_written_over_nor_left_in_halves(tmp_path: Path) -> None:
    source, target = tmp_path / "a" / "features-x.npy", tmp_path / "b" / "features-x.npy"
    for file, content in ((source, b"new"), (target, b"the same, by its name")):
        file.parent.mkdir()
        file.write_bytes(content)
    other = tmp_path / "another run's"
    other.hardlink_to(target)
    same_file(source, target)
    assert other.read_bytes() == b"the same, by its name"
    with pytest.MonkeyPatch.context() as patch:  # another file system, and a disk that fills up
        patch.setattr(kept_inputs.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
        fresh = tmp_path / "c" / "features-x.npy"
        same_file(source, fresh)
        assert fresh.read_bytes() == b"new"
        patch.setattr(kept_inputs.shutil, "copyfile", full_disk)
        with pytest.raises(RunError, match="cannot be written"):
            same_file(source, tmp_path / "d" / "features-x.npy")
    assert list((tmp_path / "d").iterdir()) == []


class Runs:
    """What a pickle can hold: code that runs when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_nothing_in_an_entry_is_run(tmp_path: Path) -> None:
    """Even where its seal is right."""
    entry = KeptInputs(tmp_path / "entry")
    entry.folder.mkdir()
    with (entry.folder / INPUTS).open("wb") as file:
        kept_inputs.dump(Runs(tmp_path / "mark"), file)
    write_json(entry.folder / "seal.json", digests(entry.folder, (INPUTS,)))
    assert entry.read() is None and not (tmp_path / "mark").exists()


def quality(bars: Any) -> Any:
    """A user's own feature."""
    return bars.close


def full_disk(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[:1])
    raise OSError(28, "No space left on device")


def test_a_damaged_entry_counts_as_none(
    loaded: Graph, economy: Path, cache: Path, readings: list[dt.datetime]
) -> None:
    first, entry = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert entry is not None
    file = entry.folder / INPUTS
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    again, _ = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert len(readings) == 2
    require_equal(again, first)
    (entry.folder / "seal.json").write_text("[", encoding="utf-8")
    inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert len(readings) == 3
    inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert len(readings) == 3


def test_features_are_computed_once_for_all_runs_of_an_entry(
    loaded: Graph, economy: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, entry = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert entry is not None
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    made = compute.daily_features(inputs.market, ("default",), tmp_path / "one")
    entry.keep_features(tmp_path / "one")
    again, same = inputs_of(settings(economy), loaded, Dataset(economy), None)
    assert same == entry
    same.lend_features(tmp_path / "two")
    monkeypatch.setattr(compute, "_write", lambda *_: pytest.fail("computed again"))
    lent = compute.daily_features(again.market, ("default",), tmp_path / "two")
    assert np.array_equal(made.values, lent.values, equal_nan=True)


def test_the_entries_used_longest_ago_go_when_all_take_more_than_the_limit(
    loaded: Graph, economy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ("2020-09-28", "2020-09-29", "2020-09-30")
    entries = [
        cast("KeptInputs", inputs_of(settings(economy, end=end), loaded, Dataset(economy), None)[1])
        for end in days[:2]
    ]
    assert all(entry.read() is not None for entry in entries[::-1]), "the first is the last to be used"
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) / 2**30
    monkeypatch.setenv("SAMGRAPH_KEPT_GIB", str(size * 1.2))
    inputs_of(settings(economy, end=days[2]), loaded, Dataset(economy), None)
    assert [entry.read() is not None for entry in entries] == [True, False]
    monkeypatch.setenv("SAMGRAPH_KEPT_GIB", str(size / 4))
    assert inputs_of(settings(economy, end="2020-09-25"), loaded, Dataset(economy), None)[1] is not None
    assert entries[0].read() is not None, "what alone is too much is not kept, and drives nothing out"
    monkeypatch.setenv("SAMGRAPH_KEPT_GIB", "0")
    assert inputs_of(settings(economy), loaded, Dataset(economy), None)[1] is None
    monkeypatch.setenv("SAMGRAPH_KEPT_GIB", "much")
    with pytest.raises(ConfigError, match="'much'; give the GiB of kept inputs as a number"):
        inputs_of(settings(economy), loaded, Dataset(economy), None)


class Spy:
    """Settings that tell which of them were looked at."""

    def __init__(self, content: Any, place: str, seen: set[str]) -> None:
        self._content, self._place, self._seen = content, place, seen

    def __getattr__(self, name: str) -> Any:
        value, place = getattr(self._content, name), f"{self._place}.{name}".lstrip(".")
        if place == "model.hist":
            return lambda trading: Spy(value(trading._content), "hist", self._seen)
        if isinstance(value, BaseModel):
            return Spy(value, place, self._seen)
        self._seen.add(place)
        return value


@pytest.mark.parametrize("knowledge", ["day", "fit"])
def test_every_setting_that_reading_looks_at_tells_entries_apart(
    loaded: Graph, economy: Path, knowledge: str
) -> None:
    config = settings(
        economy,
        windows={"train_days": 120, "valid_days": 40, "test_days": 90, "knowledge": knowledge},
        variants=("product", "industry", "gru"),
    )
    seen: set[str] = set()
    try:
        read_inputs(cast("RunConfig", Spy(config, "", seen)), loaded, Dataset(economy), None)
    finally:
        told = (
            {"variants"}
            | {f"hist.{name}" for name in READ_OF_HIST}
            | {f"trading.{name}" for name in READ_OF_TRADING}
        )
        assert {place for place in seen if place.partition(".")[0] not in READ} <= told
        assert {"universe", "hist.features", "hist.horizon", "trading.lag", "windows.knowledge"} <= seen
        assert ("hist.burn_in" in seen) == (knowledge == "fit")
