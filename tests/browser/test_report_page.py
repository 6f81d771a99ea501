"""The report in a real Chromium: nothing fetched, nothing complained about, every picture drawn, no text on another."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from made_run import CHINESE, HOSTILE, made_run

from samgraph.report.page import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: install the system's package"),
]

# Texts of a picture that lie on another, or reach out of it by more than a pixel.
TROUBLE = """() => [...document.querySelectorAll('.plot')].flatMap(plot => {
  const title = plot.parentElement.querySelector('h3').textContent, frame = plot.getBoundingClientRect();
  const texts = [...plot.querySelectorAll('svg text')].map(node => ({ node, box: node.getBoundingClientRect() }))
    .filter(({ node, box }) => box.width > 1 && box.height > 1 && node.textContent.trim()
      && getComputedStyle(node).display !== 'none' && getComputedStyle(node).visibility !== 'hidden');
  const out = texts.filter(({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1
    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
    .map(({ node }) => `${title}: cut: ${node.textContent}`);
  texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
    const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    if (wide > 1 && high > 4) out.push(`${title}: ${a.node.textContent} on ${b.node.textContent}`);
  }));
  return out;
})"""  # boxes of lines hold room above and below the letters: 4 pixels of it are no overlap


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(made_run(tmp_path_factory.mktemp("runs") / "one"))


def opened(browser: Browser, report: Path, width: int, colours: str = "light") -> tuple[Page, list[str]]:
    """The page, and what it says or asks for that it should not."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)  # type: ignore[arg-type]
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append("a name became a script") or dialog.dismiss())  # type: ignore[func-returns-value]
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else wrong.append(asked.url),
    )
    page.goto(report.as_uri())
    return page, wrong


@pytest.mark.parametrize(
    ("width", "colours"), [(360, "light"), (768, "dark"), (1280, "dark"), (1440, "light")]
)
def test_every_picture_is_drawn_and_no_text_lies_on_another(
    browser: Browser, report: Path, width: int, colours: str, record_property: pytest.RecordProperty
) -> None:
    page, wrong = opened(browser, report, width, colours)
    record_property(
        "seconds_to_load",
        page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000,
    )
    page.evaluate("samgraphReady().then(() => 1)")
    drawn = page.evaluate(
        "[...document.querySelectorAll('.plot')].map(p => !!p.querySelector('svg.main-svg'))"
    )
    assert len(drawn) >= 22 and all(drawn)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    blocks = page.locator("main .cards, main .simulated, main .scroll")
    edges = blocks.evaluate_all("found => found.map(one => one.getBoundingClientRect().right)")
    assert max(edges) <= width - 14  # nothing is cut at the right
    assert page.evaluate(TROUBLE) == []
    shown = page.evaluate("document.body.textContent")
    assert CHINESE in shown and page.locator("main b script, main figure a, .plot svg a").count() == 0
    assert wrong == []
    page.close()


def test_all_twelve_months_are_seen_beside_the_contents(browser: Browser, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "long", days=400)
    daily = pd.read_parquet(folder / "portfolio.parquet")
    daily["return"] -= 0.012  # months of -20% and more: the widest that are to be expected
    daily.to_parquet(folder / "portfolio.parquet", index=False)
    page, _ = opened(browser, write_report(folder), 1280)
    months = page.locator("#months .scroll").filter(has=page.locator("th", has_text="Jan"))
    assert months.locator("td", has_text="-2").count() > 10
    assert months.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    page.close()


def test_pictures_are_drawn_when_they_come_into_view(browser: Browser, report: Path) -> None:
    page, wrong = opened(browser, report, 768)
    last = page.locator(".plot").last
    assert last.locator("svg.main-svg").count() == 0
    last.scroll_into_view_if_needed()
    last.locator("svg.main-svg").first.wait_for(state="attached", timeout=20_000)
    assert wrong == []
    page.close()


