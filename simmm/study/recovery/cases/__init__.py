"""The worlds in which each estimator is tried: one file an estimator, found by its name."""
