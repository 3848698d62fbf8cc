"""Whatever is wrong becomes one line and an exit code, and nothing half-made is left."""
