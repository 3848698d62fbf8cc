"""`simmm init`: whole or not at all, and only where there is room for it."""

import errno
import os
from pathlib import Path, PurePosixPath

import pytest
import yaml
from click.testing import CliRunner

from simmm import __version__
from simmm.cli import init as command
from simmm.cli.main import main
from simmm.errors import RunError, ScenarioError, TapeError
from simmm.places import is_project
from simmm.project import contents, make, make_project, origin

LOCAL = {"url": "file:///home/somebody/simmm", "dir_info": {"editable": True}}


@pytest.fixture
def no_runs(monkeypatch):
    """Leave the scenarios alone: one file stands for the golden reports."""

    def reports(place: Path, *_: object) -> list[str]:
        (place / "reports" / "calm.json").write_text("{}")
        return ["reports/calm.json"]

    monkeypatch.setattr(make, "_run_scenarios", reports)


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------------------- the files


def test_files_are_templates_with_every_mark_replaced():
    texts = contents.contents("my maker")
    assert {str(path) for path in texts} == set(contents.FILES)
    for path, text in texts.items():
        for mark in contents.words("x"):
            assert mark not in text, path
        assert max(map(len, text.splitlines())) <= 120, path
    assert texts[PurePosixPath("README.md")].startswith("# my maker\n")
    assert f"simmm {__version__}." in texts[PurePosixPath("README.md")]


def test_every_template_is_used_and_no_tool_takes_one_for_code():
    folder = Path(make.__file__).parent / "templates"
    there = sorted(path.name for path in folder.iterdir())
    assert there == sorted(contents.FILES.values())
    assert all(name.endswith(".template") and not name.startswith(".") for name in there)


def test_workflow_installs_tests_and_keeps_the_cache():
    workflow = yaml.safe_load(contents.contents("x")[PurePosixPath(".github/workflows/tests.yml")])
    job = workflow["jobs"]["tests"]
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[:2] == ["python -m pip install -r requirements.txt", "python -m pytest"]
    (kept,) = [step["with"]["path"] for step in job["steps"] if "cache@" in step.get("uses", "")]
    assert (kept, job["env"]["SIMMM_CACHE"]) == ("${{ env.SIMMM_CACHE }}", "~/.cache/simmm")


def test_readme_names_files_that_are_there():
    texts = contents.contents("x")
    names = {str(path) for path in texts} - {"README.md", "pytest.ini", ".gitignore"}
    assert [name for name in names if f"`{name}`" not in texts[PurePosixPath("README.md")]] == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (None, f"simmm=={__version__}"),
        (
            {"url": "https://host/s.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "simmm @ git+https://host/s.git@ab12",
        ),
        (
            {"url": "https://host/s.whl", "archive_info": {"hashes": {"sha256": "cd34"}}},
            "simmm @ https://host/s.whl#sha256=cd34",
        ),
        ({"url": "https://host/s.tar.gz"}, "simmm @ https://host/s.tar.gz"),
    ],
)
def test_requirement_says_where_simmm_came_from(found, line):
    assert origin.requirement_of(found) == line
    assert not origin.is_local(line)


@pytest.mark.parametrize(
    "found",
    [LOCAL, {}, {"url": "https://me:secret@host/s.git", "vcs_info": {}}, {"url": "file://["}],
)
def test_requirement_that_others_cannot_reach_is_a_wheel_beside_it(found):
    line = origin.requirement_of(found)
    assert origin.is_local(line)
    assert "somebody" not in line
    assert "secret" not in line


# ------------------------------------------------------------------------------------- the place


@pytest.mark.usefixtures("no_runs")
@pytest.mark.parametrize("name", ["mine", "above/and above/mine", "with space", "été", "-n"])
def test_makes_a_project_in_a_new_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    made = make_project(name)
    assert made.folder == tmp_path.resolve() / name
    assert all_files(made.folder) == sorted(made.files) == all_files(tmp_path / name)
    assert is_project(made.folder)
    assert list(tmp_path.rglob(".simmm-init-*")) == []


