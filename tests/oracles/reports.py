"""Public reports of wrong numbers in tools of this field, each tried here: the table of docs/mistakes.md.

A row: the report, what it tells of, what samgraph gives, and the test (FILE::TEST, in tests/) that holds it.
"""

from __future__ import annotations

PUBLIC = "factors/test_public_reports.py::test_"
REPORTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "quantopian/alphalens#131",
        "a factor of three values cannot be cut into five quantiles",
        "equal values share a quantile, the quantiles between are empty, the IC is there",
        PUBLIC + "equal_values_share_a_quantile_and_a_constant_factor_has_no_ic",
    ),
    (
        "quantopian/alphalens#114",
        "a factor that is the same for all stocks ends in a traceback",
        "no IC, as there is none",
        PUBLIC + "equal_values_share_a_quantile_and_a_constant_factor_has_no_ic",
    ),
    (
        "quantopian/alphalens#135",
        "a single stock ends in a traceback",
        "no IC below five stocks",
        PUBLIC + "a_single_stock_has_no_ic",
    ),
    (
        "quantopian/pyfolio#179",
        "a drawdown that begins on the first day leaves out that day's loss",
        "the starting money counts",
        PUBLIC + "a_drawdown_counts_the_first_day_and_is_a_share_of_the_peak",
    ),
    (
        "ml4t/diagnostic#56",
        "a drawdown as a distance instead of a share: -295% after 24 gains of 10% and a loss of 30%",
        "-30%",
        PUBLIC + "a_drawdown_counts_the_first_day_and_is_a_share_of_the_peak",
    ),
    (
        "ranaroussi/quantstats#226",
        "days with a time zone do not meet days without one",
        "midnights of a zone are its days; other moments are refused. A factor's file took those of UTC for days, "
        "a day early for Asia: mended",
        "samgraph/desk/test_evaluate.py::test_moments_of_another_time_zone_are_no_days",
    ),
    (
        "kernc/backtesting.py#857",
        "with less money than one lot costs every figure is NaN",
        "nothing is bought: 0%, no cost, less than the benchmark by all of its return",
        PUBLIC + "too_little_money_for_a_lot_buys_nothing_and_every_figure_is_there",
    ),
    (
        "bashtage/linearmodels#176",
        "a regressor that is the same for all stocks of a day gets a coefficient beside the constant",
        "refused: it is determined by the constant",
        PUBLIC + "a_regressor_alike_for_all_stocks_of_a_day_is_refused",
    ),
    (
        "bashtage/linearmodels#258",
        "a dummy that is 0 on some days: their coefficients become NaN, or 0, without a word",
        "those days are left out and counted",
        PUBLIC + "days_on_which_a_dummy_is_the_same_for_all_are_left_out_and_counted",
    ),
    (
        "bashtage/linearmodels#168",
        "the variance of a mean comes out negative, and its error NaN",
        "a sum of squares: never negative",
        PUBLIC + "the_error_of_an_alternating_mean_is_a_number",
    ),
    (
        "PyPortfolio/PyPortfolioOpt#479",
        "more assets than days: the covariance matrix is singular",
        "positive definite with 300 factors over 80 days",
        PUBLIC + "a_covariance_of_more_factors_than_days_is_positive_definite",
    ),
    (
        "pandas-dev/pandas#46049",
        "a rolling deviation of equal values is not 0, by what was before them",
        "it was 1e-9 for 0.1 in every cell, though not by what was before: mended",
        "factors/signals/test_rolling.py::test_equal_values_do_not_vary_whatever_was_before_them",
    ),
    (
        "pandas-dev/pandas#60053",
        "a rolling deviation depends on the day on which the series begins",
        "it depends on its window alone, to the last bit",
        "audit/test_mended.py::test_a_trailing_sum_does_not_depend_on_how_many_days_follow",
    ),
    (
        "waditu/tushare#932",
        "adjustment factors of 1 for three years between 6.285 and 18.87",
        "it passed without a word, as returns of -84% and +1,787%: a run warns now, with stock, day and count",
        "samgraph/outcome/test_adjustments.py::test_a_factor_that_falls_to_1_and_comes_back_is_told_with_its_first_day",
    ),
    (
        "waditu/tushare#1505",
        "the adjustment factor of a day is missing",
        "that day's return is missing; no holding is halved",
        "factors/portfolio/test_portfolio.py::test_a_missing_factor_on_an_ex_day_halves_nothing",
    ),
    (
        "waditu/tushare#546",
        "several bars of one stock on one day, with other prices",
        "all of them are left out and listed",
        "graph/check/test_checks.py::test_bars_that_cannot_be_used_are_listed_and_left_out",
    ),
    (
        "quantopian/zipline#1799",
        "a split changes the portfolio's value",
        "it does not, and not while the stock is suspended either",
        "factors/portfolio/test_portfolio.py::test_a_split_while_suspended_changes_nothing_until_the_stock_trades_again",
    ),
    (
        "quantOS-org/JAQS#46",
        "a run ends where a stock that it holds is delisted",
        "it is paid out at the recovery that the settings state, and counted",
        "factors/portfolio/test_portfolio.py::test_a_delisted_holding_is_written_off_at_its_recovery_and_not_a_day_earlier",
    ),
    (
        "microsoft/qlib#913",
        "whether a stock at its limit is bought",
        "it is not, and its day has no label either",
        "factors/portfolio/test_portfolio_limits.py::test_a_purchase_at_the_limit_is_blocked_and_has_no_label",
    ),
    (
        "lightgbm-org/LightGBM#4102",
        "columns in another order than in training are scored without a word",
        "a fit is bound to its features in their order, and refused with others",
        "samgraph/arms/test_arms.py::test_parameters_fitted_with_other_settings_are_refused",
    ),
    (
        "neo4j/neo4j-python-driver#306",
        "a moment read from the server is not found when asked for",
        "moments go in UTC and come back equal",
        "graph/db/test_connection.py::test_times_come_back_as_pythons_at_any_depth",
    ),
)
