"""The rules of the exchanges, dated, and what they let anyone trade: below labels, factors and portfolios alike."""
