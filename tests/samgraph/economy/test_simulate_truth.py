"""What was planted in a simulated economy is found in its tables, and with signal 0 there is nothing to find."""

import numpy as np
import pytest
from oracles import made

from samgraph.economy.parameters import Parameters
from samgraph.economy.simulate import make

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def planted() -> list[made.Made]:
    return [made.read(make(Parameters(seed=seed))) for seed in SEEDS]


@pytest.fixture(scope="module")
def empty() -> list[made.Made]:
    return [made.read(make(Parameters(seed=seed, signal=0.0))) for seed in SEEDS]


def own_shock(read: made.Made) -> np.ndarray:
    """Today's fall: minus the day's return beside that of the mean member."""
    used = read.member & read.bars["tradable"] & np.isfinite(read.returns)
    mean = np.where(used, read.returns, 0.0).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    return np.where(used, mean[:, None] - read.returns, np.nan)


def peers(read: made.Made, window: int = 40) -> np.ndarray:
    """The same as `product_lead` with industry labels: the trailing return of the others in the sector."""
    returns = np.nan_to_num(np.where(read.member, read.returns, 0.0))
    out = np.full(returns.shape, np.nan)
    trailing = np.cumsum(returns, axis=0)
    trailing[window:] -= trailing[:-window].copy()
    for t in range(window, len(returns)):
        same = (read.sector[t][:, None] == read.sector[t][None, :]) & read.member[t][None, :]
        np.fill_diagonal(same, False)
        out[t] = same @ trailing[t] / np.maximum(same.sum(axis=1), 1)
    return out


def test_the_planted_premia_are_earned(planted: list[made.Made]) -> None:
    slopes, errors = [], []
    for read in planted:
        truth = read.economy.truth
        months = np.array(truth["premia"]["months"], dtype="datetime64[M]")
        families, mixes = made.reported_mixes(read)
        everyone = np.ones(len(read.stocks), dtype=bool)
        daily = made.family_returns(read, families, mixes, who=everyone)
        premia = np.array([truth["premia"]["by_family"][family] for family in families]).T
        row = np.searchsorted(months, read.days.astype("datetime64[M]"))
        x = premia[row] - premia[row].mean(axis=1, keepdims=True)
        y = daily - daily.mean(axis=1, keepdims=True)
        slope = (x * y).sum() / (x * x).sum()
        slopes.append(slope)
        errors.append((((y - slope * x) * x) ** 2).sum() ** 0.5 / (x * x).sum())
    weight = 1 / np.square(errors)
    slope, error = np.average(slopes, weights=weight), weight.sum() ** -0.5
    # Late and wrong reports and the ridge take something off the full slope of 1.
    assert slope > 4 * error
    assert slope + 3 * error > 0.5
    assert slope - 3 * error < 1.1


def test_small_companies_follow_the_large_ones_of_their_products(
    planted: list[made.Made], empty: list[made.Made]
) -> None:
    def following(read: made.Made, small: bool) -> float:
        """Mean IC between what large companies show of the products in 20 days and the next 20 days."""
        cap = np.nan_to_num(read.bars["market_cap"][0], nan=0.0)
        order = cap.argsort().argsort() / len(cap)
        families, mixes = made.reported_mixes(read)
        daily = made.family_returns(read, families, mixes, who=order > 0.6)
        who = order < 0.4 if small else order > 0.75
        forward = read.forward(20)
        ics = []
        for t in range(40, len(read.days) - 22, 21):
            factor = mixes[t - t % 21] @ daily[t - 19 : t + 1].sum(axis=0)
            ok = who & read.member[t] & np.isfinite(forward[t])
            ics.append(np.corrcoef(factor[ok], forward[t, ok])[0, 1])
        return float(np.mean(ics))

    small = [following(read, True) for read in planted]
    assert np.mean(small) > 0.04
    assert np.mean(small) > np.mean([following(read, False) for read in planted])
    assert abs(np.mean([following(read, True) for read in empty])) < 0.04
    slow = planted[0].economy.truth["slow_share"]
    cap = planted[0].bars["market_cap"][0]
    known = np.isfinite(cap)
    share = np.array([slow[c] for c in planted[0].stocks])
    assert np.corrcoef(np.log(cap[known]), share[known])[0, 1] < -0.9
    assert set(empty[0].economy.truth["slow_share"].values()) == {0.0}


