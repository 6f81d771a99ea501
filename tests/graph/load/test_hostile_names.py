"""Names and ids that would do harm: they come back as they were from every command, or a sentence refuses them."""

from __future__ import annotations

import csv
import io
import json
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from oracles import dump, small

from samgraph.cli import main
from samgraph.errors import DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load
from samgraph.spreadsheets import from_spreadsheet

HOSTILE = [
    'it\'s "quoted" \\ `tick`',
    "'}) DETACH DELETE (n) //",
    "x' OR 1=1 RETURN n; DROP CONSTRAINT company_id;",
    "\u0000\u0007\x1b[31mred\x9b",
    '=HYPERLINK("http://evil","x")',
    "+1", "-2", "@SUM(A1)", "\tTAB", "\rCR", "'=already",
    "<script>alert(1)</script>",
    "abc\u202egnp.exe\u2066\u200f",
    "a\r\nb,c;d\n",
    "[bold]{{7*7}}${jndi:ldap://x}%s%n",
    "𝓤𝓷𝓲𝓬𝓸𝓭𝓮 動力電池 \ufeff\u0301",
    "NULL",
]  # fmt: skip
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DAY = ("--as-of", "2021-01-01")


def write(folder, tables, form="parquet"):
    folder.mkdir()
    for name, rows in tables.items():
        frame = pd.DataFrame(rows)
        if form == "parquet":
            frame.to_parquet(folder / f"{name}.parquet")
        else:
            frame.to_csv(folder / f"{name}.csv", index=False, quoting=csv.QUOTE_ALL)
    return Dataset(folder)


def hostile_tables(names):
    """Every company is called and identified by a hostile text, and sells a product of the same and another one."""
    return {
        "products": [{"product_id": name, "name": name, "parent_id": ""} for name in names],
        "companies": [{"company_id": name, "name": name} for name in names],
        "segments": [
            small.span(one, other, "2020-01-01", "", 0.5)
            for one, other in zip(names * 2, [*names, *names[1:], names[0]], strict=True)
        ],
    }


@pytest.fixture
def ask(graph_env, capsys):
    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        return status, *capsys.readouterr()

    return run


def rows_of(text: str, form: str) -> list[dict[str, str]]:
    if form == "json":
        return json.loads(text)
    cells = list(csv.reader(io.StringIO(text, newline="")))
    return [dict(zip(cells[0], map(from_spreadsheet, row), strict=True)) for row in cells[1:]]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_hostile_names_and_ids_come_back_from_every_command(graph, ask, tmp_path, form):
    load(graph, write(tmp_path / "data", hostile_tables(HOSTILE), form))
    wanted = {(name, name) for name in HOSTILE} | set(zip(HOSTILE, [*HOSTILE[1:], HOSTILE[0]], strict=True))
    for shape in ("json", "csv"):
        status, out, _ = ask("snapshot", *DAY, "--format", shape)
        rows = rows_of(out, shape)
        assert status == 0 and {(row["company_id"], row["product_id"]) for row in rows} == wanted
        status, out, _ = ask("pairs", *DAY, "--top", "100", "--format", shape)
        met = {frozenset((row["company_id"], row["other_id"])) for row in rows_of(out, shape)}
        assert met == {frozenset(pair) for pair in wanted if len(set(pair)) == 2}
    for name in HOSTILE:
        for shape in ("json", "csv"):
            status, out, _ = ask("basket", *DAY, "--format", shape, "--", name)
            assert status == 0
            rows = rows_of(out, shape)
            assert {row["company_id"] for row in rows} == {one for one, other in wanted if other == name}
            assert all(row["name"] == row["company_id"] for row in rows)
        status, out, err = ask("pairs", *DAY, f"--company={name}", "--format", "json")
        assert status == 0 and {row["company_id"] for row in json.loads(out)} == {name}
    for words in (("snapshot",), ("pairs",), ("basket", HOSTILE[3]), ("basket", HOSTILE[3], "--products")):
        status, out, err = ask(*words, *DAY)
        assert status == 0 and not CONTROL.search(out) and not CONTROL.search(err)
    path = tmp_path / "snapshot.csv"
    assert ask("snapshot", *DAY, "-o", str(path))[0] == 0
    with path.open(newline="", encoding="utf-8") as file:
        assert {(row["company_id"], row["product_id"]) for row in rows_of(file.read(), "csv")} == wanted
    # A list that was exported is a list of holdings.
    holdings = tmp_path / "holdings.csv"
    holdings.write_text(ask("basket", HOSTILE[4], *DAY, "--format", "csv")[1], encoding="utf-8", newline="")
    status, out, err = ask("risk", str(holdings), *DAY, "--format", "json")
    assert status == 0 and json.loads(out)["uncovered"] == []


