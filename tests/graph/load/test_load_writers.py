"""Two writers, readers meanwhile, and loads that fail while they write."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading

import pytest
from oracles import dump, small
from oracles import sells as oracle

from samgraph.errors import GraphError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db import ledger
from samgraph.graph.db.failures import CutError
from samgraph.graph.load import load as loading
from samgraph.graph.load.load import load


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "data", small.tables())


def made(tmp_path, tables, name="data"):
    return Dataset(small.rewrite(tmp_path / name, tables))


def test_a_second_load_at_the_same_time_is_refused(graph, folder, monkeypatch):
    monkeypatch.setattr(ledger, "_LOCK_SECONDS", 3.0)
    load(graph, Dataset(folder))
    with ledger.writing(graph), pytest.raises(GraphError, match=r"another load is writing .* wait"):
        load(graph, Dataset(folder))
    load(graph, Dataset(folder))


def test_readers_see_the_graph_of_before_until_the_commit(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    tables = small.tables()
    tables["segments"][0]["weight"] = "0.1"
    t = dt.date(2021, 4, 30)
    before = dump.sold(graph.address, t)
    seen = []
    load(graph, made(tmp_path, tables), progress=lambda n: seen.append((n, dump.sold(graph.address, t))))
    assert seen and all(answer == before for _, answer in seen)
    assert sum(n for n, _ in seen) == 1
    assert dump.sold(graph.address, t) == oracle.expected(tables["segments"], t)


def test_a_load_that_fails_while_writing_is_undone_by_the_next(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    before = dump.everything(graph.address)
    tables = small.tables()
    tables["segments"][0]["weight"] = "0.1"
    tables["companies"].append({"company_id": "D", "name": "Delta"})
    tables["segments"].append(small.span("D", "food", "2021-01-01", "", 1.0))

    def fail(_: int) -> None:
        raise RuntimeError("the client dies here")

    with pytest.raises(RuntimeError):
        load(graph, made(tmp_path, tables, "other"), progress=fail)
    assert dump.everything(graph.address) != before  # it did write something
    assert load(graph, Dataset(folder)).moment is None
    assert dump.everything(graph.address) == before


def cut_writing(gets_through):
    """`writing` whose connection is cut in every commit; in one of them it has got through, and nobody hears of it."""
    tries = []

    @contextlib.contextmanager
    def cut(graph):
        tries.append(len(tries) + 1)
        with contextlib.ExitStack() as stack:
            writer = stack.enter_context(ledger.writing(graph))
            yield writer
            if tries[-1] == gets_through:
                stack.close()
            raise CutError("the connection was cut")

    return cut, tries


@pytest.mark.parametrize("gets_through", [1, 3])
def test_a_load_whose_commit_got_through_unheard_has_loaded_once(graph, folder, monkeypatch, gets_through):
    cut, tries = cut_writing(gets_through)
    monkeypatch.setattr(loading, "writing", cut)
    report = load(graph, Dataset(folder))
    assert len(tries) == gets_through
    assert report.moment == ledger.committed_moment(graph) is not None
    assert len(ledger.past_loads(graph)) == 1


def test_a_load_that_is_cut_every_time_says_so_and_leaves_the_graph_of_before(graph, folder, monkeypatch):
    cut, tries = cut_writing(None)
    monkeypatch.setattr(loading, "writing", cut)
    with pytest.raises(CutError):
        load(graph, Dataset(folder))
    assert len(tries) == loading.TRIES and ledger.past_loads(graph) == []


def test_two_loads_started_together_both_end_in_whole_states(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    tables = small.tables()
    tables["segments"][0]["weight"] = "0.1"
    other = made(tmp_path, tables)
    outcome = []

    def run(dataset):
        try:
            outcome.append(load(graph, dataset))
        except GraphError as refused:
            outcome.append(refused)

    threads = [threading.Thread(target=run, args=(one,)) for one in (other, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = [one.moment for one in outcome if not isinstance(one, GraphError) and one.moment]
    assert len(outcome) == 2 and len(moments) == 1
    t = dt.date(2021, 4, 30)
    assert dump.sold(graph.address, t) == oracle.expected(tables["segments"], t)


def test_a_load_that_lost_its_lock_while_another_went_on_writes_no_more(graph, folder, tmp_path):
    load(graph, Dataset(folder))
    slow, quick = small.tables(), small.tables()
    slow["products"][5]["parent_id"] = "root"  # a batch of CHILD_OF before that of SELLS
    slow["segments"][0]["weight"] = "0.1"
    quick["segments"][5]["weight"] = "0.2"
    overtaken = made(tmp_path, slow, "slow")
    moments = []

    def lose_the_lock(_: int) -> None:
        """As a server does whose limit for transactions has passed; the load's connections live on."""
        if not moments:
            with dump.session(graph.address) as s:
                ids = s.run(
                    "SHOW TRANSACTIONS YIELD transactionId AS id, currentQuery AS now WHERE NOT now STARTS WITH 'SHOW' "
                    "RETURN collect(id)"
                ).single()
                s.run("TERMINATE TRANSACTIONS $ids", ids=ids.value()).consume()
            moments.append(load(graph, made(tmp_path, quick, "quick")).moment)

    with pytest.raises(GraphError, match=r"lost its right to write .* load again"):
        load(graph, overtaken, progress=lose_the_lock)
    assert ledger.committed_moment(graph) == moments[0]
    for t in (dt.date(2021, 4, 30), dt.date(2021, 6, 1)):
        assert dump.sold(graph.address, t) == oracle.expected(quick["segments"], t)
    with dump.session(graph.address) as s:
        assert (
            s.run("MATCH ()-[r]->() WHERE r.recorded_from > $m RETURN count(r)", m=moments[0])
            .single()
            .value()
            == 0
        )
        parents = s.run(
            "MATCH (:Product {product_id: 'solar'})-[r:CHILD_OF]->(p) "
            "WHERE r.recorded_to.year = 9999 RETURN p.product_id"
        )
        assert parents.value() == ["energy"]
    assert load(graph, overtaken).moment > moments[0]
    t = dt.date(2021, 4, 30)
    assert dump.sold(graph.address, t) == oracle.expected(slow["segments"], t)
