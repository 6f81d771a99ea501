"""Questions of an analyst on the real tables beside the checkout: the answer at first sight is the right one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samgraph.cli.ask.basket import command as basket_command
from samgraph.cli.ask.pairs import command as pairs_command
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load

DAY = "2023-01-03"


@pytest.fixture
def products_and_segments(graph, shared_data, tmp_path: Path) -> None:
    """CSI 300's companies, products, links and reports, without what no question needs."""
    for name in ("companies", "products", "product_links", "segments"):
        shutil.copy(shared_data / "csi300" / f"{name}.csv", tmp_path)
    load(graph, Dataset(tmp_path))


def ask(command, *arguments: str) -> Result:
    ran = CliRunner().invoke(
        command, [*arguments, "--as-of", DAY, "--format", "json"], catch_exceptions=False
    )
    assert ran.exit_code == 0, ran.stderr
    return ran


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(900)
def test_batteries_have_the_largest_maker_and_it_has_its_rivals(
    graph, graph_env, products_and_segments
) -> None:
    for text in ("动力电池", "EV battery", "ＥＶ　ｂａｔｔｅｒｙ"):
        ran = ask(basket_command, text)
        rows = json.loads(ran.stdout)
        assert (rows[0]["company_id"], round(rows[0]["purity"], 2)) == ("300750.SZ", 0.84)
        assert len(rows) == 18 and "动力电池 (P04570)" in ran.stderr  # the exact name alone has 7
    narrow = json.loads(ask(basket_command, "EV battery", "--product", "P04570").stdout)
    assert len(narrow) == 7 and "300750.SZ" not in {row["company_id"] for row in narrow}

    ran = ask(pairs_command, "--company", "300750.SZ")
    rows = json.loads(ran.stdout)
    assert rows[0]["overlap"] > 0.5  # on the products themselves it is 0.11
    assert {row["meets_name"] for row in rows[:10]} == {"锂电池"} and {row["level"] for row in rows[:10]} == {
        3
    }
    assert "300014.SZ" in {row["other_id"] for row in rows[:10]}
    assert (
        "84% of the revenue of 300750.SZ has no exact match" in ran.stderr
        and "动力电池系统 84%" in ran.stderr
    )
    exact = json.loads(ask(pairs_command, "--company", "300750.SZ", "--concepts", "leaf").stdout)
    assert round(exact[0]["overlap"], 2) == 0.11
    near = json.loads(ask(pairs_command, "--company", "300750.SZ", "--by-product").stdout)
    assert (near[0]["product"], near[0]["meets_name"], near[0]["level"]) == ("动力电池系统", "锂电池", 3)