def test_a_name_of_a_megabyte_is_kept_whole_and_shown_short(graph, ask, tmp_path):
    long = "名" * 350_000
    word = "x" * 1_000_000
    tables = hostile_tables(["a", "b"])
    tables["products"][0]["name"], tables["products"][1]["name"] = long, word
    load(graph, write(tmp_path / "data", tables))
    with dump.session(graph.address) as s:
        assert s.run("MATCH (p:Product) RETURN p.name ORDER BY p.product_id").value() == [long, word]
    status, out, _ = ask("basket", "a", *DAY, "--products", "--format", "json")
    assert status == 0 and json.loads(out)[0]["name"] == long
    status, out, _ = ask("basket", "a", *DAY, "--products")
    assert status == 0 and len(out) < 5_000
    status, out, err = ask("basket", word[:-1], *DAY)
    assert (status, out) == (1, "") and err.count("\n") == 1 and len(err) < 10_000


def test_an_id_too_long_for_an_index_is_refused_with_a_short_sentence(graph, ask, tmp_path):
    tables = hostile_tables(["a" * 1_000_000, "b"])
    write(tmp_path / "data", tables)
    status, _, err = ask("load", str(tmp_path / "data"))
    assert status == 1 and len(err) < 20_000 and "1000 characters" in err and "Traceback" not in err
    assert dump.everything(graph.address) == ([], [])


@pytest.mark.parametrize("text", [b"\xed\xa0\x80 half a pair", b"\xff\xfe", b"latin \xe9"])
def test_bytes_that_are_no_text_are_refused_with_the_table(tmp_path, text):
    folder = tmp_path / "data"
    write(folder, hostile_tables(["a", "b"]))
    for column in (pa.array([text, b"b"], pa.binary()), _unchecked(text)):
        table = pa.table({"company_id": ["a", "b"], "name": column})
        pyarrow.parquet.write_table(table, folder / "companies.parquet")
        with pytest.raises(DatasetError, match="companies"):
            load_nothing(folder)
    (folder / "companies.parquet").unlink()
    (folder / "companies.csv").write_bytes(b"company_id,name\na," + text + b"\nb,b\n")
    with pytest.raises(DatasetError, match=r"companies.*UTF-8"):
        load_nothing(folder)


def load_nothing(folder) -> None:
    from samgraph.graph.check.dataset import check

    check(Dataset(folder))


def _unchecked(text: bytes) -> pa.Array:
    """A column of strings that are none, as a careless writer leaves it in a file."""
    offsets = pa.array([0, len(text), len(text) + 1], pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(2, offsets, pa.py_buffer(text + b"b"))


@pytest.mark.parametrize(
    "text", ['") OR *:* //', "\\", '"', "AND", "*", "name:x", "a\\", "\udcff", "\x00", "", " ", "x " * 3_000]
)
def test_any_text_for_a_basket_is_an_answer_or_one_sentence(graph, ask, tmp_path, text):
    load(graph, write(tmp_path / "data", hostile_tables(["a", "b"])))
    status, out, err = ask("basket", text, *DAY)
    assert (status, out) == (1, "")
    assert (
        err.count("\n") == 1
        and err.startswith("samgraph: ")
        and not CONTROL.search(err)
        and len(err) < 10_000
    )
