"""The SEC's data sets: invented quarters worked by hand, look-ahead, growth, hostile zips, one real quarter."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import answers, sec
from oracles.answers import causes, checked
from oracles.sec import brought, fact, facts, filing, put, shares, tables

from samgraph.errors import DatasetError, SamgraphError
from samgraph.importers.sec import quarter as of_quarter
from samgraph.importers.sec.importing import SecOptions, import_sec, read_tickers
from samgraph.importers.taxonomy import read_mapping

A = "0000000009-21-000001"


def one(folder, rows, *, more=(), tags=(), **options):
    """The import of a single filing of 2021-02-15."""
    put(folder, "2021q1", tables([filing(A, 9, **{"filed": "20210215", **dict(more)})], rows, tags))
    return brought(folder, **options)


@pytest.fixture
def years(tmp_path):
    for name, quarter in sec.years().items():
        put(tmp_path / "zips", name, quarter)
    return tmp_path / "zips"


def test_invented_years_give_the_shares_worked_out_by_hand(years, tmp_path):
    made = brought(years)
    checked(made, tmp_path / "out")
    found = shares(made)
    # ACME: Imaging is cameras and lenses in both years, so a total; the amendment and the year after restate.
    assert found.pop(("1", "2020", "2021-02-15")) == {"camera": 0.6, "lens": 0.3}
    assert found.pop(("1", "2019", "2021-02-15")) == {"camera": 0.5, "lens": 0.375}
    assert found.pop(("1", "2020", "2021-05-03")) == {"camera": 0.5, "lens": 0.4}
    assert found.pop(("1", "2019", "2022-02-15")) == {"camera": 0.4375, "lens": 0.4375}
    # 1,200 before 200 of eliminations: shares of 1,200.
    assert found.pop(("1", "2021", "2022-02-15")) == pytest.approx(
        {"camera": 7 / 12, "lens": 0.25, "robot": 1 / 6}
    )
    # An own tag whose products add up to the revenue; a word that says nothing is its industry's.
    assert found.pop(("2", "2020", "2021-03-01")) == {"product [SIC 73]": 0.7, "service [SIC 73]": 0.3}
    # Accepted at the close: public on the day after. Singular and plural of one filing are added up.
    assert found.pop(("4", "2020", "2021-03-04")) == pytest.approx({"cloud service": 0.3, "camera": 0.6})
    assert found.pop(("4", "2021", "2022-03-01")) == {"cloud service": 0.75, "product [SIC 73]": 0.25}
    assert found == {}


def test_every_row_is_counted_once_by_its_cause(years):
    made = brought(years)
    rows = made.coverage.groupby("table")["rows"].sum().to_dict()
    assert rows == {
        f"{name}.txt": sum(len(quarter[name]) for quarter in sec.years().values()) for name in ("num", "sub")
    }
    found = causes(made, "num.txt")
    assert found["a total of other products, by their sum"] == 2
    assert found["products add up to more than the revenue, and no total explains it"] == 2
    assert found["its axis is crossed with another"] == 2
    assert found["a balance, no figure of a period"] == 1
    assert found["no amount of money (pure, shares)"] == 1
    assert found["a co-registrant's figure"] == 1
    assert found["by product, but no revenue"] == 1
    assert found["the same row again"] == 1
    assert found["elimination, plug or adjustment, by its name"] == 1
    assert found["a period of another length than 4 quarters"] == 1
    assert found["the report again, under another tag, unit or axis that explains less of the revenue"] == 1
    assert (
        found["the period again in a later filing, with the same shares"] == 4
    )  # 2019 amended, 2020 a year later
    assert found["a restatement, known from its own filing on"] == 4
    assert any("8 reports of 3 companies, 2 restatements among them" in note for note in made.notes)


def test_products_lie_in_families_below_the_first_filers_industry(years):
    made = brought(years)
    products = made.tables["products"].set_index("product_id")
    parents = products["parent_id"]
    assert parents["camera"] == "family: camera" and parents["family: camera"] == "SIC 35"
    assert parents["SIC 35"] == "SIC D" and parents["SIC D"] == ""
    assert parents["cloud service"] == "family: cloud" and parents["family: cloud"] == "SIC 73"
    assert parents["product [SIC 73]"] == "SIC 73"
    assert products["name"]["camera"] == "Cameras" and products["name"]["SIC 73"] == "Business Services"
    assert products["valid_from"]["robot"] == "2022-02-15" and products["valid_from"]["SIC D"] == "2021-02-15"
    spans = made.tables["company_industries"]
    acme = spans[spans["company_id"] == "0000000001"].drop(columns="company_id").to_numpy().tolist()
    assert acme == [["SIC 3571", "2021-02-16", "2022-02-16"], ["SIC 3861", "2022-02-16", ""]]
    names = made.tables["companies"].set_index("company_id")["name"]
    assert names["0000000001"] == "ACME NEW" and "0000000003" in names.index


def known_by(made, day):
    """Everything that the tables say up to a day: rows since then are left out, spans still open then are open."""
    segments, products = made.tables["segments"], made.tables["products"]
    spans = made.tables["company_industries"].query("valid_from <= @day")
    ended = spans["valid_to"].where(spans["valid_to"] <= day, "")
    return {
        "segments": segments[segments["announced_on"] <= day].to_numpy().tolist(),
        "products": products[products["valid_from"] <= day].to_numpy().tolist(),
        "spans": spans.assign(valid_to=ended).to_numpy().tolist(),
    }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000), day=st.sampled_from(["2021-02-15", "2021-03-03", "2021-03-04", "2021-05-03"])
)
def test_nothing_filed_after_a_day_changes_what_was_known_by_it(tmp_path_factory, seed, day):
    root = tmp_path_factory.mktemp("future")
    rng = np.random.default_rng(seed)
    for name, quarter in sec.years().items():
        put(root / "as-it-is", name, quarter)
        sub, num = quarter["sub"].copy(), quarter["num"].copy()
        later = (sub["accepted"].str[:10] > day) | (sub["accepted"].str[:16] == f"{day} 16:00")
        sub.loc[later, "name"] = "OTHER"
        sub.loc[later, "sic"] = str(rng.choice(["2834", "1311", ""]))
        future = num["adsh"].isin(sub["adsh"][later]).to_numpy() & (rng.random(len(num)) < 0.7)
        values = num["value"].to_numpy(dtype=object)
        values[future] = [f"{one:.4f}" for one in rng.integers(-500, 3000, future.sum())]
        names = rng.choice(["Cameras", "Lens", "CloudService", "Drones", "Product", "Total"], future.sum())
        segments = num["segments"].to_numpy(dtype=object)
        drawn = zip(names, segments[future], strict=True)
        segments[future] = [f"ProductOrService={one};" if old else "" for one, old in drawn]
        num = num.assign(value=values, segments=segments)
        gone = set(sub["adsh"][later]) if seed % 4 == 0 else set()
        put(root / "otherwise", name, {
            "sub": sub[~sub["adsh"].isin(gone)], "num": num[~num["adsh"].isin(gone)], "tag": quarter["tag"],
        })  # fmt: skip
    assert known_by(brought(root / "otherwise"), day) == known_by(brought(root / "as-it-is"), day)


def test_a_new_quarter_is_read_alone_and_gives_what_all_at_once_give(tmp_path, monkeypatch):
    quarters, read = sec.years(), []
    real = of_quarter._read
    monkeypatch.setattr(
        of_quarter, "_read", lambda path, wanted: read.append(path.name) or real(path, wanted)
    )
    for name, quarter in quarters.items():
        put(tmp_path / "grown", name, quarter)
        grown = brought(tmp_path / "grown")
        put(tmp_path / "whole", name, quarter)
    assert read == ["2021q1.zip", "2021q2.zip", "2022q1.zip"]
    whole = brought(tmp_path / "whole")
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(grown.tables[name], table)
    pd.testing.assert_frame_equal(grown.coverage, whole.coverage)
    del read[:]
    for part in (tmp_path / "whole-cache").rglob("facts.parquet"):
        part.write_bytes(part.read_bytes()[:100])
    pd.testing.assert_frame_equal(brought(tmp_path / "whole").tables["segments"], whole.tables["segments"])
    assert len(read) == 3  # what is damaged is read again
    brought(tmp_path / "whole", tags=("OwnSales",))
    assert len(read) == 6  # so is what was kept for other wants


def test_a_filing_in_two_zips_counts_once_and_not_at_all_where_they_contradict_each_other(years, tmp_path):
    alone = brought(years)
    again = sec.years()
    name = next(iter(again))
    clash = again[name]["num"]["adsh"] == "0000000004-21-000004"
    put(tmp_path / "twice", "z", again[name])
    for quarter, held in sec.years().items():
        put(tmp_path / "twice", quarter, held)
    twice = brought(tmp_path / "twice")
    pd.testing.assert_frame_equal(twice.tables["segments"], alone.tables["segments"])
    assert causes(twice, "sub.txt")["the filing again, in another zip"] == len(again[name]["sub"])

    again[name]["num"].loc[clash, "value"] = "1" + again[name]["num"].loc[clash, "value"]
    put(tmp_path / "clash", "z", again[name])
    for quarter, held in sec.years().items():
        put(tmp_path / "clash", quarter, held)
    lost = shares(alone)
    del lost["4", "2020", "2021-03-04"]
    assert shares(brought(tmp_path / "clash")) == lost


def test_single_quarters_and_other_axes_on_request(tmp_path):
    rows = [
        *facts(A, 2020, 100, {"Chips": 60, "Boards": 40}, ddate="20210331", qtrs="1"),
        *facts(A, 2020, 100, {"Chips": 50, "Boards": 50}, ddate="20210331"),  # twelve months to March
        *facts(A, 2020, 400, {"Chips": 100, "Boards": 300}),
        fact(A, "", 2019, 300),
        fact(A, "", 2019, 200, segments="BusinessSegments=West_;"),
        fact(A, "", 2020, 300, segments="BusinessSegments=West_;"),
    ]
    day = {"filed": "20210430", "accepted": "2021-04-30 09:00:00.0"}
    yearly = one(tmp_path / "a", rows, more=day)
    assert shares(yearly) == {("9", "2020", "2021-04-30"): {"chip": 0.25, "board": 0.75}}
    assert causes(yearly, "num.txt")["four quarters that end with no fiscal year"] == 3
    quarters = one(tmp_path / "a", rows, more=day, quarters=True)
    assert shares(quarters)["9", "2021", "2021-04-30"] == {"chip": 0.6, "board": 0.4}
    both = one(tmp_path / "a", rows, more=day, fallback=("BusinessSegments",))
    assert shares(both)["9", "2019", "2021-04-30"] == {"west": pytest.approx(2 / 3)}
    assert shares(both)["9", "2020", "2021-04-30"] == {"chip": 0.25, "board": 0.75}


def test_a_last_quarter_in_a_later_filing_is_no_restatement_of_its_fiscal_year(tmp_path):
    """Banks show the quarter before beside the first one; its shares replaced those of the year."""
    later = "0000000009-21-000002"
    rows = [
        *facts(A, 2020, 400, {"Chips": 100, "Boards": 300}),
        *facts(later, 2020, 100, {"Chips": 60, "Boards": 40}, qtrs="1"),
        *facts(later, 2020, 100, {"Chips": 70, "Boards": 30}, qtrs="1", ddate="20210331"),
    ]
    filings = [filing(A, 9, "20210215"), filing(later, 9, "20210430", form="10-Q")]
    put(tmp_path / "zips", "2021q1", tables(filings, rows))
    made = brought(tmp_path / "zips", quarters=True)
    assert shares(made) == {
        ("9", "2020", "2021-02-15"): {"chip": 0.25, "board": 0.75},
        ("9", "2021", "2021-04-30"): {"chip": 0.7, "board": 0.3},
    }
    assert causes(made, "num.txt")["a single quarter that ends with a fiscal year"] == 3


def test_an_axis_that_no_filing_has_is_told(tmp_path):
    """The taxonomy's name of an axis, or a misspelt one, left reports out without a word."""
    rows = facts(A, 2020, 100, {"Chips": 60, "Boards": 40})
    axes = ("StatementBusinessSegmentsAxis",)
    (note,) = (one for one in one(tmp_path / "a", rows, fallback=axes).notes if "axis" in one)
    assert note.startswith("no revenue of any filing is on the axis 'StatementBusinessSegmentsAxis'")
    rows = [fact(A, "", 2020, 100), fact(A, "", 2020, 60, segments="BusinessSegments=West_;")]
    with pytest.raises(
        DatasetError, match=r"on the axis 'StatementBusinessSegmentsAxis'; .*\(BusinessSegments"
    ):
        one(tmp_path / "b", rows, fallback=axes)


