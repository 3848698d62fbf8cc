"""Where the installed simmm came from, as a line of ``requirements.txt``."""

import json
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from simmm import __version__

_WHEEL = f"./wheels/simmm-{__version__}-py3-none-any.whl"
_LOCAL = f"""\
# simmm was installed from a folder or a file here, which no other computer can reach. Put its wheel
# beside this file, and commit it. With ../simmm for the clone that simmm was installed from:
#     python -m pip wheel --no-deps --wheel-dir wheels ../simmm
{_WHEEL}"""


def requirement() -> str:
    """Return what installs this very simmm again (see `requirement_of`)."""
    return requirement_of(_installed())


def requirement_of(origin: dict[str, Any] | None) -> str:
    """Return what installs a simmm of this version from where it came.

    Parameters
    ----------
    origin
        Content of ``direct_url.json``, as pip leaves it beside what it installed; None if there is
        none, because it came from a package index.

    Returns
    -------
    str
        A version, an address, or a wheel to be put beside the project, with a comment that says so.

    Source
    ------
    PEP 610, "Recording the Direct URL Origin of installed distributions".
    """
    if origin is None:
        return f"simmm=={__version__}"
    url = str(origin.get("url", ""))
    if not _is_public(url):
        return _LOCAL
    if isinstance(origin.get("vcs_info"), dict):
        kind, commit = origin["vcs_info"].get("vcs"), origin["vcs_info"].get("commit_id")
        return f"simmm @ {kind}+{url}@{commit}" if kind and commit else _LOCAL
    hashes = origin.get("archive_info", {}).get("hashes", {})
    return f"simmm @ {url}" + (f"#sha256={hashes['sha256']}" if "sha256" in hashes else "")


def is_local(line: str) -> bool:
    """Tell whether a `requirement` names a wheel that is yet to be put into the project."""
    return line.endswith(_WHEEL)


def _is_public(url: str) -> bool:
    """True for an address without a password in it, which must not get into a file."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http", "ssh") and not parts.password


def _installed() -> dict[str, Any] | None:
    """Content of the installed simmm's ``direct_url.json``; a checkout counts as a folder."""
    try:
        text = metadata.distribution("simmm").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
