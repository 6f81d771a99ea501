"""The report's page as text: figures by hand, markup kept out, runs made before some table was kept."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from made_run import CHINESE, HOSTILE, chain, exposure, made_run, sellers

from samgraph.errors import RunError
from samgraph.outcome.tilts import chain_table, concentration_table, tilt_table
from samgraph.report.holdings import chosen_links, levels
from samgraph.report.html import Html, fine, in_script, number, percent, points
from samgraph.report.page import write_report
from samgraph.report.pictures.figures import layout, plain
from samgraph.report.pictures.figures_holdings import exposure_tree
from samgraph.report.pictures.figures_risk import rolled
from samgraph.report.pictures.figures_sources import intervals, quantile_curves
from samgraph.report.pictures.plotly import TRACES, reduced
from samgraph.report.result import yearly
from samgraph.report.settings import without_paths
from samgraph.report.verdict import Comparison, comparisons, headline
from samgraph.run.folder import RunFolder

SPEC = re.compile(r"<script type='application/json'>(.*?)</script>", re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(made_run(tmp_path_factory.mktemp("runs") / "one")).read_text(encoding="utf-8")


def test_no_name_is_markup_in_the_page_or_in_a_label_of_plotly(page: str) -> None:
    assert "<b>x" not in page and "alert(1)</script>" not in page and "<a href=\\" not in page
    specs = [json.loads(content) for content in SPEC.findall(page)]
    assert len(specs) >= 18
    texts = [text for spec in specs for text in _strings(spec["data"])]
    assert any(CHINESE in text for text in texts) and any("&lt;script&gt;" in text for text in texts)
    markup = [t for t in texts if "<" in t.replace("<br>", "").replace("<extra></extra>", "")]
    assert markup == []


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in _strings(child)]


def test_json_in_a_script_cannot_end_it_and_reads_as_the_same() -> None:
    content = json.dumps({"a": "</script><!-- & \u2028"}, ensure_ascii=False)
    assert not set("<>&\u2028") & set(in_script(content))
    assert json.loads(in_script(content)) == json.loads(content)


def test_sections_stand_in_the_order_of_the_questions(page: str) -> None:
    found = re.findall(r"<section id='(\w+)'>", page)
    assert found == [
        "verdict",
        "better",
        "asked",
        "sources",
        "months",
        "explained",
        "holdings",
        "positions",
        "risk",
        "costs",
        "missing",
        "learned",
        "again",
        "glossary",
    ]


def test_what_is_no_figure_a_year_does_not_stand_under_one(page: str) -> None:
    yearly, whole = page.split("Compounded, a year", 1)[1].split("Over all days", 1)
    assert "deflated Sharpe, after 3 trials" in whole and "deflated Sharpe, after" not in yearly


def test_every_picture_says_its_number_of_observations(page: str) -> None:
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    counted = (
        r"\d[\d,]* (days|companies|products|epochs|trades|of \d+ links)|\d+ test days|days in all|days: \d{4}"
    )
    assert len(captions) >= 18 and [c for c in captions if not re.search(counted, c)] == []


@pytest.mark.parametrize("names", [("portfolio", "tilts"), ("exposure", "breakdown", "blocked"), None])
def test_a_run_that_lacks_tables_is_still_reported(names: tuple[str, ...] | None, tmp_path: Path) -> None:
    """None: it keeps no table at all."""
    run = made_run(tmp_path / "run")
    for file in run.glob("*.parquet"):
        if names is None or file.stem in names:
            file.unlink()
    written = write_report(run).read_text(encoding="utf-8")
    told = re.findall(r"left out, for the run keeps no (\w+)\.parquet", written)
    assert set(names or ("portfolio", "decay", "explained", "exposure", "coverage", "curves")) <= set(told)
    assert len(re.findall(r"<section id=", written)) == (14 if names else 13)
    assert ("href='#risk'" in written) == ("id='risk'" in written) == bool(names)


def test_a_run_without_control_trials_or_holdings_says_so(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for name in ("product_minus_industry", "overfitting"):
        del summary[name]
    (run / "summary.json").write_text(json.dumps(summary))
    exposure().iloc[:0].to_parquet(run / "exposure.parquet", index=False)
    written = write_report(run).read_text(encoding="utf-8")
    for sentence in ("no industry control", "kept no count", "held nothing on the last day"):
        assert sentence in written


def test_days_of_portfolios_are_those_of_their_books(tmp_path: Path) -> None:
    """Books begin on the day after the first score, so they have a day less."""
    run = made_run(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    summary["days"] = 78
    for figures in summary["variants"].values():
        figures["days"] = 77
    (run / "summary.json").write_text(json.dumps(summary))
    written = write_report(run).read_text(encoding="utf-8")
    for sentence in (
        "cumulated by simple addition; 77 days",
        "Portfolios after costs, 77 days",
        "each of 78 test days",
    ):
        assert sentence in " ".join(written.split())


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    (run / "decay.parquet").write_bytes(b"no parquet")
    with pytest.raises(RunError, match="cannot be read as a run"):
        write_report(run)
    assert not (run / "report.html").exists()


def test_risk_by_hand() -> None:
    """Two days: 1% and 3% forecast, 1% gained and 1% lost; root mean squares, a year of 242 days."""
    days = pd.DataFrame(
        {"date": pd.bdate_range("2024-01-01", periods=2), "forecast": [0.01, 0.03], "realised": [0.01, -0.01]}
    )
    found = rolled(days, 242.0)
    assert found["date"].tolist() == [days["date"].iloc[1]]
    assert found["forecast"].iloc[0] == pytest.approx((0.0005 * 242) ** 0.5)
    assert found["realised"].iloc[0] == pytest.approx((0.0001 * 242) ** 0.5)


def test_the_section_on_risk_says_what_came_and_which_bounds_were_dropped(page: str) -> None:
    """By hand: 59 days of 1% and one of -3% against 1% forecast; in a year a day's 1% is 15.87%."""
    said = page[page.index("<section id='risk'>") : page.index("<section id='costs'>")]
    realised = (252 * (59 * 0.01**2 + 0.03**2) / 60) ** 0.5
    cells = ["product", "whole", "15.87%", "12.70%", "9.52%", f"{realised:.2%}"]
    assert "".join(f"<td class='words'>{c}</td>" for c in cells[:2]) in said
    assert "".join(f"<td>{c}</td>" for c in cells[2:]) in said
    cells = ["60", "59", "5.00%", "–", "0.40%", "5.00%", "40.00%", "60"]
    assert "<td class='words short'>turnover: 1</td>" + "".join(f"<td>{c}</td>" for c in cells) in said


