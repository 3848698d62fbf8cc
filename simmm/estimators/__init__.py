"""Estimators: what the maker believes, from what, and how sure it is.

One estimator a file, in four families: `volatility`, `intensity`, `flow`, `outcomes`. A file holds

- ``ROW``: its number in the catalogue, such as ``"E6"``;
- ``State``: dtype of all it remembers (8-byte fields, bounded);
- ``PARAMETERS``: `declare.parameters`, every number that isn't mathematics;
- ``RULES``, if there are any: what parameters have to fulfil together, each a `declare.Rule`;
- ``BELIEFS``: what it writes, each a `declare.Belief` with unit and law of its interval;
- ``READS``: names of beliefs of other estimators that it uses;
- ``HEARS``: kinds of observations that `update` wants (`observation.py`);
- ``SILENCE``: what its beliefs do while nothing is heard, ``"hold"`` or ``"prior"``; intervals
  widen meanwhile (`silence.py`), but for those of
- ``TIMELESS``, if there are any: by belief, why time doesn't change what is known of it;
- ``APPROXIMATE``: empty, or why its 95 % interval can't cover as often as it says, with the figure;
- kernels ``start(s, p, key)``, ``update(s, p, o, b)``, ``read(s, p, now, b)``.

`catalogue.py` finds the files and orders them by what reads what; `stack.py` lets them hear.
"""
