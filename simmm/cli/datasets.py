"""``simmm datasets``: list, build and verify generated tapes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simmm.datasets import Dataset, Progress


@click.group("datasets")
def datasets_group() -> None:
    """List, build and verify generated tapes.

    Datasets are named in datasets/manifest.yaml, of your project and of what ships with simmm.
    """


@datasets_group.command("list")
def list_datasets() -> None:
    """Show every dataset, and whether its tape is built."""
    from rich.console import Console
    from rich.table import Table

    from simmm.datasets import cached_path
    from simmm.errors import TapeError
    from simmm.tape.schema import read_info

    table = Table(box=None, pad_edge=False)
    for name in ("name", "generator", "preset", "built", "rows", "hours", "seed", "digest"):
        right = name in ("rows", "hours", "seed")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    about = []
    for dataset in _all().values():
        cells = ["no", "", ""]
        try:
            info = read_info(cached_path(dataset))
            hours = (info.last_ts - info.first_ts) / 3.6e12
            cells = ["yes", f"{info.rows:,}", f"{hours:.2f}"]
        except TapeError:
            pass
        table.add_row(
            dataset.name,
            dataset.generator,
            dataset.preset,
            *cells,
            str(dataset.seed),
            dataset.digest[:8],
        )
        about.append(f"  {dataset.name}: {dataset.description}")
    console = Console(highlight=False, soft_wrap=True)
    needed = console.measure(table, options=console.options.update(max_width=400)).maximum
    console.print(table, width=max(console.width, needed))  # names are never cut
    console.print()
    console.print("\n".join(about))


@datasets_group.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--seed", type=int, metavar="N", help="Another seed than the manifest's.")
def build_datasets(names: tuple[str, ...], seed: int | None) -> None:
    """Build tapes that are not there yet: those named, or all."""
    from simmm.datasets import cached_path, tape_path

    for dataset in _chosen(names):
        there = cached_path(dataset, seed=seed).exists()
        with _bar(dataset.name) as progress:
            path = tape_path(dataset, seed=seed, progress=progress)
        click.echo(f"{dataset.name}: {'there already' if there else 'built'}, {path}")


@datasets_group.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--presets", is_flag=True, help="Compare presets with the recordings' statistics.")
@click.option("--update", is_flag=True, help="Write the digests found into the manifest.")
def verify(names: tuple[str, ...], presets: bool, update: bool) -> int:
    """Build tapes again, compare digests with the manifest.

    NAMES are datasets; without them, all. What is built is thrown away.
    """
    if presets:
        return _verify_presets()
    from simmm.datasets import rebuild, record_digests
    from simmm.errors import TapeError

    wrong: list[str] = []
    found: dict[Path, dict[str, str]] = {}
    for dataset in _chosen(names):
        with _bar(dataset.name) as progress:
            digest = rebuild(dataset, progress).digest
        if digest == dataset.digest:
            click.echo(f"{dataset.name}: digest {digest[:16]}… as in the manifest")
            continue
        said = f"{dataset.digest[:16]}…" if dataset.digest else "none"
        click.echo(f"{dataset.name}: digest {digest[:16]}…, the manifest says {said}")
        wrong.append(dataset.name)
        found.setdefault(dataset.folder, {})[dataset.name] = digest
    if update:
        for folder, digests in found.items():
            record_digests(folder, digests)
        click.echo(f"{len(wrong)} digests written")
    elif wrong:
        raise TapeError(
            f"{len(wrong)} datasets differ from the manifest: {', '.join(wrong)}; "
            "after a change on purpose run it again with --update"
        )
    return 0


def _verify_presets() -> int:
    """Print presets beside the recordings; return 1 if a figure is out of bounds."""
    from rich.console import Console
    from rich.table import Table

    from simmm.tape.synthetic.comparison import compare_presets

    console = Console(highlight=False, soft_wrap=True)
    wrong = 0
    with _bar("presets") as progress:
        results = compare_presets(progress=progress)
    for name, lines in results:
        table = Table(name, box=None, pad_edge=False)
        for column in ("generated", "recorded", "bounds"):
            table.add_column(column, justify="right")
        table.add_column("")
        for line in lines:
            low, high = line.bounds
            table.add_row(
                line.label,
                f"{line.generated:.4g}",
                f"{line.recorded:.4g}",
                f"{low:.4g} .. {high:.4g}",
                "" if line.holds else "out of bounds",
            )
            wrong += not line.holds
        console.print(table)
        console.print()
    console.print(f"{wrong} figures out of bounds")
    return 1 if wrong else 0


def _all() -> "dict[str, Dataset]":
    """Return every dataset by name; a project's own come first."""
    from simmm.datasets import MANIFEST, load_manifest
    from simmm.places import folders

    found: dict[str, Dataset] = {}
    for folder in folders("datasets"):
        if (folder / MANIFEST).is_file():
            for name, dataset in load_manifest(folder).items():
                found.setdefault(name, dataset)
    return found


def _chosen(names: tuple[str, ...]) -> "list[Dataset]":
    from simmm.errors import ScenarioError
    from simmm.nearest import suggestion

    known = _all()
    for name in names:
        if name not in known:
            raise ScenarioError(f"no dataset {name!r}{suggestion(name, known)}")
    return [known[name] for name in names or known]


@contextmanager
def _bar(name: str) -> "Iterator[Progress | None]":
    """Give a progress callback that draws a bar on stderr, or None where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from simmm.cli.bars import Bars

    with Bars(show=True) as bars:
        yield lambda done, total: bars.update(name, done, total)
