"""Check what a built wheel holds: ``python .ci/check_wheel.py simmm-*.whl``."""

import sys
import zipfile
from pathlib import PurePosixPath

NEEDED = (
    "simmm/py.typed",
    "simmm/bundled/scenarios/cascade.yaml",
    "simmm/bundled/strategies/glft.py",
    "simmm/bundled/strategies/symmetric.py",
    "simmm/bundled/datasets/manifest.yaml",
    "simmm/project/templates/leaning.py.template",
    "simmm/report/page/page.css",
)
SUFFIXES = {".py", ".yaml", ".json", ".md", ".typed", ".template", ".css", ".js"}


def faults(names: list[str]) -> list[str]:
    """Return what is wrong with a wheel's list of files."""
    found = [f"missing: {name}" for name in NEEDED if name not in names]
    for name in names:
        path = PurePosixPath(name)
        top = path.parts[0]
        if top != "simmm" and not top.endswith(".dist-info"):
            found.append(f"outside the package: {name}")
        elif top == "simmm" and path.suffix not in SUFFIXES:
            found.append(f"not a file to ship: {name}")
        elif "__pycache__" in path.parts or path.name.startswith("."):
            found.append(f"left-over: {name}")
    return found


if __name__ == "__main__":
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        listed = wheel.namelist()
    problems = faults(listed)
    print("\n".join(problems) or f"{len(listed)} files, all where they belong")
    sys.exit(bool(problems))