def test_a_table_sorts_by_its_header_from_the_keyboard(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 768)
    table = page.locator("#explained table")
    score = table.locator("th", has_text="score").locator("button")
    column = "rows => rows.map(row => row.cells[4].textContent)"
    score.focus()
    page.keyboard.press("Enter")
    assert table.locator("tbody tr").evaluate_all(column) == ["0.3000", "0.1500", "0.1000"]
    page.keyboard.press("Enter")
    assert table.locator("tbody tr").evaluate_all(column) == ["0.1000", "0.1500", "0.3000"]
    assert table.locator("th[aria-sort=ascending]").count() == 1
    page.close()


def test_print_draws_every_picture_to_the_width_of_the_paper(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    page, wrong = opened(browser, report, 1440, "dark")
    page.evaluate(
        "addEventListener('beforeprint', () => { window.widths = "
        "[...document.querySelectorAll('.plot svg.main-svg')].map(svg => svg.clientWidth);"
        "window.flows = [...document.querySelectorAll('.sankey-link')]"
        ".map(flow => flow.getBBox()).map(box => box.x + box.width); })"
    )
    page.evaluate("samgraphReady().then(() => 1)")
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    widths = page.evaluate("window.widths")
    assert len(widths) >= 22 and max(widths) <= 660
    flows = page.evaluate("window.flows")
    assert len(flows) >= 3 and max(flows) <= 660  # none is still where the screen had it
    assert wrong == []
    page.close()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
def test_the_first_screen_holds_the_verdict(browser: Browser, report: Path, width: int, height: int) -> None:
    page, wrong = opened(browser, report, width)
    page.set_viewport_size({"width": width, "height": height})
    cards = page.locator("#verdict .cards li")
    assert cards.count() == 4
    for card in cards.all():
        box = card.bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    shown = page.locator("#verdict .cards").inner_text()
    assert "+4.00%" in shown and "-4.00% to +2.00%" in shown and "p = 0.013" in shown and "-0.0125" in shown
    said = page.locator("#verdict").inner_text()
    assert "price index, without dividends" in said and "after costs" in said and "Top-K" in said
    red = page.locator(".simulated").bounding_box()
    assert red is not None and red["y"] + red["height"] <= height
    assert [card.get_attribute("class") for card in page.locator("#verdict .cards b").all()] == [
        *("good", "", "", "bad")
    ]
    assert wrong == []
    page.close()


CONTRAST = """([texts, dark]) => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const solid = colour => !/^(transparent|rgba\\(.*, 0\\))$|none/.test(colour);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (solid(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return texts.flatMap(name => [...document.querySelectorAll(name)].map(node => {
    const hover = node.closest(".hoverlayer");
    const over = hover && (hover.querySelector(".legend .bg") ?? hover.querySelector("path"));
    const style = getComputedStyle(node);
    const [a, b] = [light(node instanceof SVGElement ? style.fill : style.color),
      light(over ? getComputedStyle(over).fill : behind(node))];
    return [name, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }));
}"""
WORDS = (
    *(
        "h1",
        "h2",
        ".lead",
        ".soft",
        "figcaption",
        ".of",
        ".sure",
        ".good",
        ".bad",
        ".simulated",
        "nav a",
        "a.what",
    ),
    *("td", "th button", "button.csv", "summary", "dd", "pre"),
    *(".plot .xtick text", ".plot .ytick text", ".plot .legendtext", ".plot .hoverlayer text"),
)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_word_is_read_on_what_is_behind_it(browser: Browser, report: Path, colours: str) -> None:
    """Contrast of at least 4.5 from the colours as they are rendered, of what appears under the pointer too."""
    page, _ = opened(browser, report, 1440, colours)
    plot = page.locator("#verdict .plot")
    plot.locator("svg.main-svg").first.wait_for(state="attached")
    plot.hover(position={"x": 400, "y": 180})
    page.locator(".hoverlayer text").first.wait_for(state="attached")
    found = page.evaluate(CONTRAST, [list(WORDS), colours == "dark"])
    assert {name for name, _ in found} == set(WORDS)
    assert [row for row in found if row[1] < 4.5] == []
    page.close()


def test_a_table_is_downloaded_as_csv_that_runs_nothing(browser: Browser, report: Path) -> None:
    page, wrong = opened(browser, report, 390)
    with page.expect_download() as saved:
        page.locator("#missing button.csv").click()
    assert saved.value.suggested_filename == "samgraph-missing-1.csv"
    rows = list(csv.reader(Path(saved.value.path()).read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["stock-days of the test period", "cause", "number", "share"]
    assert rows[1] == ["members", "", "1,200", "100.00%"] and rows[2][0] == HOSTILE
    formula = "[...document.querySelectorAll('#missing td')][0].textContent = '=1+1'"
    page.evaluate(formula)
    with page.expect_download() as saved:
        page.locator("#missing button.csv").click()
    assert "'=1+1" in Path(saved.value.path()).read_text(encoding="utf-8-sig")
    assert wrong == []
    page.close()


def test_the_filter_shows_days_and_portfolios(browser: Browser, report: Path) -> None:
    page, wrong = opened(browser, report, 1440)
    page.evaluate("samgraphReady().then(() => 1)")
    page.locator(".filter summary").click()
    page.get_by_role("checkbox", name="gru").uncheck()
    page.locator("[name=from]").fill("2024-01-10")
    hero = page.locator("#verdict .plot")
    lines = hero.evaluate(
        "p => p.data.map(t => [t.name, t.visible !== false, t.x[0].slice(0, 10), [...t.y]])"
    )
    assert [(name, shown) for name, shown, _, _ in lines] == [
        *(("product", True), ("industry", True), ("gru", False))
    ]
    daily = pd.read_parquet(report.parent / "portfolio.parquet")
    mine = daily[(daily["variant"] == "product") & (daily["date"] >= "2024-01-10")]["excess_return"]
    assert lines[0][2] == "2024-01-10" and lines[0][3] == pytest.approx(mine.cumsum().tolist())
    assert page.locator("tr[data-variant=gru]:visible").count() == 0
    assert page.locator("tr[data-variant=industry]:visible").count() > 0
    assert "whole period" in page.locator(".filter [role=status]").inner_text()
    page.get_by_role("button", name="Show all").click()
    for _ in range(100):  # the page's policy lets nobody wait in it by a text that is evaluated
        if hero.evaluate("p => p.data.every(t => t.visible !== false)"):
            break
        page.wait_for_timeout(100)
    assert hero.evaluate("p => p.data.every(t => t.visible !== false)")
    assert page.locator("tr[data-variant=gru]:visible").count() > 0
    assert wrong == []
    page.close()


def test_the_treemap_leads_to_the_sellers_and_back_by_a_button(browser: Browser, report: Path) -> None:
    from playwright.sync_api import expect

    page, wrong = opened(browser, report, 390)
    tree = page.get_by_role("img", name="Products, through the taxonomy")
    page.locator("#holdings .plot").first.scroll_into_view_if_needed()
    tree.locator(".slice").first.wait_for()
    back = page.locator("button.up")
    assert not back.is_visible()
    tree.locator(".slice", has_text=CHINESE).first.click(
        position={"x": 12, "y": 8}
    )  # its heading; sellers lie below
    back.wait_for()
    box = back.bounding_box()
    assert box is not None and box["height"] >= 44
    expect(tree).to_contain_text("script")
    back.click()
    expect(page.locator("button.up")).to_contain_text("All products")
    back.click()
    back.wait_for(state="hidden")
    assert wrong == []
    page.close()


def test_names_lead_to_what_explains_them(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 768)
    dead = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => "
        "!document.getElementById(decodeURIComponent(a.hash.slice(1)))).map(a => a.hash)"
    )
    assert dead == []
    page.locator("#better a.what").first.click()
    assert page.locator("#glossary :target").count() == 1
    page.close()


def test_folded_tables_are_printed(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1440)
    assert page.locator("details:has(table):not([open])").count() > 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:has(table):not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:has(table):not([open])").count() > 3
    page.close()
