"""simmm: the market maker's wind tunnel."""

__version__ = "0.1.0"
