"""Entry of the ``simmm`` command: whatever goes wrong becomes one line and an exit code.

====  ==========================================================================
code  meaning
====  ==========================================================================
0     done
1     a run failed: disk, permission, a strategy's broken rule, golden difference
2     a wrong call, scenario, strategy file or tape; nothing was run
130   interrupted
====  ==========================================================================

Nothing but the standard library is imported before `main` runs, so that Ctrl-C is caught from the
start.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Sequence

_INTERRUPTED = 130
_AGAIN_S = 0.5
_DISK = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _take_debug(words)
    try:
        _write_what_can_be_written()
        if arguments is None:
            _insist_on_interrupts()
        code = _run(words)
        sys.stdout.flush()
        return code
    except BaseException as error:  # noqa: BLE001 - told by type, nothing is swallowed
        _ignore_interrupts()
        if debug and not isinstance(error, SystemExit | BrokenPipeError):
            import traceback

            traceback.print_exc()
        code, line = _told(error)
        _say(line)
        _settle_output()
        return code


def _run(words: list[str]) -> int:
    import click

    from simmm.cli.group import simmm

    try:
        with simmm.make_context("simmm", words) as context:
            result = simmm.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _told(error: BaseException) -> tuple[int, str]:
    """Return exit code and line for an error; an empty line says nothing."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED, "interrupted"
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0, ""
        return 1, str(error.code)
    if isinstance(error, BrokenPipeError):
        return 1, ""
    if isinstance(error, OSError):
        reason = _DISK.get(error.errno or 0, error.strerror or str(error))
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return 1, f"{place}{reason}"
    if isinstance(error, MemoryError):
        return 1, "out of memory"
    return _told_by_type(error)


def _told_by_type(error: BaseException) -> tuple[int, str]:
    import click

    from simmm.errors import SimmmError

    if isinstance(error, SimmmError):
        return error.exit_code, str(error)
    if isinstance(error, click.Abort):
        return _INTERRUPTED, "interrupted"
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "simmm"
        return error.exit_code, f"{error.format_message()} (see {command} --help)"
    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    where = _place(error)
    return 1, (
        f"internal error, {type(error).__name__}{where}: {error}; "
        "add --debug for the traceback, and please report it"
    )


def _place(error: BaseException) -> str:
    """File and line of our own that raised, without a folder."""
    frame, place = error.__traceback__, ""
    while frame is not None:
        name = frame.tb_frame.f_globals.get("__name__", "")
        if str(name).startswith("simmm"):
            place = f" in {name}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _say(line: str) -> None:
    if not line:
        return
    text = " ".join(part.strip() for part in line.splitlines() if part.strip())
    try:
        print(f"simmm: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # nobody is listening


def _write_what_can_be_written() -> None:
    """Let characters that the output's encoding lacks become ``?``, and a minus ``-``, no error."""

    def instead(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        lacking = error.object[error.start : error.end]
        return "".join("-" if one == "\N{MINUS SIGN}" else "?" for one in lacking), error.end

    codecs.register_error("simmm", instead)
    for stream in (sys.stdout, sys.stderr):
        # Python's own choices alone: strict for output, the others for errors and old locales.
        if isinstance(stream, io.TextIOWrapper) and (
            stream.errors in ("strict", "backslashreplace")
            or (stream.errors == "surrogateescape" and stream.encoding.lower() != "utf-8")
        ):
            stream.reconfigure(errors="simmm")


def _settle_output() -> None:
    """Keep the interpreter from complaining at exit about output that can't be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError):
                pass


def _insist_on_interrupts() -> None:
    """Let Ctrl-C be raised again every half second until it is told.

    Some libraries swallow it while they are imported, and the command would go on.
    """
    import signal

    def again(*_: object) -> None:
        if not _unwinding():  # what cleans up may finish
            raise KeyboardInterrupt

    def first(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
        raise KeyboardInterrupt

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGALRM, again)
            signal.signal(signal.SIGINT, first)
    except ValueError:
        pass  # not the main thread


def _unwinding() -> bool:
    """Return whether an interruption is being handled at this moment."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _ignore_interrupts() -> None:
    import signal

    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        pass  # not the main thread


def _take_debug(words: list[str]) -> bool:
    """Take `--debug` out of the arguments, wherever it stands before a bare ``--``."""
    end = words.index("--") if "--" in words else len(words)
    found = "--debug" in words[:end]
    words[:end] = [word for word in words[:end] if word != "--debug"]
    return found


if __name__ == "__main__":
    sys.exit(main())
