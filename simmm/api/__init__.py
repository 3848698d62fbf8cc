"""simmm from Python: what `import simmm` gives, one subject a file (docs/python.md)."""
