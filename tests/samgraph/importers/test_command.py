"""`samgraph import`: the command, its folders, hostile input, and each source's dataset in a real graph."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import answers
from oracles.answers import SEGMENTS, run, sources

from samgraph.errors import DatasetError, SamgraphError, SnapshotError
from samgraph.graph.ask.period import universe_members
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.load.load import load
from samgraph.importers.akshare import AkshareOptions, import_akshare
from samgraph.importers.chainkg import import_chainkg
from samgraph.importers.segments import SegmentOptions, import_segments
from samgraph.importers.tushare import TushareOptions, import_tushare

SOLD = {
    "chainkg": ("688001.SH", {"2021-10-31": {}, "2021-11-01": {"相机": 0.5, "镜头模组": 0.3}}),
    "segments": (
        "AA",
        {
            "2021-02-15": {},
            "2021-02-16": {"AA > Cameras": 0.6, "AA > Lenses": 0.4},
            "2022-02-15": {"AA > Cameras": 0.6, "AA > Lenses": 0.4},
            "2022-02-16": {"AA > Imaging": 0.9, "AA > Robots": 0.1},
        },
    ),
    "tushare": (
        "600001.SH",
        {
            "2022-03-22": {},
            "2022-03-23": {"电池": 0.6},
            "2022-08-31": {"电池": 0.6},
            "2022-09-01": {"电池": 0.25, "电池隔膜": 0.75},
        },
    ),
    "akshare": ("600001.SH", {"2022-03-22": {}, "2022-03-23": {"电池": 0.8}}),
    "qlib": ("600001.SH", {}),
    "sec": (
        "0000000001",
        {
            "2021-02-15": {},
            "2021-02-16": {"camera": 0.6, "lens": 0.3},
            "2021-05-03": {"camera": 0.6, "lens": 0.3},
            "2021-05-04": {"camera": 0.5, "lens": 0.4},
            "2022-02-15": {"camera": 0.5, "lens": 0.4},
            "2022-02-16": {"camera": 0.583333, "lens": 0.25, "robot": 0.166667},
        },
    ),
}


@pytest.mark.parametrize("name", list(SOLD))
def test_each_source_loads_into_a_graph_that_answers_what_it_said(graph, tmp_path, name):
    first, *options = sources(tmp_path)[name]
    done = run(name, first, tmp_path / "out", *options, "--format", "csv")
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.stdout.startswith("table,outcome,cause,rows\n")
    report = load(graph, Dataset(tmp_path / "out"))
    assert report.ok and report.rejected.empty
    who, days = SOLD[name]
    for day, expected in days.items():
        asked = AsOf(dt.date.fromisoformat(day))
        if not expected:  # the day before the first on which anything may be used
            with pytest.raises(SnapshotError, match=f"on {day}; the graph has them from {list(days)[1]}"):
                snapshot(graph, asked)
            continue
        found = snapshot(graph, asked).frame
        rows = found[found["company_id"] == who]
        assert dict(zip(rows["product_id"], rows["weight"].round(6), strict=True)) == expected, day
    if name == "qlib":  # 600001 up to and with 30 June, and again from 4 July; 000002 from 30 June
        days = pd.DatetimeIndex(["2022-06-29", "2022-06-30", "2022-07-01", "2022-07-04"])
        members = universe_members(graph, "CSI300", days)[["000002.SZ", "600001.SH"]]
        assert members.to_numpy().tolist() == [[False, True], [True, True], [True, False], [True, True]]


@pytest.mark.parametrize("name", list(SOLD))
def test_the_same_import_twice_gives_the_same_bytes_and_no_other_folder_is_touched(tmp_path, name):
    first, *options = sources(tmp_path)[name]
    out = tmp_path / "out"

    def content():
        return {path.name: path.read_bytes() for path in out.iterdir()}

    assert run(name, first, out, *options).exit_code == 0
    before = content()
    assert {"import.json", "coverage.csv", "companies.csv", "products.csv", "segments.csv"} <= set(before)
    assert json.loads(before["import.json"])["importer"] == name
    assert run(name, first, out, *options).exit_code == 0
    assert content() == before
    (out / "mine.txt").write_text("keep")
    refused = run(name, first, out, *options)
    assert isinstance(refused.exception, DatasetError) and "mine.txt" in str(refused.exception)
    assert {key: value for key, value in content().items() if key != "mine.txt"} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_another_importers_output_is_refused_before_anything_is_read(tmp_path):
    arguments = sources(tmp_path)
    assert run("segments", arguments["segments"][0], tmp_path / "out").exit_code == 0
    refused = run("tushare", tmp_path / "absent", tmp_path / "out")
    assert "made by 'import segments'" in str(refused.exception)


def test_a_failed_import_leaves_no_folder(tmp_path):
    folder = answers.chain(tmp_path / "chain", company_product="company_code\n1\n")
    refused = run("chainkg", folder, tmp_path / "out", "--valid-from", "2021-11-01")
    assert isinstance(refused.exception, DatasetError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chain"]


def test_what_has_no_default_is_asked_for(tmp_path):
    assert run("chainkg", tmp_path, tmp_path / "out").exit_code == 2
    assert run("chainkg", tmp_path, tmp_path / "out", "--valid-from", "2021-13-01").exit_code == 2
    assert run("tushare", tmp_path, tmp_path / "out", "--fetch").exit_code == 2
    assert (
        run(
            "akshare", tmp_path, tmp_path / "out", "--fetch", "--start", "20220101", "--end", "20220102"
        ).exit_code
        == 2
    )


NASTY = "nan inf -inf 1e999 0 -1 0.5 2021-13-45 20211231 20210230 9999-12-31 0001-01-01 600001.SH 电池 按产品分类 P D"
CELLS = st.one_of(
    st.sampled_from([*NASTY.split(), "", "x" * 20_000, "a\nb", '"', "=1+1", "\x00"]),
    st.text(max_size=8),
    st.floats(),
    st.integers(-(10**18), 10**18),
)


def tables_of(name, root):
    """A vendor's tables, of text."""
    if name == "chainkg":
        table = pd.read_csv(answers.chain(root / "chain") / "company_product.csv", dtype="str")
        return {"company_product": table}
    if name == "segments":
        (root / "s.csv").write_text(SEGMENTS)
        return {"segments": pd.read_csv(root / "s.csv", dtype="str")}
    made = answers.tushare() if name == "tushare" else answers.akshare()
    return {key: frame.astype("str") for key, frame in made.items()}


