"""Make README's picture: the first screen of a finished run's report, in a real Chromium.

python tools/report_picture.py demo/run [FILE]      after `make demo`; needs the system's chromium; FILE is
                                                    docs/pictures/report.png by default
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from samgraph.report.page import write_report

WIDE, HIGH = 1280, 860


def main(run: Path, picture: Path) -> int:
    """Write the report anew and photograph it, in light colours."""
    from playwright.sync_api import sync_playwright

    page_file = write_report(run)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, color_scheme="light")
        page.goto(page_file.resolve().as_uri())
        page.locator("#verdict svg.main-svg").first.wait_for(timeout=120_000)
        page.wait_for_timeout(500)
        page.screenshot(path=picture)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/pictures/report.png")))
