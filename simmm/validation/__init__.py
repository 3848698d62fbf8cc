"""Scores simulated fills against what really happened to real orders."""
