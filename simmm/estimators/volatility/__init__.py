"""Volatility: how far the price moves, whether it jumps, and what state it is in."""