def test_the_page_says_what_is_traded_what_it_is_held_against_and_what_was_written_off(page: str) -> None:
    assert (
        "What is traded is the score neutral to industry and market cap, averaged with a half-life of 5 days"
        in page
    )
    assert "topk 0.31; optimised –" in page
    assert "price index, without dividends" in page and "total return; market caps" in page
    assert "product: 1 holding, 3.75% of the value (&lt;b&gt;x" in page and "on 2024-01-02 (3.75%))" in page
    assert "industry: " not in page[page.index("Written off as delisted") :][:400]


def test_years_by_hand() -> None:
    daily = pd.DataFrame(
        {
            "variant": "product",
            "date": pd.to_datetime(["2023-12-28", "2023-12-29", "2024-01-02"]),
            "return": [0.1, 0.1, -0.5],
            "benchmark_return": [0.0, 0.2, 0.0],
            "excess_return": [0.1, -0.1, -0.5],
        }
    )
    found = yearly(daily)
    assert found["year"].tolist() == [2023, 2024] and found["days"].tolist() == [2, 1]
    assert found["return"].tolist() == pytest.approx([0.21, -0.5])
    assert found["benchmark"].tolist() == pytest.approx([0.2, 0.0])
    assert found["excess"].tolist() == pytest.approx([0.0, -0.5])