def test_products_above_the_revenue_are_left_out_scaled_or_made_whole_by_policy(tmp_path):
    rows = [
        *facts(A, 2020, 100, {"Cloud": 81, "Chips": 73}),
        *facts(A, 2019, 100, {"Cloud": 20, "Chips": 30}),
    ]
    assert list(shares(one(tmp_path / "a", rows))) == [("9", "2019", "2021-02-15")]
    residual = shares(one(tmp_path / "a", rows, policy="residual"))
    assert residual["9", "2020", "2021-02-15"] == pytest.approx({"cloud": 81 / 154, "chip": 73 / 154})
    assert residual["9", "2019", "2021-02-15"] == {"cloud": 0.2, "chip": 0.3}
    whole = shares(one(tmp_path / "a", rows, policy="renormalise"))
    assert whole["9", "2019", "2021-02-15"] == pytest.approx({"cloud": 0.4, "chip": 0.6})


def test_a_figure_without_its_whole_or_that_contradicts_itself_is_not_used(tmp_path):
    rows = [
        *facts(A, 2019, None, {"Cloud": 81, "Chips": 73}),
        *facts(A, 2018, 100, {"Cloud": 81, "Cloud_": 73, "Chips": 10}),
        *facts(A, 2017, 100, {"Cloud": 10, "Cloud_": 10, "Chips": 90}),
        *facts(A, 2021, 100, {"Cloud": 10}),  # a year to come
        fact(A, "Cloud", 2016, ""),
        fact("nobody", "Cloud", 2016, 5),
        *facts(A, 2015, 100, {"Other": 60, "Corporate": 40}),
    ]
    made = one(tmp_path / "a", rows)
    assert shares(made) == {
        ("9", "2018", "2021-02-15"): {"chip": 0.1},
        ("9", "2017", "2021-02-15"): {"cloud": 0.1, "chip": 0.9},
    }
    found = causes(made, "num.txt")
    assert found["no consolidated revenue of its period to compare with"] == 2
    assert found["rows of one report and member contradict each other"] == 2
    assert found["filed before, or on, the last day of its period"] == 2
    assert found["no figure"] == 1 and found["its filing is not in sub.txt, or cannot be used"] == 1
    assert found["its report names no product"] == 2


