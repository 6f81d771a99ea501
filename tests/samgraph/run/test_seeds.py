"""Seeds count alike, whatever the spread of their scores, and the split still adds up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from samgraph.run.seeds import averaged, standardised

PARTS = ["concept", "hidden", "individual", "score"]


def made(scales: dict[int, float]) -> pd.DataFrame:
    """Two days of five stocks; each seed's scores are drawn anew and spread by its scale."""
    rng = np.random.default_rng(1)
    frames = []
    for seed, scale in scales.items():
        for date in pd.bdate_range("2024-01-01", periods=2):
            parts = pd.DataFrame(scale * rng.normal(size=(5, 3)), columns=PARTS[:3])
            frames.append(
                parts.assign(score=parts.sum(axis=1) + 0.7, seed=seed, date=date, company_id=list("BADCE"))
            )
    return pd.concat(frames, ignore_index=True)


def test_two_stocks_by_hand() -> None:
    one = pd.DataFrame({"seed": 0, "date": pd.Timestamp("2024-01-01"), "company_id": ["A", "B"]})
    one = one.assign(concept=[1.0, 0.0], hidden=[0.0, 0.0], individual=[3.0, 0.0], score=[4.0, 0.0])
    found = averaged(
        pd.concat([one, one.assign(seed=1, concept=[0.0, 20.0], individual=0.0, score=[0.0, 20.0])])
    )
    assert found["company_id"].tolist() == ["A", "B"]
    # seed 0: score +1, -1 (deviation 2), concept +0.25, -0.25; seed 1: score and concept -1, +1
    assert found["score"].tolist() == [0.0, 0.0]
    assert found["concept"].tolist() == [-0.375, 0.375] and found["individual"].tolist() == [0.375, -0.375]


def test_a_seed_whose_scores_spread_wider_does_not_count_for_more() -> None:
    plain = averaged(made({0: 1.0, 1: 1.0}).assign(score=lambda t: t["score"]))
    wide = made({0: 1.0, 1: 1.0})
    wide.loc[wide["seed"] == 1, PARTS] *= 1000.0
    pd.testing.assert_frame_equal(averaged(wide), plain)


def test_parts_add_up_to_the_score_and_each_day_has_mean_0_and_deviation_1() -> None:
    table = standardised(made({0: 0.01, 3: 5.0}))
    np.testing.assert_allclose(table[PARTS[:3]].sum(axis=1), table["score"], atol=1e-12)
    by_day = table.groupby(["seed", "date"])["score"]
    np.testing.assert_allclose(by_day.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(by_day.std(ddof=0), 1.0)
    mean = averaged(made({0: 0.01, 3: 5.0}))
    np.testing.assert_allclose(mean[PARTS[:3]].sum(axis=1), mean["score"], atol=1e-12)


def test_the_order_of_one_seed_s_day_stays_and_equal_scores_say_nothing() -> None:
    one = made({0: 2.0})
    found = one.merge(averaged(one), on=["date", "company_id"], suffixes=("_raw", ""))
    for _, day in found.groupby("date"):
        assert day["score"].rank().tolist() == day["score_raw"].rank().tolist()
    flat = one.assign(score=0.3)
    assert (standardised(flat)[PARTS] == 0).all(axis=None)


def test_a_stock_that_a_seed_lacks_has_the_mean_of_the_others() -> None:
    both = made({0: 1.0, 1: 1.0})
    fewer = both[~((both["seed"] == 1) & (both["company_id"] == "E"))]
    found = averaged(fewer).set_index(["date", "company_id"])["score"]
    alone = averaged(both[both["seed"] == 0]).set_index(["date", "company_id"])["score"]
    day = both["date"].iloc[0]
    assert found[day, "E"] == pytest.approx(alone[day, "E"])
