"""Estimators on recorded tapes: what they foretold of what came, against simple baselines.

- `data`: a run's beliefs, the mid and the aggressors, all at the maker's clock;
- `scores`: proper scores, the block bootstrap and the verdict, of plain arrays;
- `compare`: which belief is scored against which baseline, over which horizon;
- `run`: tapes in, runs made, scores and pages written;
- `terminal`, `page`: how it is shown.
"""
