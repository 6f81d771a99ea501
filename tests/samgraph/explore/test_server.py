"""The page's guard and its answers over HTTP: who is let in, what is refused, and that answers are those of the day."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from samgraph.explore.server import FILES, HEADERS, application, listen
from samgraph.explore.state import Explorer

with warnings.catch_warnings():  # starlette would rather have httpx2
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Address, Graph

TOKEN, PORT = "t" * 32, 8765
BASE = f"http://127.0.0.1:{PORT}"
DAY = "2021-06-30"
TABLES: dict[str, str] = {
    "products": "product_id,name,parent_id,name_en\nR,电池,,Batteries\nA,动力电池,R,EV battery\nB,锂电池,R,\n"
    "L,锂盐,,lithium salts\nC,汽车,,cars\nX,<b>x</b>,,\n",
    "product_links": "supplier_id,customer_id,weight,valid_from,valid_to\nL,R,0.5,2020-01-01,\n"
    "A,C,,2020-01-01,2021-01-01\nR,C,0.25,2021-01-01,\n",
    "companies": "company_id,name,exchange,listed_on\n1.SZ,宁德,SZ,2018-06-11\n2.SZ,比亚,SZ,2011-06-30\n3.SH,盐湖,SH,\n"
    "4.SH,=cmd,SH,\n",
    "segments": "company_id,product_id,period_end,announced_on,weight\n"
    "1.SZ,A,2019-12-31,2020-03-01,0.5\n1.SZ,A,2020-12-31,2021-03-01,0.8\n1.SZ,B,2020-12-31,2021-03-01,0.1\n"
    "1.SZ,A,2021-12-31,2022-03-01,0.9\n2.SZ,C,2020-12-31,2021-03-01,0.7\n2.SZ,A,2020-12-31,2021-03-01,0.3\n"
    "3.SH,L,2020-12-31,2021-03-01,1.0\n4.SH,B,2020-12-31,2021-03-01,0.6\n",
    "universes": "universe,company_id,valid_from,valid_to\nU,1.SZ,2020-01-01,\nU,2.SZ,2020-01-01,\n",
}


class Nobody:
    """A graph that must not be asked."""

    def read(self, name: str, **_: Any) -> list[dict[str, Any]]:
        raise AssertionError(f"the graph was asked for {name}")


@pytest.fixture
def closed() -> TestClient:
    return TestClient(application(Explorer(Nobody()), TOKEN, PORT), base_url=BASE, follow_redirects=False)  # type: ignore[arg-type]


def test_what_can_be_asked_is_read_once_a_load() -> None:
    """The queries over every report are not made again for each tab; a new load is asked about anew."""
    moment = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]
    asked: list[str] = []

    class Counted:
        def read(self, name: str, **_: Any) -> list[dict[str, Any]]:
            asked.append(name)
            day = dt.date(2021, 6, 30)
            rows: dict[str, list[dict[str, Any]]] = {
                "as_of/moment": [{"known": moment[0]}],
                "as_of/sells_days": [{"first": day, "last": day}],
            }
            return rows.get(name, [])

    explorer = Explorer(Counted())  # type: ignore[arg-type]
    first = explorer.start()
    assert first["first"] == "2021-06-30" and explorer.start() == first
    assert asked.count("as_of/sells_days") == 1 and asked.count("browser/start") == 1
    moment[0] += dt.timedelta(days=1)
    explorer.start()
    assert asked.count("as_of/sells_days") == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    for name, text in TABLES.items():
        (made / f"{name}.csv").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def loaded(graph_server: Address, folder: Path) -> Iterator[Graph]:
    """Loaded once; only the last test loads more."""
    from conftest import empty_database

    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.db.driver import Graph
    from samgraph.graph.load.load import load

    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(folder))
        yield graph


@pytest.fixture(scope="module")
def page(loaded: Graph) -> Iterator[TestClient]:
    with TestClient(application(Explorer(loaded), TOKEN, PORT), base_url=BASE) as client:
        yield client


def ask(client: TestClient, path: str, **params: Any) -> Any:
    found = client.get(f"/{TOKEN}/api/{path}", params={"as_of": DAY, **params})
    assert found.status_code == 200, found.text
    return found.json()


def table(data: Any, key: str) -> list[dict[str, Any]]:
    return next(one["rows"] for one in data["tables"] if one["key"] == key)


# --- who is let in


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/start",
        "/app.js",
        f"/{TOKEN[:-1]}/",
        f"/{TOKEN}x/",
        f"/x/{TOKEN}/",
        f"//{TOKEN}/",
        f"/{TOKEN.upper()}/",
    ],
)
def test_without_the_token_nothing_is_found(closed: TestClient, path: str) -> None:
    found = closed.get(BASE + path)
    assert found.status_code == 404 and TOKEN not in found.text


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "", f"localhost.evil:{PORT}"]
)
def test_another_host_is_refused_before_the_token_is_looked_at(closed: TestClient, host: str) -> None:
    for path in (f"/{TOKEN}/", "/"):
        assert closed.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_is_refused(closed: TestClient, headers: dict[str, str]) -> None:
    assert closed.get(f"/{TOKEN}/", headers=headers).status_code == 403


def test_the_page_and_its_files_come_with_every_header(closed: TestClient) -> None:
    for path in ("", *FILES, "nothing"):
        found = closed.get(f"/{TOKEN}/{path}")
        assert found.status_code == (404 if path == "nothing" else 200)
        assert {name: found.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert closed.get(f"/{TOKEN}").headers["location"] == f"/{TOKEN}/"


def test_no_file_asks_for_anything_elsewhere() -> None:
    import importlib.resources
    import re

    for name in FILES:
        text = (importlib.resources.files("samgraph.explore") / name).read_text(encoding="utf-8")
        found = set(re.findall(r"https?://[^\s'\"`)]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
        ), name
        assert name != "explore.html" or not re.search(r"\son\w+=|style=|<script>", text)


@pytest.mark.parametrize(
    "path",
    [
        "../cli/__init__.py",
        "..%2f..%2fpyproject.toml",
        "%2e%2e/state.py",
        "state.py",
        "/etc/passwd",
        "explore.html/../state.py",
        "api/../../x",
    ],
)
def test_no_path_leads_to_another_file(closed: TestClient, path: str) -> None:
    found = closed.get(f"/{TOKEN}/{path}")
    assert found.status_code in (404, 405) and "import" not in found.text and "root:" not in found.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "app.js", "api/start", "api/search", "api/company", "api/chain"])
def test_everything_but_reading_is_refused(closed: TestClient, method: str, path: str) -> None:
    assert closed.request(method, f"/{TOKEN}/{path}").status_code == 405


def test_only_the_loopback_address_listens() -> None:
    with listen() as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_who_asks_before_the_server_answers_waits_and_is_not_refused() -> None:
    import socket

    with listen() as bound, socket.create_connection(bound.getsockname(), timeout=10):
        pass


# --- requests that are wrong


@pytest.mark.parametrize(
    ("path", "params", "said"),
    [
        ("search", {"as_of": ""}, "YYYY-MM-DD"),
        ("search", {"as_of": "yesterday"}, "YYYY-MM-DD"),
        ("search", {"known": "yesterday"}, "valid timestamp"),
        ("search", {"q": "x" * 401}, "longer than 400"),
        ("company", {"id": "1.SZ'}) DETACH DELETE n //"}, "no company"),
        ("product", {"id": "nothing"}, "no place in the taxonomy"),
        ("chain", {"q": "A", "most": "-1"}, "whole number from 0 to 5000"),
        ("chain", {"q": "A", "most": "999999"}, "whole number from 0 to 5000"),
        ("chain", {"q": "A", "most": "1e3"}, "whole number"),
        ("chain", {"q": "A", "open": ["p"] * 1 + [f"p{n}" for n in range(501)]}, "at most 500"),
        ("basket", {"p": "nothing"}, "no product 'nothing'"),
        ("basket", {"q": "A", "up": "99"}, "from 0 to 5"),
        ("basket", {"q": "A", "universe": "V"}, "no universe 'V'"),
        ("pairs", {"top": "501"}, "from 0 to 500"),
        ("pairs", {"id": "9.SZ"}, "'9.SZ' is not among"),
        ("explain", {"id": "1.SZ", "day": DAY}, "no run was given"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    page: TestClient, path: str, params: dict[str, Any], said: str
) -> None:
    found = page.get(f"/{TOKEN}/api/{path}", params={"as_of": DAY, **params})
    assert found.status_code == 400 and said in found.json()["error"] and "Traceback" not in found.text


def test_nothing_that_is_asked_writes(page: TestClient, loaded: Graph) -> None:
    from samgraph.errors import GraphError

    text = "x' OR 1=1 //\" }) DETACH DELETE (n) RETURN (*) ~^ \\"
    assert ask(page, "search", q=text)["products"] == []
    with pytest.raises(GraphError, match="cypher/browser/levels"):
        loaded.read("browser/levels")  # a statement that writes, in a transaction of this page's kind
    assert len(table(ask(page, "company", id="1.SZ"), "sold")) == 2


# --- answers


def test_search_finds_in_both_languages_and_companies(page: TestClient) -> None:
    for words in ("动力", "EV batt", "ev battery", "ＥＶ battery"):
        assert [one["id"] for one in ask(page, "search", q=words)["products"]] == ["A"], words
    found = ask(page, "search", q="盐")
    assert [one["id"] for one in found["products"]] == ["L"] and [
        one["id"] for one in found["companies"]
    ] == ["3.SH"]
    assert ask(page, "search", q="1.sz")["companies"][0] == {"id": "1.SZ", "name": "宁德", "products": 2}
    assert ask(page, "search", q=" ")["products"] == []


def test_a_company_is_that_of_the_day_and_no_later(page: TestClient) -> None:
    data = ask(page, "company", id="1.SZ")
    assert data["title"] == "宁德" and "U" in data["subtitle"]
    sold = table(data, "sold")
    assert [(row["product_id"], row["weight"], row["others"]) for row in sold] == [
        ("A", 0.8, 1),
        ("B", 0.1, 1),
    ]
    assert [[(one["id"], round(one["share"], 9)) for one in level] for level in data["levels"]] == [
        [("R", 0.9)],
        [("A", 0.8), ("B", 0.1)],
    ]
    reports = table(data, "reports")
    assert [row["announced_on"] for row in reports] == ["2021-03-01", "2020-03-01"]  # not that of 2022
    assert (reports[0]["valid_to"], reports[1]["valid_to"]) == (None, "2021-03-02")
    assert data["history"]["last"] == ["2021-03-02", DAY]
    assert [(row["company_id"], row["product_id"]) for row in table(data, "upstream")] == [("3.SH", "L")]
    assert [(row["company_id"], row["product_id"]) for row in table(data, "downstream")] == [("2.SZ", "C")]
    assert "10.0% of its revenue is not assigned to any product." in data["notes"]
    later = ask(page, "company", id="1.SZ", as_of="2022-06-30")
    assert table(later, "sold")[0]["weight"] == 0.9


def test_a_product_counts_what_is_below_it_and_links_hold_below(page: TestClient) -> None:
    data = ask(page, "product", id="R")
    assert [(row["company_id"], round(row["share"], 9)) for row in table(data, "sellers")] == [
        ("1.SZ", 0.9),
        ("4.SH", 0.6),
        ("2.SZ", 0.3),
    ]
    assert [(row["product_id"], row["weight"]) for row in table(data, "up")] == [("L", 0.5)]
    assert [(row["product_id"], row["weight"]) for row in table(data, "down")] == [("C", 0.25)]
    below = ask(page, "product", id="A")
    assert [(row["product_id"], row["held"]) for row in table(below, "up")] == [("L", "电池")]
    assert [one["id"] for one in below["path"]] == ["R", "A"]


def test_the_chain_is_drawn_as_of_the_day_and_opens_by_hand(page: TestClient) -> None:
    data = ask(page, "chain", q="EV battery")
    assert {(node["id"], node["column"]) for node in data["nodes"]} == {("A", 0), ("L", -1), ("C", 1)}
    assert {(one["from"], one["to"], one["weight"], one["held"]) for one in data["links"]} == {
        ("L", "A", 0.5, "电池"),
        ("A", "C", 0.25, "电池"),
    }
    before = ask(page, "chain", q="A", as_of="2020-06-30")
    assert {(one["from"], one["to"], one["weight"]) for one in before["links"]} == {
        ("L", "A", 0.5),
        ("A", "C", None),
    }
    opened = ask(page, "chain", q="L", open=["R", "nothing"])
    assert {(node["id"], node["column"], node["opened"]) for node in opened["nodes"]} == {
        ("L", 0, True),
        ("R", 1, True),
        ("C", 2, False),
    }
    few = ask(page, "chain", q="L", most=0)
    assert len(few["nodes"]) == 1 and "1 further link" in " ".join(few["notes"])
    assert "no chain" in " ".join(ask(page, "chain", q="X")["notes"])
    assert "1.SZ" not in {node["id"] for node in ask(page, "chain", q="1.SZ")["nodes"]}


def test_a_basket_is_composed_compared_and_bounded(page: TestClient) -> None:
    data = ask(page, "basket", p=["A", "B"])
    rows = table(data, "basket")
    assert [(row["company_id"], round(row["purity"], 9)) for row in rows] == [
        ("1.SZ", 0.9),
        ("4.SH", 0.6),
        ("2.SZ", 0.3),
    ]
    less = table(ask(page, "basket", p=["A", "B"], without=["4.SH"]), "basket")
    assert [round(row["weight"], 9) for row in less] == [0.75, 0.25]
    beside = ask(page, "basket", p=["A"], vs=["B"])
    assert {row["company_id"]: (row["weight"], row["weight_other"]) for row in table(beside, "compared")}[
        "2.SZ"
    ][1] is None
    note = next(one["note"] for one in beside["tables"] if one["key"] == "compared")
    assert "1 company and" in note
    linked = ask(page, "basket", p=["A"], up=1, universe="U")
    assert {row["product_id"]: row["part"] for row in table(linked, "products")} == {
        "A": "core",
        "L": "upstream",
    }


def test_pairs_meet_along_the_taxonomy(page: TestClient) -> None:
    rows = table(ask(page, "pairs", universe="U"), "pairs")
    assert [(row["company_id"], row["other_id"], row["meets"]) for row in rows] == [("1.SZ", "2.SZ", "A")]


def test_a_file_of_holdings_is_answered_and_a_wrong_one_is_told(page: TestClient) -> None:
    def post(body: bytes, **headers: str) -> Any:
        return page.post(f"/{TOKEN}/api/holdings", params={"as_of": DAY}, content=body, headers=headers)

    data = post("company_id,weight\n1.SZ,0.5\n'=9,0.1\n2.SZ,0.4\n".encode("utf-8-sig")).json()
    assert {row["product_id"]: round(row["weight"], 9) for row in table(data, "exposure")}["A"] == 0.52
    assert table(data, "uncovered")[0]["company_id"] == "=9"
    for body, said in (
        (b"a,b\n1,2\n", "company_id and weight"),
        (b"", "no table"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"company_id,weight\n1.SZ,x\n", "'x' as weight"),
    ):
        found = post(body)
        assert found.status_code == 400 and said in found.json()["error"], body
    assert post(b"x" * 1_000_001).status_code == 413
    assert post(b"company_id,weight\n1.SZ,1\n", Origin="http://evil.example").status_code == 403


@pytest.fixture(scope="module")
def beside_a_run(loaded: Graph) -> Iterator[TestClient]:
    from oracles.brought_run import run_of, tables

    from samgraph.explore.runs import RunAnswers

    answers = RunAnswers.__new__(RunAnswers)
    answers.run = run_of(tables())
    with TestClient(application(Explorer(loaded, answers), TOKEN, PORT), base_url=BASE) as client:
        yield client


def test_with_a_run_a_page_tells_what_it_owes_to_product_and_company_by_the_day(
    beside_a_run: TestClient,
) -> None:
    product = ask(beside_a_run, "product", id="A")["brought"]
    assert round(table(product, "brought")[0]["contribution"], 12) == 0.016 and "电池" in product["note"]
    held = ask(beside_a_run, "company", id="1.SZ")["held"]
    assert held["chart"]["lines"]["weight"] == [0.4, 0.0, 0.6]
    later = ask(beside_a_run, "company", id="1.SZ", as_of="2021-07-01")["held"]
    assert table(later, "linked")[0]["contribution"] == 0.21


def test_with_a_run_a_file_of_holdings_has_its_risk_by_product_as_of_the_day(
    beside_a_run: TestClient,
) -> None:
    """The variance of 0.5 and 0.3, matrix by matrix; exposures and covariances of the day after are others."""
    import numpy as np
    from oracles.brought_run import COVARIANCE, EXPOSURES, SPECIFIC, YEAR

    body = b"company_id,weight\n1.SZ,0.5\n2.SZ,0.3\n3.SH,0.2\n"
    data = beside_a_run.post(f"/{TOKEN}/api/holdings", params={"as_of": DAY}, content=body).json()
    order = ("market", "size", "A")
    common = np.array([[COVARIANCE.get((a, b), COVARIANCE.get((b, a), 0.0)) for b in order] for a in order])
    loads = np.array([[1.0, size, product] for product, size in EXPOSURES.values()])
    weights, own = np.array([0.5, 0.3]), np.array(list(SPECIFIC.values()))
    whole = weights @ (loads @ common @ loads.T + np.diag(own)) @ weights
    notes = " ".join(data["notes"])
    assert data["subtitle"].endswith(f"forecast volatility {np.sqrt(whole * YEAR):.1%} a year")
    assert "of 2021-06-29, its covariances estimated on 2021-06-28" in data["tables"][0]["note"]
    assert "leaves out 1 holding (20.0%)" in notes
    x = loads.T @ weights
    assert {row["kind"]: round(row["share"], 9) for row in table(data, "kinds")} == {
        **{
            kind: round(x[k] * (common @ x)[k] / whole, 9)
            for k, kind in enumerate(("market", "style", "product"))
        },
        "specific": round(own @ weights**2 / whole, 9),
    }
    share = x[2] * (common @ x)[2] / whole
    by_product = table(data, "risk")
    assert [(row["product_id"], row["level"]) for row in by_product] == [("R", 1), ("A", 2)]
    for row in by_product:
        assert (row["exposure"], row["share"]) == pytest.approx((0.49, share))
    before = beside_a_run.post(f"/{TOKEN}/api/holdings", params={"as_of": "2021-06-01"}, content=body)
    assert before.status_code == 200 and "knows nothing by" in before.json()["notes"][-1]


def test_what_was_known_then_is_answered_after_later_loads(
    page: TestClient, loaded: Graph, folder: Path
) -> None:
    from samgraph.graph.dataset.folder import Dataset
    from samgraph.graph.load.load import load

    start = ask(page, "start")
    text = (folder / "segments.csv").read_text(encoding="utf-8")
    (folder / "segments.csv").write_text(text.replace("2021-03-01,0.8", "2021-03-01,0.6"), encoding="utf-8")
    load(loaded, Dataset(folder))
    then, now = (ask(page, "company", id="1.SZ", **more) for more in ({"known": start["loads"][0]}, {}))
    assert (table(then, "sold")[0]["weight"], table(now, "sold")[0]["weight"]) == (0.8, 0.6)
    assert dt.datetime.fromisoformat(then["known"]) < dt.datetime.fromisoformat(now["known"])
