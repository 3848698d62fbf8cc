"""Files from anywhere as modules."""

import os
import sys
from pathlib import Path

import pytest

from simmm import jit


def test_a_changed_file_is_a_new_module_of_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "maker.py"
    file.write_text("VALUE = 1\n")
    status = file.stat()
    first = jit.load_module(file)
    file.write_text("VALUE = 2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = jit.load_module(tmp_path / "." / "maker.py")
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert first.__name__ == second.__name__
    assert sys.modules[second.__name__] is second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maker.py"]


def test_a_file_that_fails_leaves_the_older_module(tmp_path: Path) -> None:
    file = tmp_path / "maker.py"
    file.write_text("VALUE = 1\n")
    first = jit.load_module(file)
    file.write_text("VALUE = = 2\n")
    with pytest.raises(SyntaxError, match=r"maker\.py, line 1"):
        jit.load_module(file)
    assert sys.modules[first.__name__] is first
    with pytest.raises(FileNotFoundError):
        jit.load_module(tmp_path / "nothing.py")


def test_files_beside_it_are_found_only_while_it_loads(tmp_path: Path) -> None:
    (tmp_path / "maker.py").write_text("import beside_a, beside_b\nX = beside_a.X + beside_b.X\n")
    (tmp_path / "beside_a.py").write_text("from beside_b import X as Y\nX = Y + 1\n")
    (tmp_path / "beside_b.py").write_text("X = 1\n")
    module = jit.load_module(tmp_path / "maker.py")
    assert module.X == 3
    assert "beside_a" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        __import__("beside_a")