def test_concentration_by_level_by_hand() -> None:
    """Roots 0.6 and 0.4; below them 0.4, 0.2 and what stays at the root without children, 0.4."""
    found = levels(exposure()).set_index("level")
    assert found.loc[1, "effective"] == pytest.approx(1 / (0.36 + 0.16))
    assert found.loc[2, "effective"] == pytest.approx(1 / (0.16 + 0.04 + 0.16))
    assert found["groups"].tolist() == [2, 3]


def test_value_chain_takes_the_largest_products_that_have_links() -> None:
    links = chosen_links(chain(), exposure())
    assert list(dict.fromkeys(links["product_id"])) == ["R1", "S", "R2"]
    mine = links[links["product_id"] == "R1"]
    assert mine.loc[mine["side"] == "supplier", "end_id"].tolist() == ["R2", "T"]
    assert mine.loc[mine["side"] == "customer", "end_id"].tolist() == ["S"]
    assert links.set_index("end_id").loc["T", "weight"].tolist() == [0.0, 0.0]


def test_a_treemap_has_one_root_and_every_area_is_a_weight() -> None:
    trace = exposure_tree(exposure()).data[0]
    assert isinstance(trace, go.Treemap)
    area = dict(zip(trace.ids, trace.values, strict=True))
    children: dict[str, float] = {}
    for parent, value in zip(trace.parents, trace.values, strict=True):
        children[parent] = children.get(parent, 0.0) + value
    root = next(key for key, parent in zip(trace.ids, trace.parents, strict=True) if parent == "")
    assert area[root] == pytest.approx(1.0) and children[root] == pytest.approx(1.0)
    assert children["R"] == pytest.approx(area["R"])
    assert plain(HOSTILE) in trace.labels


def small_inputs() -> SimpleNamespace:
    """Three companies on one day: A in industry X, B in Y, C in none; A sells p, B half p and half q."""
    edges = SimpleNamespace(
        stock=np.array([0, 1, 1]), concept=np.array([0, 0, 1]), weight=np.array([1.0, 0.5, 0.5])
    )
    links = SimpleNamespace(supplier=np.array([0]), customer=np.array([1]), weight=np.array([0.25]))
    series = SimpleNamespace(
        concepts=("p", "q"),
        concept_names=("P", "Q"),
        n_concepts=2,
        edges=lambda t: edges,
        chain=SimpleNamespace(links=lambda t: links),
    )
    return SimpleNamespace(
        market=SimpleNamespace(
            stocks=("A", "B", "C"),
            dates=pd.DatetimeIndex(["2024-01-02"]),
            member=np.array([[True, True, False]]),
            weights=lambda: np.array([[1.0, 3.0, 9.0]]),
            float_cap=None,
            index_weight=None,
        ),
        sectors=np.array([[0, 1, -1]]),
        sector_ids=("X", "Y"),
        sector_names={"X": "Industry X"},
        test=slice(0, 1),
        products=series,
        coarse_products=series,
    )


def held(**values: float) -> pd.DataFrame:
    day = pd.Timestamp("2024-01-02")
    return pd.DataFrame({"date": day, "company_id": list(values), "value": list(values.values())})


def test_industries_and_styles_of_the_portfolio_by_hand() -> None:
    styles = {"size": np.array([[1.0, -1.0, np.nan]])}
    table = tilt_table(small_inputs(), held(A=50.0, B=25.0, C=25.0), styles).set_index("factor")
    assert table.loc["X", ["name", "companies"]].tolist() == ["Industry X", 1]
    assert table.loc["X", ["portfolio", "universe", "active"]].tolist() == pytest.approx([0.5, 0.25, 0.25])
    assert table.loc["Y", ["name", "universe"]].tolist() == ["Y", 0.75]
    assert table.loc["", ["portfolio", "universe"]].tolist() == pytest.approx([0.25, 0.0])
    # C has no known size: (0.5 - 0.25) / 0.75 of the portfolio, (1 - 3) / 4 of the universe
    assert table.loc["size", ["portfolio", "universe"]].tolist() == pytest.approx([1 / 3, -0.5])
    assert table.loc["size", "companies"] == 2
    assert tilt_table(small_inputs(), held(), styles).empty


