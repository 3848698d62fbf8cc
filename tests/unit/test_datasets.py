"""Manifest, building, cache and command of generated datasets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simmm import datasets
from simmm.cli.datasets import datasets_group
from simmm.errors import RunError, ScenarioError, TapeError
from simmm.tape.schema import read_info

SHIPPED = Path(__file__).resolve().parents[2] / "datasets"
SMALL = """\
# a comment that stays
datasets:
  small:
    generator: poisson
    seed: 3
    digest:
    description: A few minutes.
    parameters: {hours: 0.02}
  market:
    generator: cascade
    preset: hl_btc
    digest:
    parameters: {hours: 0.02, triggers_s: [20.0]}
  follower:
    generator: cascade
    preset: hl_wlfi
    digest:
    parameters: {hours: 0.02, follows: {dataset: market, volume: 100000.0}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with a small manifest, and a cache folder of its own for tapes."""
    folder = tmp_path / "project" / "datasets"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "project" / "simmm.yaml").write_text("", encoding="utf-8")
    monkeypatch.setattr(datasets, "tapes_folder", lambda: tmp_path / "tapes")
    monkeypatch.chdir(tmp_path / "project")
    return folder


def edit(folder, old, new):
    path = folder / "manifest.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("name", list(datasets.load_manifest(SHIPPED)))
def test_shipped_digests_reproduce(name):
    dataset = datasets.load_manifest(SHIPPED)[name]
    assert dataset.digest
    assert dataset.description
    assert datasets.rebuild(dataset).digest == dataset.digest


def test_scenarios_have_their_datasets():
    assert set(datasets.load_manifest(SHIPPED)) >= {
        "poisson",
        "poisson_still",
        "quiet_hl_btc",
        "trend_hl_btc",
        "cascade_hl_btc",
        "cascade_hl_wlfi",
        "starved_altcoin",
    }


def test_built_once_with_truth_and_source(project):
    dataset = datasets.load_manifest(project)["small"]
    seen = []
    path = datasets.tape_path(dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (72, 72)
    info = read_info(path)
    assert info.truth["kappa"] == 2000.0
    assert info.source["dataset"] == "small"
    assert info.source["seed"] == 3
    assert info.source["parameters"]["arrival"] == 1.0
    written = path.stat().st_mtime_ns
    seen.clear()
    assert datasets.tape_path(dataset, progress=lambda *_: seen.append(1)) == path
    assert path.stat().st_mtime_ns == written
    assert seen == []


def test_what_a_tape_depends_on_is_in_its_name(project, monkeypatch):
    dataset = datasets.load_manifest(project)["small"]
    names = {datasets.cached_path(dataset), datasets.cached_path(dataset, seed=4)}
    assert datasets.cached_path(dataset, seed=3) in names
    edit(project, "hours: 0.02", "hours: 0.03")
    names.add(datasets.cached_path(datasets.load_manifest(project)["small"]))
    monkeypatch.setattr(datasets, "_code_version", lambda: "another")
    names.add(datasets.cached_path(dataset))
    assert len(names) == 4


def test_a_followers_name_says_what_it_follows(project):
    before = datasets.cached_path(datasets.load_manifest(project)["follower"])
    edit(project, "triggers_s: [20.0]", "triggers_s: [25.0]")
    assert datasets.cached_path(datasets.load_manifest(project)["follower"]) != before


def test_a_follower_follows(project):
    path = datasets.tape_path(datasets.load_manifest(project)["follower"])
    (started, *_) = read_info(path).truth["cascades"]
    assert 20.0 < (started["start_ts"] - 1_735_689_600_000_000_000) / 1e9 < 40.0


def test_a_damaged_tape_is_built_again(project):
    dataset = datasets.load_manifest(project)["small"]
    path = datasets.tape_path(dataset)
    digest = read_info(path).digest
    path.write_bytes(path.read_bytes()[:1000])
    assert datasets.tape_path(dataset) == path
    assert read_info(path).digest == digest


@pytest.mark.parametrize("built_before", [False, True])
def test_another_digest_than_the_manifests_is_refused(project, built_before):
    if built_before:
        datasets.tape_path(datasets.load_manifest(project)["small"])
    edit(project, "digest:\n    description", "digest: 00ff\n    description")
    dataset = datasets.load_manifest(project)["small"]
    with pytest.raises(TapeError, match=r"small.*digest.*manifest\.yaml says 00ff"):
        datasets.tape_path(dataset)
    datasets.tape_path(dataset, seed=9)  # only the manifest's own seed has a digest
    files = [path for path in datasets.tapes_folder().iterdir() if ".building" in path.name]
    assert files == []


def test_an_interrupted_build_leaves_nothing(project):
    dataset = datasets.load_manifest(project)["small"]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.tape_path(dataset, progress=stop)
    assert list(datasets.tapes_folder().iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a folder not writable")
def test_an_unwritable_cache_is_told(project, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunError, match=r"cannot be written.*SIMMM_CACHE"):
            datasets.tape_path(datasets.load_manifest(project)["small"])
    finally:
        tmp_path.chmod(0o700)


def test_a_cache_that_is_no_folder_is_told(project, tmp_path):
    (tmp_path / "tapes").write_text("")
    with pytest.raises(RunError, match=r"cannot be written.*SIMMM_CACHE"):
        datasets.tape_path(datasets.load_manifest(project)["small"])


def test_builders_at_the_same_time(project, tmp_path):
    script = (
        "import sys; from pathlib import Path; from simmm import datasets\n"
        f"datasets.tapes_folder = lambda: Path({str(tmp_path / 'tapes')!r})\n"
        f"d = datasets.load_manifest({str(project)!r})['small']\n"
        "print(datasets.tape_path(d))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    paths = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0]
    (path,) = paths
    assert read_info(path).rows > 0
    assert [entry.name for entry in (tmp_path / "tapes").iterdir()] == [Path(path).name]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("datasets: [", "not valid YAML"),
        ("tapes: {}", "one mapping"),
        ("datasets: {a: 1}", "'a'"),
        ("datasets: {a/b: {generator: poisson}}", "a/b"),
        ("datasets: {a: {preset: x}}", "generator"),
        ("datasets: {a: {generator: poisson, sed: 1}}", "sed"),
        ("datasets: {a: {generator: poisson, seed: x}}", "seed"),
    ],
)
def test_manifest_errors_name_file_and_entry(tmp_path, text, told):
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        datasets.load_manifest(tmp_path)
    assert told in str(caught.value)
    assert "manifest.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_manifest(tmp_path):
    with pytest.raises(ScenarioError, match="no such file"):
        datasets.load_manifest(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("generator: poisson", "generator: poison", "did you mean 'poisson'"),
        ("hours: 0.02", "hour: 0.02", "hour"),
        ("preset: hl_wlfi", "preset: hl_wlf", "did you mean 'hl_wlfi'"),
        ("dataset: market", "dataset: markt", "did you mean 'market'"),
        ("dataset: market", "dataset: follower", "follower"),
    ],
)
def test_wrong_entries_are_told_with_file_and_name(project, old, new, told):
    edit(project, old, new)
    found = datasets.load_manifest(project)
    wrong = found["small"] if "0.02" in old or "poisson" in old else found["follower"]
    with pytest.raises(ScenarioError) as caught:
        datasets.tape_path(wrong)
    assert told in str(caught.value)
    assert f"manifest.yaml: {wrong.name}" in str(caught.value)


def called(*words):
    return CliRunner().invoke(datasets_group, words)


def test_list_and_build(project):
    assert "small" in called("list").output
    built = called("build", "small")
    assert built.exit_code == 0
    assert "small: built" in built.output
    assert "there already" in called("build", "small").output
    assert "small: built" in called("build", "small", "--seed", "8").output
    (line,) = [line for line in called("list").output.splitlines() if line.startswith("small ")]
    assert line.split()[2] == "yes"
    # what ships with simmm is listed too
    assert "cascade_hl_btc" in called("list").output


def test_build_of_an_unknown_name(project):
    result = called("build", "smal")
    assert isinstance(result.exception, ScenarioError)
    assert "did you mean 'small'" in str(result.exception)


def test_verify_and_update(project):
    result = called("verify", "small", "follower")
    assert isinstance(result.exception, TapeError)
    assert "small, follower" in str(result.exception)
    assert called("verify", "small", "follower", "--update").exit_code == 0
    text = (project / "manifest.yaml").read_text(encoding="utf-8")
    found = datasets.load_manifest(project)
    assert len(found["small"].digest) == len(found["follower"].digest) == 64
    assert found["market"].digest == ""
    removed = text.replace(found["small"].digest, "").replace(found["follower"].digest, "")
    assert removed.replace("digest: \n", "digest:\n") == SMALL
    assert called("verify", "small", "follower").exit_code == 0


def test_presets_table(project, monkeypatch):
    from simmm.tape.synthetic import comparison

    lines = [comparison.Line("spread_ticks", "spread", 2.0, 1.0, (0.6, 1.5))]
    monkeypatch.setattr(comparison, "compare_presets", lambda **_: [("world", lines)])
    result = CliRunner().invoke(datasets_group, ["verify", "--presets"], standalone_mode=False)
    assert result.return_value == 1
    assert "out of bounds" in result.output
