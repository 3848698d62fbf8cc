"""Strategies with faults."""
