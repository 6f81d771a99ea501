"""Make the pictures of docs/explore.md: `samgraph explore` over a simulated economy, in a real Chromium.

python tools/explore_pictures.py [FOLDER]      needs the system's chromium; FOLDER is docs/pictures by default
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path

from samgraph.economy.simulate import simulate
from samgraph.explore.server import HOST, listen, new_token, serve
from samgraph.explore.state import Explorer
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer

SIZES = {"wide": (1200, 820), "phone": (390, 780)}


def main(folder: Path) -> int:
    """Write explore-NAME.png into a folder."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as made:
        simulate(Path(made) / "data", seed=7, companies=120, products=200, years=3, signal=1.0)
        server = LocalServer(Path(made) / "home")
        address = server.start_for_this_process()
        try:
            with Graph.open(address) as graph, listen() as bound, sync_playwright() as play:
                load(graph, Dataset(Path(made) / "data"))
                explorer, token = Explorer(graph), new_token()
                threading.Thread(target=serve, args=(explorer, bound, token), daemon=True).start()
                about = explorer.start()
                example, when = about["example"], f"as_of={about['newest']}"
                pages = {
                    "chain": ("wide", f"chain?q={example['product']}&{when}"),
                    "company": ("wide", f"company?id={example['company']}&{when}"),
                    "basket": ("wide", f"basket?p={example['product']}&up=1&{when}"),
                    "phone": ("phone", f"company?id={example['company']}&{when}"),
                }
                browser = play.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                for name, (size, where) in pages.items():
                    wide, high = SIZES[size]
                    page = browser.new_page(viewport={"width": wide, "height": high})
                    page.goto(f"http://{HOST}:{bound.getsockname()[1]}/{token}/#/{where}")
                    page.locator("main[data-ready]:not(.busy)").wait_for(timeout=120_000)
                    page.wait_for_timeout(500)
                    page.screenshot(path=folder / f"explore-{name}.png")
                    page.close()
                browser.close()
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")))
