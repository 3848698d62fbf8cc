"""An independent, slow model of a whole run, written from docs/architecture.md alone."""