def test_concentration_of_a_day_by_hand() -> None:
    table = concentration_table(small_inputs(), held(A=50.0, B=50.0)).set_index("kind")
    assert table["effective"].to_dict() == pytest.approx(
        {"companies": 2.0, "industries": 2.0, "products": 1 / (0.75**2 + 0.25**2)}
    )
    assert table.loc["products", ["largest", "largest_share"]].tolist() == ["p", 0.75]


def test_value_chain_of_the_last_day_is_named_and_may_be_absent() -> None:
    inputs = small_inputs()
    assert chain_table(inputs).iloc[0].tolist() == ["p", "P", "q", "Q", 0.25]
    inputs.products.chain = None
    assert chain_table(inputs).empty


BUNDLE = """(function(){var R=(e,t)=>()=>{return e},W=(e,t)=>()=>{return t};
var core=W((e,t)=>{t.exports={register(){}}});var used=W((e,t)=>{var own={a:1};t.exports=own});
var bar=W((e,t)=>{used();t.exports={moduleType:"trace",name:"bar"}});var bars=W((e,t)=>{t.exports=bar()});
var cone=W((e,t)=>{maps();t.exports={moduleType:"trace",name:"cone"}});var maps=W((e,t)=>{t.exports='a { in "words"'});
var es,form=R(()=>{es=2});
var main=W((e,t)=>{var c=core();c.register([bars(),cone()]);t.exports=c});return main()})();"""


def test_a_bundle_keeps_what_the_kinds_reach_and_nothing_else() -> None:
    """By hand: `cone` and what it alone calls are emptied, an unbalanced brace in a string misleads nobody."""
    small = reduced(BUNDLE, {"bar", "scatter"})
    assert small == BUNDLE.replace('maps();t.exports={moduleType:"trace",name:"cone"}', "").replace(
        "t.exports='a { in \"words\"'", ""
    ).replace("es=2", "").replace("bars(),cone()", "bars()")
    assert reduced(BUNDLE, {"bar", "pie"}) == BUNDLE
    assert reduced("no bundle", {"bar"}) == "no bundle"


def test_the_page_carries_the_kinds_it_draws_alone(page: str) -> None:
    drawn = {trace["type"] for content in SPEC.findall(page) for trace in json.loads(content)["data"]}
    assert drawn <= TRACES
    assert len(page.encode()) < 2_500_000 and 'name:"cone"' not in page and "Licensed under the MIT" in page


def test_no_folder_of_the_machine_is_named(tmp_path: Path) -> None:
    written = write_report(made_run(tmp_path / "run")).read_text(encoding="utf-8")
    own = written[: written.index("plotly.js v")]
    assert str(tmp_path) not in own and str(Path.home()) + "/" not in own
    assert "data = &#x27;…/data&#x27;" in own


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ('data = "/mnt/a b/data/"', 'data = "…/data"'),
        ("data = 'C:\\Users\\me\\data'", "data = '…/data'"),
        ('data = "~/data"', 'data = "…/data"'),
        ('data = "runs/data"\ncut = "level:4"', 'data = "runs/data"\ncut = "level:4"'),
        ('a = "x" # and/or\nb = "y"', 'a = "x" # and/or\nb = "y"'),
    ],
)
def test_paths_lose_their_folders(words: str, shown: str) -> None:
    assert without_paths(words) == shown


def test_only_scripts_of_the_page_may_run_and_nothing_may_be_loaded(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None and policy[1].startswith("default-src 'none'; script-src 'sha256-")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts}
    assert set(re.findall(r"'sha256-([^']*)'", policy[1])) == hashes and len(hashes) == 4


def test_the_headline_says_what_the_intervals_say() -> None:
    def row(name: str, low: float | None, high: float | None) -> Comparison:
        return Comparison(name, Html(), "", "", 0.0, low, high, None)

    rows = [row("its benchmark", 0.1, 0.2), row("the control", -0.1, 0.2), row("the GRU", -0.2, 0.0)]
    assert headline(rows) == "Ahead of its benchmark; no clear difference from the control or the GRU"
    assert [one.sign for one in rows] == ["good", "", ""]
    lost = [row("its benchmark", -0.2, -0.1), row("the control", -0.3, -0.1), row("the GRU", None, None)]
    assert headline(lost) == "Behind its benchmark and the control; no test against the GRU"


