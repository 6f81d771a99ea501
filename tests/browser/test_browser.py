"""Neo4j Browser in a real Chromium: favourites and style are taken, every saved query draws or lists, as of its day."""

from __future__ import annotations

import base64
import shutil
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from samgraph.economy.simulate import simulate
from samgraph.graph.ask.workbench import PICTURES, write_workbench
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  const target = document.querySelector('[data-testid=main]');
  for (const kind of ['dragenter', 'dragover', 'drop'])
    target.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: install the system's package")
def test_every_saved_query_draws_or_lists_in_neo4j_browser(tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    simulate(tmp_path / "data", seed=7, companies=45, products=60, years=2, signal=1.0)
    server = LocalServer(tmp_path / "home")
    address = server.start_for_this_process()
    try:
        with Graph.open(address) as graph:
            load(graph, Dataset(tmp_path / "data"))
            made = write_workbench(graph, tmp_path / "workbench")
            assert made.marked > 60 and write_workbench(graph, tmp_path / "workbench").marked == 0
        page_at = str(server.status().browser)
        urllib.request.urlopen(page_at, timeout=20).close()
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.set_default_timeout(20_000)
            expect.set_options(timeout=20_000)
            page.goto(page_at)
            page.get_by_test_id("username").fill(address.user)
            page.get_by_test_id("password").fill(address.password)
            page.get_by_test_id("connect").click()
            page.get_by_test_id("connect").wait_for(state="detached")
            for file in (made.favourites, made.style):
                page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])
            holds(page, "(localStorage['neo4j.documents'] || '').includes('// Picture')")
            holds(page, "(localStorage['neo4j.grass'] || '').includes('Level12')")
            with zipfile.ZipFile(made.favourites) as archive:
                queries = {name: archive.read(name).decode() for name in sorted(archive.namelist())}
            for name, text in queries.items():
                say(page, ":clear")
                expect(page.get_by_test_id("frame")).to_have_count(0)
                say(page, text)
                frame = page.get_by_test_id("frame").first
                stem = name.split("/")[1][3:].removesuffix(".cypher").replace("_", "/", 1)
                if stem in ("setup", "parameters"):
                    holds(page, "JSON.parse(localStorage['neo4j.settings'] || '{}').autoComplete === false")
                    page.wait_for_timeout(1500)
                elif stem in PICTURES:
                    expect(frame.locator("svg .node").nth(2)).to_be_visible()
                    page.wait_for_timeout(500)
                    # Browser draws the relationships that the query returned, and none of another day.
                    text_now = frame.inner_text()
                    assert "ERROR" not in text_now, name
                    drawn = frame.locator("svg .relationship").count()
                    with Graph.open(address) as graph:
                        assert drawn == relationships(graph, stem), name
                else:
                    expect(frame.get_by_text("1", exact=True).first).to_be_visible()
                    assert "ERROR" not in frame.inner_text(), name
            browser.close()
    finally:
        server.stop()


def say(page: Any, text: str) -> None:
    page.locator("[data-testid=activeEditor] textarea").focus()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    page.get_by_test_id("editor-Run").click()


def holds(page: Any, expression: str) -> None:
    """Wait until an expression is true; Browser's security policy forbids Playwright's own way."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(200)
    pytest.fail(f"not within 20 s: {expression}")


def relationships(graph: Graph, statement: str) -> int:
    """How many different relationships a picture's statement returns."""
    import neo4j

    from samgraph.graph.db.statements import statement as text_of_statement

    start = graph.read("browser/start", known=None)[0]
    where = graph.address
    with neo4j.GraphDatabase.driver(where.uri, auth=(where.user, where.password)) as driver:
        found = driver.execute_query(
            text_of_statement(statement), {**start, "known": None}, result_transformer_=neo4j.Result.graph
        )
        return len(found.relationships)