def test_the_day_of_publication_is_the_later_of_filing_and_acceptance(tmp_path):
    rows = facts(A, 2020, 100, {"Cloud": 10})
    for number, (accepted, day) in enumerate(
        {
            "2021-02-12 17:31:00.0": "2021-02-15",  # Friday evening, filed on Monday
            "2021-02-15 15:59:59.0": "2021-02-15",
            "2021-02-15 16:00:00.0": "2021-02-16",
            "2021-02-17 09:00:00.0": "2021-02-17",  # dated back
            "": "2021-02-16",
        }.items()
    ):
        made = one(tmp_path / str(number), rows, more={"accepted": accepted})
        assert list(shares(made)) == [("9", "2020", day)]


def test_a_users_products_and_tickers(tmp_path):
    (tmp_path / "map.csv").write_text(
        "segment,product,parent,company\nCloud Services,Computing,Software,\nCHIPS,Silicon,,\nboard,,,0000000009\n"
        ",Software,,\n"
    )
    (tmp_path / "tickers.csv").write_text("cik,ticker\n0000000009,NINE\n9,NINE.A\n7,SEVEN\n")
    rows = facts(A, 2020, 100, {"CloudServicesMember": 10, "Chips": 20, "Boards": 30, "Lenses": 40})
    plain = one(tmp_path / "a", rows, mapping=read_mapping(tmp_path / "map.csv"))
    assert shares(plain) == {("9", "2020", "2021-02-15"): {"Computing": 0.1, "Silicon": 0.2, "lens": 0.4}}
    assert causes(plain, "num.txt")["left out by the user's file"] == 1
    parents = plain.tables["products"].set_index("product_id")["parent_id"]
    assert parents["Computing"] == "Software" and parents["Software"] == ""
    assert parents["Silicon"] == "family: silicon" and parents["family: silicon"] == "SIC 35"
    checked(plain, tmp_path / "out")
    named = one(tmp_path / "a", rows, tickers=read_tickers(tmp_path / "tickers.csv"))
    assert (
        set(named.tables["segments"]["company_id"])
        == {"NINE"}
        == set(named.tables["companies"]["company_id"])
    )
    (tmp_path / "tickers.csv").write_text("cik,ticker\n9,NINE\n7,NINE\n")
    with pytest.raises(DatasetError, match="one ticker 'NINE'"):
        read_tickers(tmp_path / "tickers.csv")


