"""Price limits as portfolios meet them: those of `samgraph.exchange.limits`."""

from samgraph.exchange.limits import at_limit, board_rates

__all__ = ["at_limit", "board_rates"]
