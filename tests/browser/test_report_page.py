"""The report in a real Chromium: nothing fetched, nothing complained about, every picture drawn, no text on another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_run import CHINESE, made_run

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


@pytest.mark.parametrize(("width", "colours"), [(360, "light"), (768, "dark"), (1440, "light")])
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
    assert page.evaluate(TROUBLE) == []
    shown = page.evaluate("document.body.textContent")
    assert CHINESE in shown and page.locator("main b script, main figure a, .plot svg a").count() == 0
    assert wrong == []
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
