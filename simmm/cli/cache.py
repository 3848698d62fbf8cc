"""``simmm cache``: the compiled kernels kept on disk."""

import click


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
    """Show or prune the cache of compiled code.

    It can never be stale: the name of an entry is a digest of all that it was compiled from.
    Removing it costs a compilation at the next run.
    """
    from simmm.jit import cache_folder, prune

    folder = cache_folder()
    if prunes:
        removed = prune(older_than_days)
        click.echo(f"removed {removed.files} files, {removed.bytes / 1e6:.1f} MB, from {folder}")
        return
    files = [path for path in folder.glob("*.kernel") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    click.echo(f"{folder}: {len(files)} files, {size / 1e6:.1f} MB")
