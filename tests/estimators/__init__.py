"""Each estimator against oracles, other methods and generated worlds; one file an estimator."""
