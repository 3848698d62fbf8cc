"""``simmm cache``: compiled kernels and tapes kept on disk."""

import os
import time
from pathlib import Path

import click

#: What a folder of tapes holds: tapes, marks of those that were validated, and what an interrupted
#: generation or conversion left behind.
_TAPE_FILES = (".parquet", ".valid", ".building", ".unchecked", ".tmp")


@click.command()
@click.option("--prune", "prunes", is_flag=True, help="Remove what has not been used lately.")
@click.option(
    "--older-than-days",
    type=click.FloatRange(min=0.0),
    default=30.0,
    show_default=True,
    help="With --prune: what counts as lately.",
)
def cache(prunes: bool, older_than_days: float) -> None:
    """Show or prune compiled code and kept tapes.

    Kept are compiled code and tapes that were generated or converted. Neither can be stale: the
    name of a file is a digest of all that it was made from. Removing it costs a compilation, or
    making the tape again, at the next run that needs it.
    """
    from simmm.jit import cache_folder, prune

    kernels = cache_folder()
    tapes = kernels.parent / "tapes"
    if prunes:
        removed = prune(older_than_days)
        _tell("removed compiled code", kernels, removed.files, removed.bytes)
        _tell("removed tapes", tapes, *_prune_tapes(tapes, older_than_days))
        return
    sizes = [path.stat().st_size for path in kernels.glob("*.kernel") if path.is_file()]
    _tell("compiled code", kernels, len(sizes), sum(sizes))
    sizes = [status.st_size for _, status in _tape_files(tapes)]
    _tell("tapes", tapes, len(sizes), sum(sizes))


def _tell(what: str, folder: Path, files: int, size: int) -> None:
    click.echo(f"{what}: {files} file{'s' * (files != 1)}, {size / 1e6:,.1f} MB, {folder}")


def _tape_files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Return the files that were put there, not what somebody else did; none if no folder is."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    found = []
    for path in entries:
        try:
            if path.suffix in _TAPE_FILES and path.is_file() and not path.is_symlink():
                found.append((path, path.stat()))
        except OSError:
            continue  # another process was quicker
    return found


def _prune_tapes(folder: Path, older_than_days: float) -> tuple[int, int]:
    """Remove what was neither read nor written lately; return files and bytes removed."""
    limit_s = time.time() - older_than_days * 86_400.0
    files = size = 0
    for path, status in _tape_files(folder):
        if max(status.st_atime, status.st_mtime) > limit_s:
            continue
        try:
            path.unlink()
        except OSError:
            continue
        files, size = files + 1, size + status.st_size
    return files, size
