"""Checks that hold of every scenario, strategy, estimator and queue model alike."""
