"""The folder of a session: one writer at a time, and what is in it while it runs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from simmm.errors import RunError
from simmm.run_folder import partial_folder
from simmm.session.journal import FILE_NAME

SPOOL = "spool"
_LOCK = "lock"


class SessionFolder:
    """A session's folder, held by one process as long as this context lasts.

    It is ``<folder>.partial`` until the session is over, and stays there if it is broken off.

    Parameters
    ----------
    folder
    resume
        The session was begun before; else the folder must not exist.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self.folder = folder
        self.partial = partial_folder(folder)
        self._resume = resume
        self._lock = -1

    def __enter__(self) -> SessionFolder:
        if self.folder.exists():
            raise RunError(
                f"{self.folder}: the session is over, there is nothing to take up again"
                if self._resume
                else f"{self.folder}: exists already; give another --out or remove it"
            )
        try:
            if not self._resume:
                self.partial.mkdir(parents=True)
            elif not self.partial.is_dir():
                raise RunError(f"{self.folder}: there is no such session")
            self._lock = os.open(self.partial / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileExistsError:
            raise RunError(
                f"{self.partial}: a session was begun here; take it up again with "
                f"simmm paper --resume {self.folder}, or give another --out"
            ) from None
        except OSError as error:
            raise RunError(f"{self.partial}: can't be written ({error.strerror})") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise RunError(f"{self.partial}: another session is writing there") from None
        if self._resume and not (self.partial / FILE_NAME).is_file():
            os.close(self._lock)
            raise RunError(
                f"{self.partial}: has no journal, the session ended before it began; remove it and "
                "start anew"
            )
        return self

    def __exit__(self, *_: object) -> None:
        (self.partial / _LOCK).unlink(missing_ok=True)
        os.close(self._lock)


def session_folder(name: Path) -> Path:
    """Return a session's folder by its name, with or without ``.partial``."""
    if not str(name).strip() or name.absolute() == Path(name.absolute().anchor):
        raise RunError(f"{str(name)!r}: is no session's folder")
    path = name if name.name not in ("", "..") else Path(os.path.abspath(name))
    return path.with_name(path.name.removesuffix(".partial"))