def test_own_shocks_are_partly_given_back_within_days(planted: list[made.Made]) -> None:
    for read in planted:
        factor = made.neutral(own_shock(read), read)
        at_1, t = made.rank_ic(factor, read.forward(1), lags=1)
        at_20, _ = made.rank_ic(factor, read.forward(20), lags=20)
        assert 0.03 < at_1 < 0.12
        assert t > 8
        assert at_20 < 0.7 * at_1


def test_products_predict_more_at_20_days_than_at_1_and_more_than_industries(
    planted: list[made.Made],
) -> None:
    for read in planted:
        product = made.neutral(made.product_lead(read), read)
        industry = made.neutral(peers(read), read)
        at_1, _ = made.rank_ic(product, read.forward(1), lags=1)
        at_20, t = made.rank_ic(product, read.forward(20), lags=20)
        of_industry, _ = made.rank_ic(industry, read.forward(20), lags=20)
        assert t > 2
        assert at_20 > 1.3 * at_1
        assert at_20 > of_industry
        assert at_20 < 0.2  # nobody would believe more


def test_without_signal_nothing_predicts_a_return(empty: list[made.Made]) -> None:
    found = {}
    for seed, read in zip(SEEDS, empty, strict=True):
        returns = np.nan_to_num(read.returns)
        trailing = np.cumsum(returns, axis=0)
        trailing[20:] -= trailing[:-20].copy()
        factors = {
            "product": made.product_lead(read),
            "industry": peers(read),
            "reversal": own_shock(read),
            "momentum": np.where(np.arange(len(returns))[:, None] < 20, np.nan, trailing),
        }
        for name, raw in factors.items():
            factor = made.neutral(raw, read)
            for horizon in (1, 5, 20):
                found[name, horizon, seed] = made.rank_ic(factor, read.forward(horizon), horizon)[1]
    assert max(np.abs(list(found.values()))) < 4, found
    # Nor in the mean over the economies: a small bias that no single one shows would add up.
    for name in ("product", "industry", "reversal", "momentum"):
        mean = np.mean([t for key, t in found.items() if key[:2] == (name, 1)])
        assert abs(mean) * np.sqrt(len(SEEDS)) < 3.5, (name, found)
    assert not np.any(list(empty[0].economy.truth["premia"]["by_family"].values()))


def test_members_of_a_hidden_group_move_together_beyond_their_products(planted: list[made.Made]) -> None:
    read = planted[0]
    families, mixes = made.reported_mixes(read)
    everyone = np.ones(len(read.stocks), dtype=bool)
    daily = made.family_returns(read, families, mixes, who=everyone)
    returns = np.nan_to_num(-own_shock(read))
    for t in range(1, len(returns)):
        returns[t] -= mixes[t - t % 21] @ daily[t]
    together = np.corrcoef(returns.T)
    groups = read.economy.truth["hidden_groups"]
    assert len(groups) == 4
    inside = np.zeros(together.shape, dtype=bool)
    for members in groups.values():
        rows = [read.stocks.index(company) for company in members]
        inside[np.ix_(rows, rows)] = True
    np.fill_diagonal(inside, False)
    outside = ~inside & ~np.eye(len(together), dtype=bool)
    assert together[inside].mean() > 0.15
    assert abs(together[outside].mean()) < 0.03
    # No table names them: the groups' members share neither industry nor products more than others do.
    same_sector = read.sector[0][:, None] == read.sector[0][None, :]
    assert abs(same_sector[inside].mean() - same_sector[outside].mean()) < 0.08
