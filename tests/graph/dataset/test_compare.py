"""Two datasets side by side: nothing differs but what was changed, whatever the files' form and order."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import small

from samgraph.cli.compare import command
from samgraph.errors import DatasetError
from samgraph.graph.dataset.compare import compare
from samgraph.graph.dataset.folder import Dataset


def counts(found, table):
    row = found.counts.set_index("table").loc[table]
    return row[["added", "removed", "changed"]].tolist()


def test_the_same_rows_in_another_form_and_order_are_the_same(tmp_path):
    one = Dataset(small.write(tmp_path / "one", small.tables()))
    other = tmp_path / "other"
    other.mkdir()
    for name in one.tables:
        frame = one.read(name).iloc[::-1]
        if name == "segments":
            frame = frame.assign(kind=None).astype({"kind": "str"})  # a column that is there, and empty
        if name == "products":
            frame["valid_from"] = frame["valid_from"].fillna(pd.Timestamp("0001-01-01"))
        frame.to_parquet(other / f"{name}.parquet", index=False)
    found = compare(one, Dataset(other))
    assert found.same and (found.counts[["added", "removed", "changed"]] == 0).all().all()
    assert found.counts["rows_1"].tolist() == found.counts["rows_2"].tolist()


def test_columns_that_no_table_knows_are_compared_in_any_form_and_an_index_of_pandas_is_none(tmp_path):
    """`frame[mask].to_parquet(path)` leaves the index of its rows in the file."""
    one = small.write(tmp_path / "one", small.tables())
    other = small.write(tmp_path / "other", small.tables())
    for name in ("segments", "bars"):
        frame = pd.read_csv(one / f"{name}.csv", dtype="str", keep_default_na=False)
        rows = range(len(frame))
        frame.assign(note="as told", rank=[f"{row}.50" for row in rows]).to_csv(
            one / f"{name}.csv", index=False
        )
        more = frame.assign(
            note=["changed", *["as told"] * (len(frame) - 1)], rank=[row + 0.5 for row in rows]
        )
        (other / f"{name}.csv").unlink()
        more.iloc[::-1].to_parquet(other / f"{name}.parquet")
    found = compare(Dataset(one), Dataset(other))
    assert found.changes[["table", "column", "before", "after"]].to_numpy().tolist() == [
        ["segments", "note", "as told", "changed"],
        ["bars", "note", "as told", "changed"],
    ]


@pytest.mark.parametrize("wrong", ["one", "other"])
def test_a_refusal_says_in_which_of_the_two_it_is(tmp_path, wrong):
    for name in ("one", "other"):
        small.write(tmp_path / name, small.tables())
    file = tmp_path / wrong / "products.csv"
    whole = pd.read_csv(file, dtype="str", keep_default_na=False)
    table = pa.table({**whole, "tags": [["a"]] * len(whole)})
    twice = table.append_column("name", table["name"])
    file.unlink()
    for made, says in ((table, "column tags cannot be read"), (twice, "has column name twice")):
        pq.write_table(made, file.with_suffix(".parquet"))
        with pytest.raises(DatasetError, match=says) as caught:
            compare(Dataset(tmp_path / "one"), Dataset(tmp_path / "other"))
        assert str(caught.value).count(str(tmp_path / wrong)) == 1


def test_every_change_is_told_with_its_row_cell_and_days(tmp_path):
    after = small.tables()
    after["segments"][0]["weight"] = "0.5"
    after["segments"][5]["weight"] = "0.97"
    del after["segments"][7]
    after["segments"].append(small.span("B", "cell", "2025-01-01", "", 0.1))
    after["companies"][1]["name"] = "Beta Inc"
    after["bars"][0]["close"] = "10.75"
    after["bars"] = [row | {"turnover": "0.5"} for row in after["bars"]]
    del after["industries"], after["company_industries"]
    one = Dataset(small.write(tmp_path / "one", small.tables()))
    found = compare(one, Dataset(small.write(tmp_path / "other", after)))
    assert counts(found, "segments") == [1, 1, 2]
    assert counts(found, "companies") == [0, 0, 1] and counts(found, "universes") == [0, 0, 0]
    assert counts(found, "company_industries") == [0, 3, 0] and counts(found, "bars") == [0, 0, 12]
    row = found.counts.set_index("table").loc["segments"]
    assert row[["companies", "first_day", "last_day"]].tolist() == [2, "2021-03-30", "2025-01-01"]
    changed = found.changes[(found.changes["table"] == "segments") & (found.changes["change"] == "changed")]
    assert changed.iloc[0][["company_id", "key", "column", "before", "after"]].tolist() == [
        "A",
        "product_id=battery period_end=2020-12-31 announced_on=2021-03-30",
        "weight",
        "0.6",
        "0.5",
    ]
    top = found.shares(1)
    assert top["company_id"].tolist() == ["A"] and abs(top["difference"][0] + 0.1) < 1e-12
    close = found.changes[found.changes["column"] == "close"]
    assert close[["company_id", "before", "after", "difference"]].to_numpy().tolist() == [
        ["A", "10.5", "10.75", 0.25]
    ]
    assert (found.changes["column"] == "turnover").sum() == 12


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.sampled_from(["segments", "universes", "product_links", "bars"]), row=st.integers(0, 30))
def test_one_change_of_any_cell_is_found_as_one(tmp_path_factory, table, row):
    root = tmp_path_factory.mktemp("compare")
    before, after = ({table: small.tables()[table]} for _ in range(2))
    after[table][row % len(after[table])]["volume" if table == "bars" else "weight"] = "0.123"
    one, other = small.write(root / "one", before), small.write(root / "other", after)
    found = compare(Dataset(one), Dataset(other))
    assert counts(found, table) == [0, 0, 1] and found.changes["after"].tolist() == ["0.123"]


def test_the_command_says_whether_they_are_the_same_by_its_exit_status(tmp_path):
    one = small.write(tmp_path / "one", small.tables())
    same = CliRunner().invoke(command, [str(one), str(one), "--format", "csv"])
    assert same.exit_code == 0 and same.stdout.startswith(
        "table,rows_1,rows_2,added,removed,changed,companies"
    )
    after = small.tables()
    after["segments"][0]["weight"] = str(1 / 3)
    other = small.write(tmp_path / "other", after)
    for file in ("changes.csv", "changes.parquet"):
        done = CliRunner().invoke(command, [str(one), str(other), "-o", str(tmp_path / file)])
        assert done.exit_code == 3 and "weight 0.6 to 0.333333\n" in done.stderr
    assert (
        len(pd.read_csv(tmp_path / "changes.csv")) == len(pd.read_parquet(tmp_path / "changes.parquet")) == 1
    )
    assert CliRunner().invoke(command, [str(one), str(tmp_path / "none")]).exit_code == 2