def test_compounded_and_arithmetic_figures_share_no_table(page: str) -> None:
    heads = re.findall(r"<thead>(.*?)</thead>", page)
    assert any("compounded" in head for head in heads) and any("arithmetic" in head for head in heads)
    assert [head for head in heads if "compounded" in head and "arithmetic" in head] == []


def test_one_effective_number_of_products_with_its_cut(page: str) -> None:
    said = page[page.index("<section id='holdings'>") : page.index("<section id='risk'>")]
    assert "3.1 equal products (at the cut level:3)" in said


def test_without_kept_comparisons_they_are_read_from_the_books(tmp_path: Path) -> None:
    """Runs from before `against` was kept: the same figures from portfolio.parquet."""
    run = made_run(tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    for name in ("against", "best_plain_factor", "product_minus_industry"):
        del summary[name]
    (run / "summary.json").write_text(json.dumps(summary))
    opened = RunFolder.open(run)
    daily = opened.table("portfolio")
    mine = daily[daily["variant"] == "product"]["excess_return"]
    rows = comparisons(opened)
    assert [row.name for row in rows] == ["its benchmark", "the industry control", "the plain GRU"]
    assert rows[0].value == pytest.approx(mine.mean() * 252)
    assert all(row.low is not None and row.low < row.value < row.high for row in rows)


def test_quantiles_through_time_by_hand() -> None:
    dates = pd.to_datetime(["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-03"])
    frame = pd.DataFrame({"date": dates, "factor": "score", "horizon": 2, "quantile": [1, 2, 1, 2]})
    frame["mean_return"] = [0.02, 0.06, 0.0, -0.04]
    low, high = quantile_curves(frame, "score", 2).data
    assert list(low.y) == pytest.approx([-0.01, 0.0]) and list(high.y) == pytest.approx([0.01, 0.0])


def test_places_stand_in_their_order_where_a_part_lacks_the_first() -> None:
    """The model's first year was its encoder's: 2020 stood right of 2021, behind the parts that begin then."""
    frames = {
        part: pd.DataFrame({"group": years, "rank_ic": 0.1, "tstat_nw": 1.0, "n_days": 100})
        for part, years in (("concept", ["2021"]), ("score", ["2020", "2021"]))
    }
    made = intervals(frames, "group", "rank_ic", "tstat_nw", y_title="", places=["2020", "2021"])
    assert made.layout.xaxis.categoryarray == ("2020", "2021")


def test_no_two_ticks_of_a_narrow_axis_read_the_same() -> None:
    """A tracking error between 6% and 7% had the ticks 6%, 6%, 6%, 7%, 7%."""
    axis = layout(go.Figure(), percent=True).layout.yaxis
    assert axis.tickformat == ".2~%"


def test_sellers_stand_inside_their_products() -> None:
    rows = sellers().assign(name=["Anna", "Bo", "Bo", "Cy"])
    trace = exposure_tree(exposure(), rows).data[0]
    area = dict(zip(trace.ids, trace.values, strict=True))
    inside: dict[str, float] = {}
    for key, parent in zip(trace.ids, trace.parents, strict=True):
        inside[parent] = inside.get(parent, 0.0) + area[key]
    assert inside["R1"] == pytest.approx(area["R1"]) and inside["S"] == pytest.approx(area["S"])
    assert len(trace.ids) == len(set(trace.ids)) == 1 + 4 + 4


def test_a_figure_that_rounds_to_nothing_has_no_minus_sign() -> None:
    assert [percent(-1e-6), number(-1e-3), fine(-1e-5)] == ["0.00%", "0.00", "0.0000"]
    assert [points(-1e-6), points(-1e-4), percent(-1e-4)] == ["+0.00 points", "-0.01 points", "-0.01%"]
