"""Intensity: how often aggressors come and how deep they reach, by the market's and own fills."""
