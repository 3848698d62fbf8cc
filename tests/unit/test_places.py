"""Finding scenarios, strategies and tapes, from any folder."""

from pathlib import Path

import pytest

from simmm import places
from simmm.errors import ScenarioError, StrategyError
from simmm.places import available, bundled_folder, find, folders, project_folder, resolve_path

SCENARIO = "maker:\n  max_position: 1\nstrategy:\n  file: mine\n"
STRATEGY = "def quote(wanted, market, memory, params):\n    pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project: one scenario, one strategy."""
    folder = tmp_path / "project"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "strategies").mkdir()
    (folder / "scenarios" / "mine.yaml").write_text(SCENARIO)
    (folder / "strategies" / "mine.py").write_text(STRATEGY)
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", ["cascade", "cascade.yaml", "scenarios/cascade.yaml"])
def test_bundled_scenario_is_found_from_an_empty_folder(empty: Path, name: str) -> None:
    assert find("scenarios", name) == bundled_folder() / "scenarios" / "cascade.yaml"


def test_bundled_strategy_is_found_by_name(empty: Path) -> None:
    assert find("strategies", "glft") == bundled_folder() / "strategies" / "glft.py"


def test_project_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = project / "notes" / "june"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert project_folder() == project
    assert find("scenarios", "mine") == project / "scenarios" / "mine.yaml"
    assert find("scenarios", "scenarios/mine.yaml") == project / "scenarios" / "mine.yaml"
    assert folders("scenarios")[0] == project / "scenarios"


def test_path_from_the_current_folder_comes_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "mine.yaml").write_text(SCENARIO)
    assert find("scenarios", "mine.yaml") == project / "mine.yaml"
    assert find("scenarios", "scenarios/mine.yaml") == project / "scenarios" / "mine.yaml"


def test_project_hides_bundled_of_the_same_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "scenarios" / "cascade.yaml").write_text(SCENARIO)
    monkeypatch.chdir(project)
    assert find("scenarios", "cascade") == project / "scenarios" / "cascade.yaml"
    assert available("scenarios")["cascade"] == project / "scenarios" / "cascade.yaml"
    assert available("scenarios")["quiet"].parent == bundled_folder() / "scenarios"


def test_scenario_names_its_own_strategy(
    project: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "strategies" / "glft.py").write_text(STRATEGY)
    own = project / "scenarios" / "mine.yaml"
    bundled = bundled_folder() / "scenarios" / "cascade.yaml"
    assert find("strategies", "glft", beside=own) == project / "strategies" / "glft.py"
    assert find("strategies", "glft", beside=bundled) == bundled_folder() / "strategies" / "glft.py"
    monkeypatch.chdir(project)
    assert find("strategies", "glft", beside=bundled) == bundled_folder() / "strategies" / "glft.py"
    assert find("strategies", "glft") == project / "strategies" / "glft.py"


def test_dotted_and_absolute_paths_are_taken_as_they_are(empty: Path) -> None:
    for name in ("./cascade.yaml", "../scenarios/cascade.yaml", f"{empty}/cascade.yaml"):
        with pytest.raises(ScenarioError, match="no such scenario"):
            find("scenarios", name)


def test_missing_says_where_and_what_is_near(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(ScenarioError) as caught:
        find("scenarios", "cascde")
    message = str(caught.value)
    assert "did you mean 'cascade'?" in message
    assert "the current folder" in message
    assert str(project / "scenarios") in message
    assert str(bundled_folder() / "scenarios") in message
    with pytest.raises(StrategyError, match=r"there are: .*glft"):
        find("strategies", "zzzzzzzz")


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "/", ".", "x" * 5000])
def test_impossible_names_are_refused(empty: Path, name: str) -> None:
    with pytest.raises(ScenarioError):
        find("scenarios", name)


def test_folder_is_no_scenario(project: Path) -> None:
    with pytest.raises(ScenarioError, match="is a folder"):
        find("scenarios", f"{project}/scenarios")


def test_foreign_folders_make_no_project(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "molecule.yaml").write_text("driver:\n  name: docker\n")
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "merge.py").write_text("def merge(): ...\n")
    assert not places.is_project(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "manifest.yaml").write_text("files:\n  - data.csv\n")
    assert not places.is_project(tmp_path)
    (tmp_path / "simmm.yaml").touch()
    assert places.is_project(tmp_path)


def test_a_manifest_of_datasets_makes_a_project(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "manifest.yaml").write_text("# mine\ndatasets:\n  my_market:\n")
    assert project_folder(tmp_path) == tmp_path


def test_search_ends_at_repository_home_and_shared_folders(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project / "inner"
    deep = inner / "deep"
    deep.mkdir(parents=True)
    assert project_folder(deep) == project
    (inner / ".git").mkdir()
    assert project_folder(deep) is None
    (inner / ".git").rmdir()
    with monkeypatch.context() as context:
        context.setenv("HOME", str(project))
        assert project_folder(deep) is None
        assert project_folder(project) == project  # standing in it is asking for it
    project.chmod(0o777)
    assert project_folder(deep) is None
    project.chmod(0o755)
    assert project_folder(deep) == project


def test_tape_paths_count_from_scenario_then_project_then_here(project: Path, empty: Path) -> None:
    scenario = project / "scenarios" / "mine.yaml"
    (project / "tapes").mkdir()
    assert resolve_path("tapes", scenario) == project / "tapes"
    assert resolve_path("tapes/a.parquet", scenario) == empty / "tapes" / "a.parquet"
    (project / "scenarios" / "tapes").mkdir()
    assert resolve_path("tapes", scenario) == project / "scenarios" / "tapes"
    assert resolve_path("tapes") == empty / "tapes"


def test_removed_current_folder_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert project_folder() is None
