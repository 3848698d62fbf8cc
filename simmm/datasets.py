"""Datasets: generated tapes by name, built on first use and kept in the user's cache folder.

A manifest (``datasets/manifest.yaml``) names each tape's generator, preset, parameters and seed,
and the digest that its content must have at that seed on every processor. Built tapes lie under
``$SIMMM_CACHE/tapes`` or ``~/.cache/simmm/tapes``, under a name that says all they depend on, so
an old one is never taken for a new one.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from simmm.decoding import ready
from simmm.errors import RunError, ScenarioError, TapeError
from simmm.nearest import suggestion
from simmm.tape.schema import SCHEMA_VERSION, TapeInfo, read_info

#: Called with (done, total) in seconds of tape.
Progress = Callable[[int, int], None]

MANIFEST = "manifest.yaml"


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a manifest.

    `digest` is the content's at `seed`; empty where none was recorded yet. `folder` is where the
    manifest lies.
    """

    name: str = ""
    generator: str
    preset: str = ""
    parameters: dict[str, Any] = {}
    seed: int = 1
    digest: str = ""
    description: str = ""
    folder: Path = Path()


def load_manifest(folder: str | Path) -> dict[str, Dataset]:
    """Return the datasets of the manifest in `folder`, by name, in its order.

    Raises
    ------
    ScenarioError
        Where there is none, it can't be read, or an entry is wrong: file, entry and field.
    """
    path = Path(folder) / MANIFEST
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: is not valid YAML ({_one_line(error)})") from None
    entries = content.get("datasets") if isinstance(content, dict) else None
    if not isinstance(entries, dict) or set(content) != {"datasets"}:
        raise ScenarioError(f"{path}: must hold one mapping, `datasets:`, of names to entries")
    found = {}
    for name, entry in entries.items():
        if not isinstance(name, str) or not isinstance(entry, dict):
            raise ScenarioError(f"{path}: entry {name!r} must be a name with a mapping")
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ScenarioError(f"{path}: {name!r}: names are letters, digits, - and _")
        try:
            given = {key: value for key, value in entry.items() if value is not None}
            fields = {**given, "name": name, "folder": str(folder)}
            found[name] = msgspec.convert(fields, Dataset, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise ScenarioError(f"{path}: {name}: {error}") from None
    return found


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def tapes_folder() -> Path:
    """Return the folder of built tapes: beside the compiled kernels."""
    from simmm.jit import cache_folder

    return cache_folder().parent / "tapes"


def parameters_of(dataset: Dataset) -> Any:
    """Return the parameters of a dataset's generator; `ScenarioError` where they are wrong."""
    from simmm.tape.synthetic import generators

    try:
        return generators.parameters_of(dataset.generator, dataset.preset, dataset.parameters)
    except ScenarioError as error:
        raise ScenarioError(f"{dataset.folder / MANIFEST}: {dataset.name}: {error}") from None


def cached_path(dataset: Dataset, *, seed: int | None = None) -> Path:
    """Return where the tape of a dataset lies once it is built."""
    return tapes_folder() / f"{dataset.name}-{_key(dataset, seed)}.parquet"


def tape_path(
    dataset: Dataset, *, seed: int | None = None, progress: Progress | None = None
) -> Path:
    """Return the tape of a dataset; build it if it is not there.

    Parameters
    ----------
    dataset
        An entry of a manifest.
    seed
        Of the generator; None: the manifest's.
    progress
        Called with (done, total) in seconds of tape while it is built.

    Raises
    ------
    ScenarioError
        If the entry's generator, preset or parameters are wrong.
    TapeError
        If its content is not what the manifest says.
    RunError
        If the cache folder can't be written.
    """
    path = cached_path(dataset, seed=seed)
    if path.exists():
        try:
            info = read_info(path)
        except TapeError:
            pass  # damaged: built again
        else:
            _compare(dataset, seed, info)
            return path
    build(dataset, path, seed=seed, progress=progress)
    return path


def build(
    dataset: Dataset, path: Path, *, seed: int | None = None, progress: Progress | None = None
) -> TapeInfo:
    """Build a dataset's tape into a file, whole or not at all, and check its digest."""
    info, temporary = _generate(dataset, path, seed, progress)
    try:
        _compare(dataset, seed, info)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return info


def rebuild(dataset: Dataset, progress: Progress | None = None) -> TapeInfo:
    """Build a dataset's tape at its own seed, throw it away, and return what it was."""
    with tempfile.TemporaryDirectory(prefix="simmm-") as folder:
        return _generate(dataset, Path(folder) / "tape.parquet", None, progress)[0]


def _generate(
    dataset: Dataset, path: Path, seed: int | None, progress: Progress | None
) -> tuple[TapeInfo, Path]:
    """Build a tape beside `path`; return its metadata and where it is."""
    from simmm.tape.synthetic import generators
    from simmm.tape.writer import TapeWriter

    parameters = parameters_of(dataset)
    seed = dataset.seed if seed is None else seed
    more = _other_flow(dataset, parameters, seed)
    source = {
        "dataset": dataset.name,
        "generator": dataset.generator,
        "preset": dataset.preset,
        "parameters": msgspec.to_builtins(parameters),
        "seed": seed,
    }
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.building")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{path.parent}: cannot be written ({error.strerror or error}); "
            "set SIMMM_CACHE to a folder that can"
        ) from None
    try:
        with TapeWriter(temporary, parameters.market, source=source, overwrite=True) as writer:
            generate = generators.generate_of(dataset.generator)
            writer.truth.update(generate(parameters, seed, writer, progress, **more))
        return read_info(temporary), temporary
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _compare(dataset: Dataset, seed: int | None, info: TapeInfo) -> None:
    at_own_seed = seed is None or seed == dataset.seed
    if at_own_seed and dataset.digest and info.digest != dataset.digest:
        raise TapeError(
            f"dataset {dataset.name}: the tape built has digest {info.digest[:16]}…, but "
            f"{dataset.folder / MANIFEST} says {dataset.digest[:16]}…; if its generator or "
            "parameters were changed on purpose, record the new digest with "
            f"`simmm datasets verify --update {dataset.name}`"
        )


