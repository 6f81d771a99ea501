"""`samgraph import concepts`: lists of members as themes, with their days or with the one that the user states."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pandas as pd
import pytest
from oracles.answers import causes, checked, run

from samgraph.errors import DatasetError
from samgraph.importers.concepts import ConceptOptions, import_concepts
from samgraph.importers.names import a_share_id

LONG = """code,name,concept,in_date,out_date
600001,甲,锂电池,2019-03-01,2020-03-01
600001,甲,锂电池,2020-02-01,
SZ000002,乙,锂电池,2019-03-01,2019-03-01
000002.SZ,乙,５Ｇ,2019-05-01,
700,腾,锂电池,2019-05-01,
000003,丙,,2019-05-01,
"""
DAY = np.datetime64("2021-11-01")


def spans(made):
    table = made.tables["segments"]
    return sorted(
        map(tuple, table[["company_id", "product_id", "valid_from", "valid_to"]].to_numpy().tolist())
    )


def put(folder, text, name="boards.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_memberships_keep_their_days_and_overlaps_are_one_span(tmp_path):
    made = import_concepts(put(tmp_path, LONG), ConceptOptions())
    assert spans(made) == [
        ("000002.SZ", "theme:5G", "2019-05-01", ""),
        ("000700.SZ", "theme:锂电池", "2019-05-01", ""),
        ("600001.SH", "theme:锂电池", "2019-03-01", ""),
    ]
    assert causes(made, "boards.csv") == {
        "used as it is": 2,
        "name cleaned": 1,
        "follows or overlaps another span of the same membership": 1,
        "its last day is not after its first": 1,
        "no concept": 1,
    }
    report = checked(made, tmp_path / "out")
    assert report.counts.loc["segments", "read"] == 3


def test_a_list_without_days_needs_the_day_on_which_it_was_known(tmp_path):
    file = put(tmp_path, "symbol,theme\n600001,A\n000002,A\n")
    with pytest.raises(DatasetError, match=r"1 other memberships have no first day.*--known-from"):
        import_concepts(file, ConceptOptions())
    made = import_concepts(file, ConceptOptions(known_from=DAY))
    assert {row[2:] for row in spans(made)} == {("2021-11-01", "")}
    assert any(
        "2 memberships have no first day of their own: used from 2021-11-01" in note for note in made.notes
    )
    done = run("concepts", file, tmp_path / "out", "--known-from", "2021-11-01")
    assert (
        done.exit_code == 0
        and json.loads((tmp_path / "out/import.json").read_text())["options"]["known_from"] == "2021-11-01"
    )
    assert run("concepts", file, tmp_path / "new").exit_code != 0 and not (tmp_path / "new").exists()


def test_a_matrix_in_a_table_gives_the_ones(tmp_path):
    wide = put(tmp_path, "ticker,EV,Cloud\nAA,1,0\nBB,1,1\nCC,,0\n")
    made = import_concepts(wide, ConceptOptions(known_from=DAY, plain=True))
    assert [row[:2] for row in spans(made)] == [("AA", "theme:EV"), ("BB", "theme:Cloud"), ("BB", "theme:EV")]
    with pytest.raises(DatasetError, match=r"row 2, column EV: 0.5 is neither 0 nor 1"):
        import_concepts(
            put(tmp_path, "ticker,EV\nAA,1\nBB,0.5\n"), ConceptOptions(known_from=DAY, plain=True)
        )


def hist(folder, index):
    matrix = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=np.float32)
    np.save(folder / "stock2concept.npy", matrix)
    np.save(folder / "index.npy", index, allow_pickle=True)
    return folder / "stock2concept.npy"


def test_the_published_matrix_comes_in_by_its_index(tmp_path):
    file = hist(tmp_path, np.array({"SH600000": 1, "SZ000002": np.int64(0), "SH600003": 2}, dtype=object))
    options = ConceptOptions(known_from=DAY, index=tmp_path / "index.npy")
    made = import_concepts(file, options)
    wanted = [(a_share_id("SZ000002"), "concept 2"), ("600000.SH", "concept 1"), ("600000.SH", "concept 2")]
    assert [row[:2] for row in spans(made)] == [(who, "theme:" + what) for who, what in wanted]
    checked(made, tmp_path / "out")
    table = put(tmp_path, "company,row\nSH600000,1\nSZ000002,0\nSH600003,2\n", "index.csv")
    assert spans(import_concepts(file, ConceptOptions(known_from=DAY, index=table))) == spans(made)
    with pytest.raises(DatasetError, match="with --index"):
        import_concepts(file, ConceptOptions(known_from=DAY))
    with pytest.raises(DatasetError, match="--known-from"):
        import_concepts(file, ConceptOptions(index=table))
    with pytest.raises(DatasetError, match=r"the row 3, and .* has 3 rows"):
        import_concepts(
            file,
            ConceptOptions(known_from=DAY, index=put(tmp_path, "company,row\nSH600000,3\n", "far.csv")),
        )


class _Bad:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "run"),)


@pytest.mark.parametrize("bad", ["code", "list", "nested", "cut"])
def test_an_index_that_is_no_dictionary_is_refused_and_runs_nothing(tmp_path, bad):
    index = {
        "code": np.array({"SH600000": _Bad(tmp_path)}, dtype=object),
        "list": np.array([1, 2]),
        "nested": np.array({"SH600000": {"row": 1}}, dtype=object),
        "cut": np.array({"SH600000": 1}, dtype=object),
    }[bad]
    file = hist(tmp_path, index)
    if bad == "cut":
        whole = (tmp_path / "index.npy").read_bytes()
        (tmp_path / "index.npy").write_bytes(whole[:-4])
    with pytest.raises(DatasetError, match="index"):
        import_concepts(file, ConceptOptions(known_from=DAY, index=tmp_path / "index.npy"))
    assert not (tmp_path / "run").exists()


def test_a_pickled_matrix_is_refused(tmp_path):
    file = hist(tmp_path, np.array({"SH600000": 0}, dtype=object))
    file.write_bytes(pickle.dumps(_Bad(tmp_path)))
    with pytest.raises(DatasetError, match="cannot be read as a NumPy matrix"):
        import_concepts(file, ConceptOptions(known_from=DAY, index=tmp_path / "index.npy"))
    assert not (tmp_path / "run").exists()


def test_parquet_days_and_names_of_columns_are_told(tmp_path):
    frame = pd.DataFrame({"who": ["AA"], "what": ["EV"], "since": pd.to_datetime(["2020-01-02"])})
    frame.to_parquet(tmp_path / "x.parquet")
    named = {"company": "who", "concept": "what", "valid_from": "since"}
    made = import_concepts(tmp_path / "x.parquet", ConceptOptions(columns=named, plain=True))
    assert spans(made) == [("AA", "theme:EV", "2020-01-02", "")]
    with pytest.raises(DatasetError, match="no column of companies"):
        import_concepts(tmp_path / "x.parquet", ConceptOptions(plain=True))
