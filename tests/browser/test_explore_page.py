"""The page of `samgraph explore` in a real Chromium: nothing fetched elsewhere, mouse and keyboard, 5,000 nodes."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from samgraph.explore.server import HOST, listen, new_token, serve
from samgraph.explore.state import Explorer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: install the system's package"),
]
HOSTILE = "<img src=x onerror=alert(1)>"
START = {
    "first": "2020-01-01", "last": "2022-12-31", "newest": "2022-06-30", "loads": ["2024-01-01T00:00:00+00:00"],
    "universes": ["U"], "example": {"company": "1.SZ", "product": "A", "text": "动力电池"}, "run": None,
}  # fmt: skip
SEARCH = {
    "products": [
        {"id": "A", "name": "动力电池", "path": ["电池"], "companies": 2},
        {"id": "B", "name": HOSTILE, "path": [], "companies": 0},
    ],
    "companies": [{"id": "1.SZ", "name": "宁德", "products": 2}],
    "more": False,
}
SELLERS = {
    "key": "sellers",
    "title": "Who sells it",
    "note": "",
    "total": 2,
    "columns": [
        {"key": "company", "label": "company", "kind": "company", "of": "company_id"},
        {"key": "share", "label": "share", "kind": "share", "of": ""},
    ],
    "rows": [
        {"company": "宁德", "company_id": "1.SZ", "share": 0.8},
        {"company": "=cmd", "company_id": "2.SZ", "share": 0.9},
    ],
}
PATH = [{"id": "R", "name": "电池"}, {"id": "A", "name": HOSTILE}]
PRODUCT = {"title": HOSTILE, "subtitle": "A", "path": PATH, "notes": [], "tables": [SELLERS]}
PLACE = """host => {
  const p = host.picture.places.get('L1'), v = host.picture.state().view;
  return [(p.x + 90) * v.scale + v.x, (p.y + 20) * v.scale + v.y];
}"""
FRAMES = """async host => {
  const tools = [...host.querySelectorAll('.tools button')], times = [];
  tools[2].click();
  for (let at = 0; at < 30; at++) {
    const start = performance.now();
    tools[at % 2].click();
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[15];
}"""


def node(name: str, column: int, **more: Any) -> dict[str, Any]:
    base = {"id": name, "name": f"{name} 电池", "kind": "product", "column": column, "level": 3, "value": 1.0}
    return (
        base
        | {"companies": 2, "start": column == 0, "opened": column == 0, "ends": False, "hidden": 0}
        | more
    )


def chain(opened: list[str], many: int = 3) -> dict[str, Any]:
    nodes = [node("A", 0), *(node(f"L{n}", -1, opened=f"L{n}" in opened) for n in range(many)), node("C", 1)]
    links = [{"from": f"L{n}", "to": "A", "weight": None, "held": ""} for n in range(many)]
    links.append({"from": "A", "to": "C", "weight": 0.123456, "held": ""})
    for name in opened:
        nodes.append(node(f"{name}x", -2))
        links.append({"from": f"{name}x", "to": name, "weight": None, "held": ""})
    return {"title": "动力电池", "notes": ["thin"], "nodes": nodes, "links": links}


@pytest.fixture(scope="module")
def address() -> str:
    class Nobody:
        def read(self, name: str, **_: Any) -> list[dict[str, Any]]:
            raise AssertionError(name)

    bound, token = listen(), new_token()
    threading.Thread(target=serve, args=(Explorer(Nobody()), bound, token), daemon=True).start()  # type: ignore[arg-type]
    return f"http://{HOST}:{bound.getsockname()[1]}/{token}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(
    browser: Browser,
    address: str,
    where: str,
    *,
    width: int = 1200,
    answers: dict[str, Callable[[dict[str, list[str]]], Any]] | None = None,
) -> tuple[Page, list[str], list[tuple[str, dict[str, list[str]]]]]:
    """The page with answers that are given here, what it should not have said or asked, and what it asked."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    wrong: list[str] = []
    asked: list[tuple[str, dict[str, list[str]]]] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append("a name became a script") or dialog.dismiss())  # type: ignore[func-returns-value]
    page.on(
        "request",
        lambda one: None if one.url.startswith((address, "data:", "blob:")) else wrong.append(one.url),
    )
    known = {"start": lambda _: START, "search": lambda _: SEARCH, "product": lambda _: PRODUCT,
             "chain": lambda query: chain(query.get("open", []))} | (answers or {})  # fmt: skip

    def answer(route: Any) -> None:
        parts = urlsplit(route.request.url)
        name, query = parts.path.rsplit("/", 1)[1], parse_qs(parts.query)
        asked.append((name, query))
        route.fulfill(status=200, content_type="application/json", body=json.dumps(known[name](query)))

    page.route("**/api/*", answer)
    page.goto(address + where)
    page.locator("main[data-ready]:not(.busy)").wait_for(timeout=20_000)
    return page, wrong, asked


