"""Where a portfolio's excess return came from: by group, by factor, by what its books did, day by day and linked."""