@pytest.mark.usefixtures("no_runs")
@pytest.mark.parametrize("name", [".", "../here", "{}"])
def test_makes_a_project_in_an_empty_folder(tmp_path, monkeypatch, name):
    here = tmp_path / "here"
    (here / ".git").mkdir(parents=True)
    (here / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.chdir(here)
    made = make_project(name.format(here))
    assert made.folder == here.resolve()
    assert all_files(here) == sorted([*made.files, ".git/HEAD"])
    assert "# here\n" in (here / "README.md").read_text()


@pytest.mark.usefixtures("no_runs")
def test_follows_a_link_to_an_empty_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert make_project(tmp_path / "link").folder == tmp_path.resolve() / "real"


def _file_in_the_way(place: Path) -> None:
    place.write_text("mine")


def _file_above(place: Path) -> None:
    place.parent.rmdir()
    place.parent.write_text("mine")


def _something_inside(place: Path) -> None:
    place.mkdir()
    (place / "README.md").write_text("mine")


def _link_to_nowhere(place: Path) -> None:
    place.symlink_to("nowhere")


def _link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


@pytest.mark.parametrize(
    ("prepare", "kind", "words"),
    [
        (_file_in_the_way, ScenarioError, "there is a file of that name; name another"),
        (_file_above, ScenarioError, "above is a file; name another folder"),
        (_something_inside, ScenarioError, r"isn't empty \(README.md\); name a new folder"),
        (_link_to_nowhere, ScenarioError, "a link that leads nowhere"),
        (_link_to_itself, (ScenarioError, RunError), "link"),
    ],
)
def test_refuses_a_place_that_is_taken(tmp_path, prepare, kind, words):
    place = tmp_path / "above" / "mine"
    place.parent.mkdir()
    prepare(place)
    before = sorted(tmp_path.rglob("*")), all_files(tmp_path)
    with pytest.raises(kind, match=words):
        make_project(place)
    assert (sorted(tmp_path.rglob("*")), all_files(tmp_path)) == before


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 300])
def test_refuses_what_is_no_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ScenarioError, RunError), match=r"no name of a folder|name another folder"):
        make_project(name)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_folder_that_others_may_write_to(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(RunError, match=r"not made, .*other users may write.*chmod o-w"):
        make_project(tmp_path)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------- nothing by half


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    ("error", "told", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), RunError, "written .No space left"),
        (PermissionError(errno.EACCES, "Permission denied"), RunError, "Permission denied"),
        (TapeError("the tape is odd"), RunError, "nothing of it is kept: the tape is odd"),
        (KeyboardInterrupt("now"), KeyboardInterrupt, "now"),
    ],
)
def test_leaves_nothing_when_the_runs_fail(tmp_path, monkeypatch, exists, error, told, words):
    def fails(place: Path, *_: object) -> list[str]:
        (place / "reports" / "calm.json").write_text("{}")
        raise error

    monkeypatch.setattr(make, "_run_scenarios", fails)
    place = tmp_path / "above" / "mine"
    if exists:
        place.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(told, match=words):
        make_project(place)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("after", [0, 5])
def test_leaves_nothing_when_the_disk_is_full(tmp_path, monkeypatch, exists, after):
    written = 0
    write = Path.write_text

    def full(path: Path, *words: object, **more: object) -> int:
        nonlocal written
        written += 1
        if written > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, *words, **more)

    monkeypatch.setattr(Path, "write_text", full)
    place = tmp_path / "above" / "mine"
    if exists:
        place.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"mine: can't be written \(No space left.*nothing of it"):
        make_project(place)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("theirs", ["README.md", "notes.txt"])
def test_leaves_a_folder_alone_that_somebody_else_made_meanwhile(tmp_path, monkeypatch, theirs):
    rename = Path.rename

    def late(source: Path, target: Path) -> Path:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / theirs).write_text("theirs")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(RunError, match=r"mine: can't be written \(.+\); nothing of it is kept"):
        make_project(tmp_path / "mine")
    assert all_files(tmp_path) == [f"mine/{theirs}"]
    assert (tmp_path / "mine" / theirs).read_text() == "theirs"


def test_keeps_what_somebody_else_put_there_meanwhile(tmp_path, monkeypatch):
    def fails(place: Path, *_: object) -> list[str]:
        (place / "notes.txt").write_text("mine")
        raise RunError("no")

    monkeypatch.setattr(make, "_run_scenarios", fails)
    with pytest.raises(RunError):
        make_project(tmp_path / "mine")
    assert all_files(tmp_path) == ["mine/notes.txt"]


# ------------------------------------------------------------------------------- the command line


@pytest.mark.usefixtures("no_runs")
def test_prints_what_it_made_and_what_comes_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command.init, ["my maker"])
    assert done.exit_code == 0, done.output
    assert "made my maker: 12 files" in done.output
    for told, _ in command.TOLD:
        assert (tmp_path / "my maker" / told).exists()
    following = done.output.partition("next:\n")[2].splitlines()
    assert [line.partition("#")[0].strip() for line in following[:3]] == [
        "cd 'my maker'",
        "python -m pytest",
        "simmm backtest fall",
    ]


@pytest.mark.usefixtures("no_runs")
def test_does_not_send_anybody_where_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    done = CliRunner().invoke(command.init, ["."])
    following = done.output.partition("next:\n")[2].splitlines()
    assert [line.partition("#")[0].strip() for line in following[:3]] == [
        "python -m pip install pytest",
        "python -m pytest",
        "simmm backtest fall",
    ]


def test_one_line_and_exit_code_2_for_a_folder_in_use(tmp_path, capsys):
    (tmp_path / "a").write_text("")
    (tmp_path / "b").write_text("")
    assert main(["init", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"simmm: {tmp_path}: isn't empty (a and 1 more); name a new folder, or empty this one\n"
    )
