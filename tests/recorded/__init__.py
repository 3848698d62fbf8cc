"""Backtests on recorded tapes, where there are any."""
