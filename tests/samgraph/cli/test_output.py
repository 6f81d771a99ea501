"""Rows that are printed: whatever a name holds, it acts neither on a terminal nor in a spreadsheet, and is not lost."""

from __future__ import annotations

import csv
import io
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samgraph.cli.output import print_frame
from samgraph.cli.terminal import visible
from samgraph.spreadsheets import for_spreadsheets, from_spreadsheet

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NASTY = st.text(st.sampled_from("'=+-@\t\r\n\x00\x1b\x9b\u202e,\"a名＝"), max_size=6)
# The characters by which OWASP says that a cell becomes a formula (CSV injection).
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@given(ANY_TEXT | NASTY)
def test_no_cell_begins_a_formula_and_every_text_comes_back(text: str) -> None:
    cell = for_spreadsheets(text)
    assert not cell.startswith(STARTS)
    assert from_spreadsheet(cell) == text
    assert cell in (text, "'" + text)


@given(NASTY, NASTY)
def test_two_texts_never_become_one(one: str, other: str) -> None:
    assert (for_spreadsheets(one) == for_spreadsheets(other)) == (one == other)


def test_a_harmless_text_and_every_number_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(
        {"name": ["a-b", "it's", "'tis"], "weight": [-0.5, 1e-9, float("nan")], "n": [-1, 2, 3]}
    )
    print_frame(frame, "csv")
    assert capsys.readouterr().out == "name,weight,n\na-b,-0.5,-1\nit's,1e-09,2\n'tis,,3\n"


@given(st.lists(st.tuples(ANY_TEXT | NASTY, st.floats(-1, 1)), max_size=5))
def test_csv_and_json_hold_every_text(rows: list[tuple[str, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["name", "weight"])
    out = {form: _printed(frame, form) for form in ("csv", "json")}
    cells = list(csv.reader(io.StringIO(out["csv"], newline="")))
    assert [from_spreadsheet(row[0]) for row in cells[1:]] == [name for name, _ in rows]
    records = json.loads(out["json"])
    assert [record["name"] for record in records] == [name for name, _ in rows]
    assert [record["weight"] for record in records] == pytest.approx(
        [weight for _, weight in rows], abs=1e-15
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out["json"])


@given(st.lists(ANY_TEXT | NASTY, min_size=1, max_size=5))
def test_a_table_sends_no_character_that_acts_on_the_terminal(names: list[str]) -> None:
    out = _printed(pd.DataFrame({"name": names}), "table")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]", out)


def test_a_table_shows_what_it_does_not_send_and_cuts_long_names() -> None:
    assert visible("a\x1b[31mred\u202e\x9b\x7f\r\n") == r"a\x1b[31mred\u202e\x9b\x7f\r\n"
    assert visible("动力电池 — naïve €") == "动力电池 — naïve €"
    out = _printed(pd.DataFrame({"name": ["x" * 1_000_000, "[bold]not markup[/bold]"]}), "table")
    assert len(out) < 2_000 and "…" in out
    assert "[bold]not markup[/bold]" in out


def test_a_table_shows_every_share_of_an_order_and_every_cent_of_a_price() -> None:
    """Four significant digits turned 13,350 shares into 1.335e+04, and a price of 1430.55 into 1431."""
    out = _printed(
        pd.DataFrame(
            {"shares": [13350.0, 1234567.0], "price": [1430.55, 99.999], "weight": [0.012345, -5.37e-6]}
        ),
        "table",
    )
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["13350", "1430.55", "0.01235"],
        ["1234567", "100", "-5.37e-06"],
    ]


def test_no_word_of_a_table_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """On 60 columns; a sentence is folded between its words, what has no room is named."""
    monkeypatch.setenv("COLUMNS", "60")
    sentence = "a characteristically long sentence about semiconductors and nothing else"
    out = _printed(pd.DataFrame({"id": ["600519.SH"], "name": [sentence], "other": [sentence]}), "table")
    assert set(sentence.split()) <= set(out.split())
    assert max(map(len, out.splitlines())) <= 60


def test_a_column_that_can_do_with_less_gives_way_to_one_with_a_longer_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All three were cut to 12 cells, and "Transportation" lost its last two letters."""
    monkeypatch.setenv("COLUMNS", "40")
    firm, branch = "WILLIAMS COMPANIES INC", "Transportation and Public Utilities"
    out = _printed(pd.DataFrame({"company": [firm], "other": [firm], "meets_name": [branch]}), "table")
    assert set((firm + " " + branch).split()) <= set(out.split())
    assert max(map(len, out.splitlines())) <= 40


def _printed(frame: pd.DataFrame, form: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO(newline="")
        patch.setattr("sys.stdout", out)
        print_frame(frame, form)
    return out.getvalue()
