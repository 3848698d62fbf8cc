"""What a new project holds: templates, and the few words that are put into them."""

import sys
from importlib import resources
from pathlib import PurePosixPath

from simmm import __version__
from simmm.project.origin import requirement

#: File of the project -> template, in the order in which they are told.
FILES = {
    "README.md": "README.md.template",
    "strategies/leaning.py": "leaning.py.template",
    "scenarios/calm.yaml": "calm.yaml.template",
    "scenarios/fall.yaml": "fall.yaml.template",
    "datasets/manifest.yaml": "manifest.yaml.template",
    "tests/test_leaning.py": "test_leaning.py.template",
    "tests/test_results.py": "test_results.py.template",
    "pytest.ini": "pytest.ini.template",
    "requirements.txt": "requirements.txt.template",
    ".github/workflows/tests.yml": "tests.yml.template",
    ".gitignore": "gitignore.template",
}
REPORTS = "reports"


def words(name: str) -> dict[str, str]:
    """Return mark -> text of what is put into the templates of a project called `name`."""
    return {
        "@NAME@": " ".join(name.split()) or "project",
        "@VERSION@": __version__,
        "@PYTHON@": f"{sys.version_info.major}.{sys.version_info.minor}",
        "@REQUIREMENT@": requirement(),
    }


def contents(name: str) -> dict[PurePosixPath, str]:
    """Return file -> text of a project called `name`, golden reports aside."""
    replaced = words(name)
    templates = resources.files("simmm.project") / "templates"
    found = {}
    for path, template in FILES.items():
        text = (templates / template).read_text(encoding="utf-8")
        for mark, value in replaced.items():
            text = text.replace(mark, value)
        found[PurePosixPath(path)] = text
    return found