def test_members_are_mapped_to_a_users_tree_and_decisions_are_kept(tmp_path):
    tree, decisions = tmp_path / "tree.csv", tmp_path / "decisions.csv"
    tree.write_text(
        "product_id,name,parent_id,synonyms\n1,Electronics,,\n1.1,Cameras,1,Photo Gear;Webcams\n1.2,Optical Lenses,1,\n"
    )
    zips = tmp_path / "zips"
    rows = facts(A, 2020, 100, {"Camera": 10, "PhotoGear": 20, "OpticalLensGlass": 30, "Robots": 40})
    put(zips, "2021q1", tables([filing(A, 9, "20210215")], rows))
    arguments = (
        "sec",
        zips,
        tmp_path / "out",
        "--cache",
        tmp_path / "cache",
        "--tree",
        tree,
        "--decisions",
        decisions,
    )

    def weights():
        done = answers.run(*arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        table = pd.read_csv(tmp_path / "out" / "segments.csv", dtype={"product_id": "str"})
        return dict(zip(table["product_id"], table["weight"].round(9), strict=True))

    assert weights() == {"1.1": 0.3}  # by its name and a synonym
    made = pd.read_csv(decisions, dtype="str", keep_default_na=False)
    assert made.to_numpy().tolist() == [
        ["Camera", "1.1", "name", "", "1"],
        ["OpticalLensGlass", "", "", "1.2", "1"],
        ["PhotoGear", "1.1", "synonym", "", "1"],
        ["Robots", "", "", "", "1"],
    ]
    covered = pd.read_csv(tmp_path / "out" / "coverage.csv").set_index("cause")["rows"]
    assert (
        covered["its member is not a product of the tree yet: counts in the total, goes to no product"] == 2
    )
    made.loc[[1, 2, 3], "decision"] = ["1.2", "1", "leave out"]
    made.to_csv(decisions, index=False)
    assert weights() == {"1.1": 0.1, "1.2": 0.3, "1": 0.2}
    kept = decisions.read_bytes()
    tree.write_text(tree.read_text() + "1.3,Robots,1,Camera\n")
    assert weights() == {"1.1": 0.1, "1.2": 0.3, "1": 0.2} and decisions.read_bytes() == kept
    mark = json.loads((tmp_path / "out" / "import.json").read_text())
    read = {name.rpartition("/")[2] for name in mark["inputs"]}
    assert {"tree.csv", "decisions.csv"} <= read
    decisions.write_text("segment,decision\nCamera,9\n")
    assert "the tree has no product '9'" in str(answers.run(*arguments).exception)
    tree.write_text("product_id,name,parent_id\n1,Tea,\n")
    decisions.unlink()
    sentence = str(answers.run(*arguments).exception)
    assert sentence.endswith(f"fill in the column decision of {decisions}, which names the members")
    assert answers.run(*arguments[:-2]).exit_code == 2


def hostile(path, kind):
    """Spoil a zip."""
    quarter = sec.years()["2021q1"]
    if kind == "bz2":
        put(path.parent, path.stem, quarter, compression=zipfile.ZIP_BZIP2)
    elif kind == "bomb":
        quarter["num"].loc[0, "footnote"] = "0" * 30_000_000
        put(path.parent, path.stem, quarter)
    elif kind == "member":
        del quarter["tag"]
        put(path.parent, path.stem, quarter)
    elif kind == "column":
        put(path.parent, path.stem, {**quarter, "num": quarter["num"].drop(columns="segments")})
    elif kind == "wide":
        quarter["num"].loc[3, "footnote"] = "a\tb"
        put(path.parent, path.stem, quarter)
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "changed":
        raw = bytearray(path.read_bytes())
        raw[600] ^= 0xFF
        path.write_bytes(raw)
    elif kind == "number":
        quarter["num"].loc[1, "value"] = "12O"
        put(path.parent, path.stem, quarter)
    else:
        path.write_text("no zip")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("bz2", "packed otherwise"),
        ("bomb", "which no table of the data sets does"),
        ("member", "lacks tag.txt;"),
        ("column", "num.txt has 0 columns segments, not one .files downloaded before 2025 lack it"),
        ("wide", "num.txt is no table"),
        ("truncated", "cannot be read as a zip"),
        ("changed", "cannot be read as a zip|is no table"),
        ("number", "the value '12O' of .* is not a finite number"),
        ("text", "cannot be read as a zip"),
    ],
)
def test_a_zip_that_cannot_be_used_is_told_in_one_sentence(tmp_path, kind, sentence):
    folder = tmp_path / "zips"
    path = put(folder, "2021q1", sec.years()["2021q1"])
    hostile(path, kind)
    with pytest.raises(DatasetError, match=sentence) as error:
        brought(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    if kind != "number":  # that one could be read, if not used
        assert "2021q1.zip" in str(error.value) and not list((tmp_path / "zips-cache").glob("*"))


def test_an_empty_or_absent_folder_is_told(tmp_path):
    for folder, sentence in ((tmp_path / "absent", "is not a folder"), (tmp_path, "holds no zip")):
        with pytest.raises(DatasetError, match=sentence):
            import_sec(folder, tmp_path / "cache", SecOptions())


CELLS = st.one_of(
    st.sampled_from(
        ["", "nan", "inf", "-1", "0", "1e400", "20210230", "99991231", "4", "1", "USD", "Revenues", "=;"]
    ),
    st.sampled_from(
        ["ProductOrService=;", "ProductOrService=Cameras", "ProductOrService=", "x" * 5_000, "电池", "\x00"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=8),
    st.integers(-(10**18), 10**18).map(str),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_hostile_tables_become_a_sound_dataset_or_one_sentence(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("hostile")
    quarter = sec.years()["2021q1"]
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(["sub", "num", "num", "tag"]))
        frame = quarter[name].astype(object)
        row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.integers(0, frame.shape[1] - 1))
        frame.iloc[row, column] = data.draw(CELLS)
        quarter[name] = frame
    put(root / "zips", "2021q1", quarter)
    quarters, policy = data.draw(st.booleans()), data.draw(st.sampled_from(["reject", "residual"]))
    try:
        made = brought(root / "zips", quarters=quarters, policy=policy)
    except SamgraphError as error:
        sentence = str(error)
    else:
        sentence = ""
    if sentence:
        assert "\n" not in sentence and len(sentence) < 1000
        return
    answers.checked(made, root / "out")
    rows = made.coverage.groupby("table")["rows"].sum()
    assert rows["num.txt"] == len(quarter["num"]) and rows["sub.txt"] == len(quarter["sub"])


@pytest.mark.realdata
def test_the_real_quarter_gives_its_three_filers(shared_data, tmp_path):
    folder = shared_data / "raw" / "sec_fsds_sample"
    made = import_sec(folder, tmp_path / "cache", SecOptions(quarters=True))
    checked(made, tmp_path / "out")
    # T. Rowe Price: its funds sold in the U.S. are stock and bond funds together; shares of all revenue.
    assert shares(made) == {
        ("1113169", "2010", "2010-04-23"): pytest.approx({
            "stock and blended asset fund": 262.8 / 557.1,
            "bond and money market fund": 62.6 / 557.1,
            "other portfolio": 146.4 / 557.1,
        }),
        ("1113169", "2009", "2010-04-23"): pytest.approx({
            "stock and blended asset fund": 162.0 / 385.7,
            "bond and money market fund": 49.7 / 385.7,
            "other portfolio": 95.1 / 385.7,
        }),
    }  # fmt: skip
    assert causes(made, "num.txt")["a total of other products, by their sum"] == 2
    assert made.coverage.groupby("table")["rows"].sum().to_dict() == {"num.txt": 136_044, "sub.txt": 522}
    with pytest.raises(DatasetError, match=r"can be used.*: --fallback BusinessSegments$"):
        import_sec(folder, tmp_path / "cache", SecOptions())  # a first quarter's product rows are of quarters
    yearly = import_sec(folder, tmp_path / "cache", SecOptions(fallback=("BusinessSegments",)))
    checked(yearly, tmp_path / "years")
    supervalu = shares(yearly)["95521", "2010", "2010-04-26"]  # accepted on Friday evening, filed on Monday
    assert supervalu == pytest.approx({"retail food": 31637 / 40597, "supply chain service": 8960 / 40597})
