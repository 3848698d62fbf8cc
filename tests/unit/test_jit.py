"""The compilation's owner, within one process: callbacks, damage, pruning, settings."""

import os
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest

from simmm import jit

compiling_only = pytest.mark.skipif(jit.INTERPRETED, reason="nothing compiles in this mode")


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """An empty cache for this test, and what the callbacks are told."""
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "_noticed", set())
    lists: dict[str, list[str]] = {"compiling": [], "notice": []}
    monkeypatch.setattr(jit._Callbacks, "compiling", None)
    monkeypatch.setattr(jit._Callbacks, "notice", None)
    jit.on_compile(lists["compiling"].append)
    jit.on_notice(lists["notice"].append)
    return lists


def linked(step: float) -> Callable[[np.ndarray], float]:
    @jit.compiled
    def total(x):  # type: ignore[no-untyped-def]
        result = 0.0
        for i in range(x.size):
            result += x[i] + step
        return result

    return total


THREE = np.arange(3.0)


@compiling_only
def test_the_caller_hears_before_a_compilation_and_not_of_a_hit(
    heard: dict[str, list[str]],
) -> None:
    assert linked(1.0)(THREE) == 6.0
    assert linked(1.0)(THREE) == 6.0
    assert linked(2.0)(THREE) == 9.0
    assert heard == {"compiling": ["total", "total"], "notice": []}


@compiling_only
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_damaged_artefact_is_made_again(heard: dict[str, list[str]], damage: str) -> None:
    linked(3.0)(THREE)
    (path,) = jit.cache_folder().iterdir()
    whole = bytearray(path.read_bytes())
    if damage == "flipped":
        whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes({"empty": b"", "cut": whole[:-9], "flipped": whole}[damage]))
    assert linked(3.0)(THREE) == 12.0
    assert len(heard["notice"]) == 1
    assert path.name in heard["notice"][0]
    assert linked(3.0)(THREE) == 12.0
    assert len(heard["compiling"]) == 2


@compiling_only
def test_a_folder_that_cannot_be_written_costs_one_line(
    heard: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path / "file" / "below"))
    assert linked(4.0)(THREE) == 15.0
    assert linked(5.0)(THREE) == 18.0
    assert len(heard["notice"]) == 1
    assert "SIMMM_CACHE" in heard["notice"][0]


@compiling_only
def test_a_full_disk_leaves_nothing_half_written(
    heard: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        assert linked(6.0)(THREE) == 21.0
    assert list(jit.cache_folder().iterdir()) == []
    assert "No space left" in heard["notice"][0]


@compiling_only
def test_an_entry_that_takes_a_function_is_not_kept(heard: dict[str, list[str]]) -> None:
    """A function's type prints an address, which could be another's in the next process."""

    @jit.compiled
    def apply(function, x):  # type: ignore[no-untyped-def]
        return function(x)

    assert apply(numba.njit(lambda x: x + 1.0), 2.0) == 3.0
    assert not any("apply" in path.name for path in jit.cache_folder().glob("*"))
    assert len(heard["notice"]) == 1


@compiling_only
def test_prune_removes_what_was_not_used_lately(heard: dict[str, list[str]]) -> None:
    day_s = 86_400.0
    linked(7.0)(THREE)
    linked(8.0)(THREE)
    old, young = sorted(jit.cache_folder().iterdir())
    stray = jit.cache_folder() / f"{young.name}.12ab.tmp"
    stray.write_bytes(b"123")
    foreign = jit.cache_folder() / "notes.txt"
    foreign.write_text("")
    for path, at_s in ((old, 10 * day_s), (young, 99 * day_s), (stray, 5.0), (foreign, 5.0)):
        os.utime(path, (at_s, at_s))
    size = old.stat().st_size
    assert jit.prune(30.0, now_s=100 * day_s) == (2, size + 3)
    assert sorted(jit.cache_folder().iterdir()) == sorted([young, foreign])
    linked(7.0)(THREE)  # one of the two is found, and then counts as used
    linked(8.0)(THREE)
    assert jit.prune(30.0) == (0, 0)


@compiling_only
def test_indices_of_a_loaded_file_can_be_checked(
    heard: dict[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "beside.py").write_text("def take(x, i):\n    return x[i]\n")

    def entry(name: str, boundscheck: bool) -> Callable[[np.ndarray], float]:
        file = tmp_path / f"{name}.py"
        file.write_text("from beside import take\ndef last(x):\n    return take(x, x.size)\n")
        last = jit.load_kernels(file, boundscheck).last

        @jit.compiled
        def run(x):  # type: ignore[no-untyped-def]
            return last(x)

        return run

    free, checked = entry("free", False), entry("checked", True)
    assert free(np.arange(4.0)[:3]) == 3.0
    with pytest.raises(IndexError):
        checked(np.arange(4.0)[:3])
    assert jit.code_digest(free) != jit.code_digest(checked)


def test_pruning_no_cache_is_no_error(heard: dict[str, list[str]]) -> None:
    assert jit.prune() == (0, 0)


@compiling_only
def test_other_libraries_keep_their_own_caching(
    heard: dict[str, list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "other.py"
    file.write_text("import numba\n@numba.njit(cache=True)\ndef f(x):\n    return x + 1\n")
    other = jit.load_module(file).f
    assert other(1) == 2
    assert Path(other.stats.cache_path) == tmp_path / "__pycache__"
    assert not jit.cache_folder().exists()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"SIMMM_CACHE": "/s", "XDG_CACHE_HOME": "/x"}, "/s/kernels"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/simmm/kernels"),
        ({"XDG_CACHE_HOME": "not/absolute"}, "/h/.cache/simmm/kernels"),
        ({}, "/h/.cache/simmm/kernels"),
    ],
)
def test_cache_folder(
    variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SIMMM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/h"} | variables).items():
        monkeypatch.setenv(name, value)
    assert jit.cache_folder() == Path(folder)


def test_optimisation_level_survives_a_change_of_numba_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert numba.config.OPT == 2  # type: ignore[attr-defined]
    monkeypatch.setenv("NUMBA_NUMBA_TEST_VARIABLE", "1")
    numba.config.reload_config()
    assert numba.config.OPT == 2  # type: ignore[attr-defined]


def test_records_have_fields_as_attributes_at_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    level = np.dtype([("px", "i8"), ("qty", "i8")])
    state = np.zeros(2, np.dtype([("best", level), ("levels", level, (3,)), ("h", "u8")]))
    assert jit.INTERPRETED or jit.records(state) is state
    monkeypatch.setattr(jit, "INTERPRETED", True)
    view = jit.records(state)
    record = view[1]
    record.best.px = 5
    record.levels[2].qty = 7
    record.h = 2**64 - 1
    assert state[1]["best"]["px"] == 5
    assert state[1]["levels"][2]["qty"] == 7
    assert int(record.h) == 2**64 - 1
