"""Generators of tapes whose truth is known: one a file, each a pure function of its seed."""