def _followed(dataset: Dataset, parameters: Any) -> Dataset | None:
    """Return the dataset whose flow starts the cascades of this one."""
    follows = getattr(parameters, "follows", None)
    if follows is None:
        return None
    siblings = load_manifest(dataset.folder)
    if follows.dataset not in siblings or follows.dataset == dataset.name:
        raise ScenarioError(
            f"{dataset.folder / MANIFEST}: {dataset.name}: follows no dataset of this manifest: "
            f"{follows.dataset!r}{suggestion(follows.dataset, siblings)}"
        )
    other = siblings[follows.dataset]
    if getattr(parameters_of(other), "follows", None) is not None:
        raise ScenarioError(
            f"{dataset.folder / MANIFEST}: {dataset.name}: follows {other.name}, which itself "
            "follows another; only one step is possible"
        )
    return other


def _other_flow(dataset: Dataset, parameters: Any, seed: int) -> dict[str, Any]:
    """Return the other market's flow for generators that need it."""
    other = _followed(dataset, parameters)
    if other is None:
        return {}
    from simmm.tape.synthetic.other_market import signed_flow

    own_seed = other.seed if seed == dataset.seed else seed
    return {"flow_of_other": signed_flow(tape_path(other, seed=own_seed))}


def _key(dataset: Dataset, seed: int | None) -> str:
    parameters = parameters_of(dataset)
    seed = dataset.seed if seed is None else seed
    other = _followed(dataset, parameters)
    follows = "" if other is None else _key(other, None if seed == dataset.seed else seed)
    parts = (_code_version(), dataset.generator, seed, follows)
    digest = hashlib.sha256(repr(parts).encode())
    digest.update(msgspec.json.encode(parameters, order="sorted"))
    return digest.hexdigest()[:20]


@cache
def _code_version() -> str:
    """Digest of the sources that a generated tape depends on."""
    package = Path(__file__).resolve().parent
    names = sorted((package / "tape" / "synthetic").glob("*.py"))
    digest = hashlib.sha256(f"{SCHEMA_VERSION}".encode())
    for name in (*names, *(package / f"{m}.py" for m in ("math", "math_tables", "records"))):
        digest.update(name.name.encode() + b"\0" + name.read_bytes() + b"\0")
    return digest.hexdigest()


def record_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Write digests into a manifest, leaving all else in the file as it is.

    Each entry must have its `digest:` line already, with or without a value.
    """
    path = folder / MANIFEST
    name, lines = "", []
    missing = set(digests)
    for line in path.read_text(encoding="utf-8").splitlines():
        bare = line.strip()
        if line.startswith("  ") and not line.startswith("   ") and bare.endswith(":"):
            name = bare[:-1]
        if bare.startswith("digest:") and name in missing:
            line = f"{line[: len(line) - len(line.lstrip())]}digest: {digests[name]}"
            missing.discard(name)
        lines.append(line)
    if missing:
        raise ScenarioError(f"{path}: {min(missing)} has no `digest:` line to fill in")
    handle, temporary = tempfile.mkstemp(".tmp", f".{MANIFEST}.", folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.chmod(temporary, path.stat().st_mode & 0o777)
    os.replace(temporary, path)


ready(Dataset)
