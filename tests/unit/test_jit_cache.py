"""Machine code on disk is never stale, and never in the way."""

import fcntl
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from simmm import compile_estimators, jit

ROOT = Path(jit.__file__).parents[1]
compiling_only = pytest.mark.skipif(jit.INTERPRETED, reason="nothing compiles in this mode")

# A small project: an engine with a callee and constants elsewhere, and a strategy with a helper
# file beside it, whose constant is two imports away.
FILES = {
    "engine/constants.py": """
        import os
        import numpy as np
        SCALE = 2.0
        OFFSET = 0.25
        LOT = float(os.environ["LOT"])
        WEIGHTS = np.array([1.0, 3.0])
        State = np.dtype([("total", "f8"), ("steps", "i8")], align=True)
        """,
    "engine/callee.py": """
        from simmm.jit import kernel
        from engine import constants
        from engine.constants import SCALE, WEIGHTS

        @kernel
        def weigh(x):
            return x * SCALE * WEIGHTS[1] + constants.OFFSET
        """,
    "engine/link.py": """
        from simmm.jit import compiled
        from engine.callee import weigh
        from engine.constants import LOT

        def link(quote):
            @compiled
            def advance(state, x):
                s = state[0]
                for i in range(x.size):
                    s.total += weigh(x[i]) * LOT + quote(x[i])
                    s.steps += 1
                return s.total
            return advance
        """,
    "a/maker.py": """
        from helper import shift

        def quote(x):
            return shift(x) + 100.0
        """,
    "a/helper.py": """
        from figures import SHIFT

        def shift(x):
            return x + SHIFT
        """,
    "a/figures.py": "SHIFT = 1000.0",
    "b/maker.py": """
        from helper import shift

        def quote(x):
            return shift(x)
        """,
    "b/helper.py": """
        def shift(x):
            return x - 5000.0
        """,
    "drive.py": """
        import json, sys
        from pathlib import Path
        import numpy as np
        from simmm import jit
        from engine.constants import State
        from engine.link import link

        compiled, notices, results, digests, symbols = [], [], [], [], []
        jit.on_compile(compiled.append)
        jit.on_notice(notices.append)
        x = np.array([1.0, 2.0, 4.0])
        for path in sys.argv[1:]:
            advance = link(jit.load_kernels(Path(path)).quote)
            state = jit.records(np.zeros(1, State))
            advance(state, x)
            results.append([float(state["total"][0]), int(state["steps"][0])])
            digests.append(jit.code_digest(advance))
            symbols += [r.fndesc.mangled_name for r in getattr(advance, "overloads", {}).values()]
        print(json.dumps(dict(results=results, compiled=len(compiled), notices=notices,
                              digests=digests, symbols=symbols)))
        """,
}


