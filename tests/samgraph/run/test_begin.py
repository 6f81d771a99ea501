"""What a run's manifest begins with, and what makes it another run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from samgraph.config import load_config
from samgraph.errors import RunError
from samgraph.exchange.tables import BUILT_IN, exchange
from samgraph.graph.dataset.folder import Dataset
from samgraph.run.begin import begin


def test_the_exchange_s_tables_are_part_of_a_run(tmp_path: Path) -> None:
    """A fee changed within the same folder makes another run; runs from before it was kept go on."""
    data, own = tmp_path / "data", tmp_path / "rules"
    data.mkdir()
    own.mkdir()
    (data / "companies.csv").write_text("company_id,name\nA,A\n", encoding="utf-8")
    shutil.copy(BUILT_IN / "fees.csv", own)
    settings = {"data": str(data), "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}
    config = load_config(None, settings | {"trading": {"exchange": str(own)}})
    begin(config, tmp_path / "run", Dataset(data), None)
    path = tmp_path / "run" / "manifest.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["exchange"] == {"name": str(own), "sha256": exchange(own).fingerprint}
    begin(config, tmp_path / "run", Dataset(data), None)

    fees = (own / "fees.csv").read_text(encoding="utf-8")
    (own / "fees.csv").write_text(fees.replace("0.0005,5,", "0.0002,5,"), encoding="utf-8")
    exchange.cache_clear()
    with pytest.raises(RunError, match="begun with another state of the exchange tables: sha256"):
        begin(config, tmp_path / "run", Dataset(data), None)
    path.write_text(json.dumps({k: v for k, v in kept.items() if k != "exchange"}), encoding="utf-8")
    begin(config, tmp_path / "run", Dataset(data), None)