def imported(name, root, tables):
    """What the importer makes of them; None where it refuses them, in one sentence."""
    folder = root / ("chain" if name == "chainkg" else "in")
    answers.put(folder, tables)
    importers = {
        "chainkg": lambda: import_chainkg(folder, valid_from=np.datetime64("2021-11-01")),
        "segments": lambda: import_segments([folder / "segments.csv"], SegmentOptions(columns={})),
        "tushare": lambda: import_tushare(folder, TushareOptions()),
        "akshare": lambda: import_akshare(folder, AkshareOptions()),
    }
    made, sentence = None, ""
    try:
        made = importers[name]()
    except SamgraphError as error:
        sentence = str(error)
    assert "\n" not in sentence and len(sentence) < 1000
    return made


@pytest.mark.parametrize("name", ["chainkg", "segments", "tushare", "akshare"])
def test_a_cell_of_twenty_thousand_letters_makes_no_dataset_that_a_load_refuses(tmp_path, name):
    """No key of an index is so long: the row is told, or the table refused in one sentence."""
    tables = tables_of(name, tmp_path)
    for table, frame in tables.items():
        for column in frame.columns:
            changed = frame.astype("object")
            changed.loc[0, column] = "x" * 20_000
            made = imported(name, tmp_path, tables | {table: changed})
            if made is not None:
                answers.checked(made, tmp_path / "out")


@pytest.mark.parametrize("name", ["chainkg", "segments", "tushare", "akshare"])
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_hostile_tables_become_a_sound_dataset_or_one_sentence(tmp_path_factory, name, data):
    root = tmp_path_factory.mktemp("hostile")
    tables = tables_of(name, root)
    victim = data.draw(st.sampled_from(sorted(tables)))
    frame = tables[victim].astype("object")
    for _ in range(data.draw(st.integers(1, 3))):
        row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.integers(0, frame.shape[1] - 1))
        frame.iloc[row, column] = data.draw(CELLS)
    if data.draw(st.booleans()):
        frame = pd.concat([frame, frame.sample(1, random_state=0)])
    if data.draw(st.integers(0, 5)) == 0:
        frame = frame.drop(columns=frame.columns[data.draw(st.integers(0, frame.shape[1] - 1))])
    tables[victim] = frame
    made = imported(name, root, tables)
    if made is None:
        return
    answers.checked(made, root / "out")
    rows = made.coverage.groupby("table")["rows"].sum()
    assert rows.get(f"{victim}.csv" if name == "segments" else victim.split("/")[0], 0) == len(frame)