def test_search_as_one_types_from_the_keyboard_and_names_stay_text(browser: Browser, address: str) -> None:
    page, wrong, asked = opened(browser, address, "")
    page.keyboard.press("/")
    page.keyboard.type("EV batt")
    page.locator("#found [role=option]").nth(1).wait_for()
    page.wait_for_load_state("networkidle")  # the answer to the last letter is shown
    assert (
        page.locator("#q").get_attribute("aria-expanded") == "true"
        and HOSTILE in page.locator("#found").inner_text()
    )
    page.keyboard.press("ArrowDown")
    assert page.locator("#q").get_attribute("aria-activedescendant") == "o0"
    page.keyboard.press("Enter")
    page.locator("h1", has_text=HOSTILE).wait_for()
    assert asked[-1] == ("product", {"id": ["A"], "as_of": ["2022-06-30"]})
    assert page.locator("main img").count() == 0 and wrong == []
    page.close()


def test_the_day_and_the_moment_move_everything_and_stand_in_the_address(
    browser: Browser, address: str
) -> None:
    page, wrong, asked = opened(browser, address, "#/product?id=A")
    page.locator("#day").fill("2021-03-31")
    page.wait_for_url(lambda url: "as_of=2021-03-31" in url)
    page.locator("#known").select_option(index=1)
    page.wait_for_url(lambda url: "known=" in url)
    page.locator("main[data-ready]:not(.busy)").wait_for()
    assert asked[-1][1] == {"id": ["A"], "as_of": ["2021-03-31"], "known": START["loads"]}
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "as_of=2021-04-01" in url)
    page.locator("#table-sellers a[href*='as_of=2021-04-01']").first.wait_for()
    assert wrong == []
    page.close()


def test_the_chain_is_walked_by_click_and_by_keyboard_and_its_table_has_the_same(
    browser: Browser, address: str
) -> None:
    page, wrong, asked = opened(browser, address, "#/chain?q=A")
    assert page.locator("#table-links tbody tr").count() == 4
    assert (
        page.locator(".picture").evaluate("host => host.picture.state().view.scale") >= 0.85
    )  # labels can be read
    x, y = page.locator(".picture").evaluate(PLACE)
    page.locator(".picture canvas").click(position={"x": x, "y": y})
    page.wait_for_url(lambda url: "open=L1" in url)
    page.locator("main[data-ready]:not(.busy)").wait_for()
    assert asked[-1][1]["open"] == ["L1"] and page.locator("#table-links tbody tr").count() == 5
    page.locator(".picture canvas").focus()
    page.keyboard.press("ArrowDown")
    assert "L2" in page.locator("#live").inner_text() and "2 companies" in page.locator("#live").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "open=L2" in url)
    assert wrong == []
    page.close()


def test_five_thousand_nodes_are_moved_without_a_stutter(
    browser: Browser, address: str, record_property: Any
) -> None:
    page, wrong, _ = opened(browser, address, "#/chain?q=A", answers={"chain": lambda _: chain([], 5000)})
    spent = page.locator(".picture").evaluate(FRAMES)
    record_property("milliseconds_a_frame", spent)
    assert page.locator(".picture").evaluate("host => host.picture.places.size") == 5002
    assert wrong == []
    page.close()


