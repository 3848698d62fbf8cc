"""Paper sessions: the same decisions as a backtest, whatever is done to them on the way."""