class Project:
    """The project on disk, and processes that run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.variables = {"LOT": "0.5"}
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        status = path.stat()
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # content alone must tell

    def start(self, *strategies: str, **variables: str) -> "subprocess.Popen[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        environment |= {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",  # Python's own check of engine files goes by time
            "SIMMM_CACHE": str(self.cache),
            **self.variables,
            **variables,
        }
        return subprocess.Popen(
            [sys.executable, "-W", "error", str(self.folder / "drive.py"), *strategies],
            env=environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *strategies: str, **variables: str) -> dict[str, Any]:
        return finished(self.start(*strategies, **variables))

    def artefacts(self) -> list[str]:
        return sorted(path.name for path in (self.cache / "kernels").iterdir())


def finished(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def expected(
    scale: float = 2.0,
    offset: float = 0.25,
    lot: float = 0.5,
    weight: float = 3.0,
    power: int = 1,
    plus: float = 100.0,
    shift: float = 1000.0,
) -> list[float]:
    total = 0.0
    for x in (1.0, 2.0, 4.0):
        total += (x**power * scale * weight + offset) * lot + (x + shift + plus)
    return [total, 3]


EDITS: dict[str, tuple[tuple[str, str, str] | dict[str, str], dict[str, Any]]] = {
    "body of a callee in another file": (
        ("engine/callee.py", "return x *", "return x * x *"),
        {"power": 2},
    ),
    "constant imported by name": (
        ("engine/constants.py", "SCALE = 2.0", "SCALE = 7.0"),
        {"scale": 7.0},
    ),
    "constant reached through its module": (
        ("engine/constants.py", "OFFSET = 0.25", "OFFSET = 0.75"),
        {"offset": 0.75},
    ),
    "array frozen into the code": (("engine/constants.py", "3.0", "5.0"), {"weight": 5.0}),
    "global computed at import": ({"LOT": "0.25"}, {"lot": 0.25}),
    "body of the strategy": (("a/maker.py", "100.0", "200.0"), {"plus": 200.0}),
    "constant two imports from the strategy": (
        ("a/figures.py", "1000.0", "3000.0"),
        {"shift": 3000.0},
    ),
    "order of a record's fields": (
        (
            "engine/constants.py",
            '("total", "f8"), ("steps", "i8")',
            '("steps", "i8"), ("total", "f8")',
        ),
        {},
    ),
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the project gave at first, after each edit alone, and with the last one undone."""
    project = Project(tmp_path_factory.mktemp("history"))
    seen = {"first": project.run("a/maker.py")}
    for name, (edit, _) in EDITS.items():
        if isinstance(edit, dict):
            seen[name] = project.run("a/maker.py", **edit)
        else:
            file, old, new = edit
            project.edit(file, old, new)
            seen[name] = project.run("a/maker.py")
            project.edit(file, new, old)
    seen["undone"] = project.run("a/maker.py")
    return seen


@compiling_only
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_compiled_anew(history: dict[str, dict[str, Any]], name: str) -> None:
    assert history[name]["results"] == [expected(**EDITS[name][1])]
    assert history[name]["compiled"] == 1
    assert history[name]["notices"] == []
    if name != "order of a record's fields":  # an argument's type, not part of the function
        assert history[name]["digests"] != history["first"]["digests"]


@compiling_only
def test_undoing_edits_finds_the_first_artefact(history: dict[str, dict[str, Any]]) -> None:
    assert history["first"]["compiled"] == 1
    assert history["undone"] == history["first"] | {"compiled": 0}
    assert history["undone"]["results"] == [expected()]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@compiling_only
def test_equally_named_strategies_of_two_folders_coexist(project: Project) -> None:
    """Compiled apart, loaded together: neither files nor symbols may meet."""
    alone = [project.run(f"{folder}/maker.py") for folder in "ab"]
    both = project.run("a/maker.py", "b/maker.py", "a/maker.py")
    assert [run["compiled"] for run in alone] == [1, 1]
    assert both["compiled"] == 0
    assert both["results"] == [alone[i]["results"][0] for i in (0, 1, 0)]
    assert alone[0]["results"] != alone[1]["results"]
    assert both["symbols"] == [alone[i]["symbols"][0] for i in (0, 1, 0)]
    assert alone[0]["symbols"] != alone[1]["symbols"]


@compiling_only
def test_processes_that_race_on_a_cold_cache_agree(project: Project) -> None:
    racers = [project.start("a/maker.py") for _ in range(2)]
    results = [finished(racer) for racer in racers]
    assert [run["results"] for run in results] == [[expected()]] * 2
    assert [run["notices"] for run in results] == [[], []]
    assert len(project.artefacts()) == 1
    assert project.run("a/maker.py")["compiled"] == 0


def test_interpreted_runs_the_same_source(project: Project) -> None:
    run = project.run("a/maker.py", NUMBA_DISABLE_JIT="1")
    assert run["results"] == [expected()]
    assert run["compiled"] == 0
    assert not project.cache.exists()


def test_a_process_that_never_lets_go_of_the_stack_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that was stopped while it compiled."""
    compiled: list[object] = []
    monkeypatch.setattr(compile_estimators, "address_of_verb", compiled.append)
    with open(tmp_path / "stack.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        started = time.monotonic()
        compile_estimators.compile_stack(tmp_path, patience_s=0.5)
        waited_s = time.monotonic() - started
    assert len(compiled) == 1
    assert waited_s >= 0.5
    compile_estimators.compile_stack(tmp_path, patience_s=60.0)
    assert len(compiled) == 2
    assert time.monotonic() - started < 30.0