def test_a_table_sorts_and_downloads_without_formulas(browser: Browser, address: str) -> None:
    page, wrong, _ = opened(browser, address, "#/product?id=A")
    page.locator("#table-sellers th button", has_text="share").click()
    assert page.locator("#table-sellers tbody td.n").all_inner_texts() == ["90.0%", "80.0%"]
    with page.expect_download() as coming:
        page.locator("#table-sellers .headed button").click()
    text = coming.value.path().read_text(encoding="utf-8-sig")
    assert (
        text.splitlines() == ["company_id,company,share", "1.SZ,宁德,0.8", "2.SZ,'=cmd,0.9"] and wrong == []
    )
    page.close()


@pytest.mark.parametrize("where", ["", "#/product?id=A", "#/chain?q=A"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, address: str, where: str) -> None:
    page, wrong, _ = opened(browser, address, where, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and wrong == []
    page.close()


SCORES = {
    "note": "",
    "last": "2022-06-29",
    "chart": {"title": "Score", "days": ["2022-06-28", "2022-06-29"], "lines": {"score": [0.5, 1.25]}},
    "table": {
        **SELLERS,
        "key": "scores",
        "columns": [{"key": "score", "label": "score", "kind": "number", "of": ""}],
        "rows": [{"score": 1.25}],
    },
}
COMPANY = {
    "title": "宁德",
    "subtitle": "1.SZ",
    "notes": [],
    "tables": [],
    "levels": [],
    "history": {"first": [], "last": [], "parts": []},
    "scores": SCORES,
}


def test_a_company_of_a_run_has_its_scores_and_on_request_why(browser: Browser, address: str) -> None:
    why = {"title": HOSTILE, "tables": [SELLERS | {"key": "concepts"}]}
    page, wrong, asked = opened(
        browser,
        address,
        "#/company?id=1.SZ",
        answers={"company": lambda _: COMPANY, "explain": lambda _: why},
    )
    assert page.locator("#table-scores td.n").inner_text() == "1.25"
    page.get_by_role("button", name="Explain the score of 2022-06-29").click()
    page.locator("#table-concepts").wait_for()
    assert asked[-1] == ("explain", {"id": ["1.SZ"], "day": ["2022-06-29"], "as_of": ["2022-06-30"]})
    assert page.locator("h3", has_text=HOSTILE).count() == 1 and wrong == []
    page.close()


def test_a_file_of_holdings_that_is_dropped_is_told_by_product(browser: Browser, address: str) -> None:
    exposure = SELLERS | {"key": "exposure", "title": "By product"}
    answer = {"title": "Holdings", "subtitle": "2 holdings", "notes": [HOSTILE], "tables": [exposure]}
    sent: list[str] = []

    def told(_: dict[str, list[str]]) -> Any:
        return answer

    page, wrong, asked = opened(browser, address, "#/holdings", answers={"holdings": told})
    page.on("request", lambda one: sent.append(one.post_data or "") if one.method == "POST" else None)
    text = "company_id,weight\n1.SZ,0.5\n2.SZ,0.5\n"
    page.locator(".drop").evaluate(
        """(drop, text) => { const data = new DataTransfer(); data.items.add(new File([text], 'mine.csv'));
        drop.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); }""",
        text,
    )
    page.locator("#table-exposure").wait_for()
    assert sent == [text] and asked[-1] == ("holdings", {"as_of": ["2022-06-30"]})
    shown = page.locator("main").inner_text()
    assert "mine.csv" in shown and HOSTILE in shown and page.locator("main img").count() == 0 and wrong == []
    page.close()


def test_the_first_card_of_a_picture_does_not_lie_under_its_buttons(browser: Browser, address: str) -> None:
    page, wrong, _ = opened(browser, address, "#/chain?q=A", answers={"chain": lambda _: chain([], 9)})
    top = page.locator(".picture").evaluate(
        "host => { const { view } = host.picture.state();"
        "return Math.min(...[...host.picture.places.values()].map(p => p.y * view.scale + view.y)); }"
    )
    buttons = page.locator(".picture .tools").evaluate("tools => tools.offsetTop + tools.offsetHeight")
    assert top >= buttons and wrong == []
    page.close()
