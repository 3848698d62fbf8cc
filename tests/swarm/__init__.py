"""Drawn scenarios on which the engine and the independent oracle must agree."""
