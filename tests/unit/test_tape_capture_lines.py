"""Lines of raw captures: cut, damaged, in several forms; which line is to blame."""

import gzip
import json
from pathlib import Path

import pytest

from simmm.cli.main import main
from simmm.errors import TapeError
from simmm.tape import convert, ensure_tape, info
from simmm.tape.sources import SourceOptions, detect
from tests.unit.test_tape_hyperliquid_ws import (
    MS,
    START,
    bbo,
    converted,
    line,
    save,
    trades,
    usual,
)


def raw_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "capture.txt"
    path.write_text(text)
    return path


WHOLE = "".join(line(*message) for message in usual())


def test_cut_files_keep_what_is_whole(tmp_path: Path) -> None:
    path = raw_file(tmp_path, WHOLE[:-20])
    done = convert(path, tmp_path / "tape.parquet")
    assert done.counts["unfinished_last_lines_dropped"] == 1
    assert done.info.rows == 16
    whole = gzip.compress((WHOLE * 40).encode())
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    cut = convert(tmp_path / "cut.gz", tmp_path / "cut.parquet")
    assert cut.counts["compressed_files_cut"] == 1
    assert cut.info.rows >= 16


def test_two_files_and_members(tmp_path: Path) -> None:
    parts = [WHOLE[: WHOLE.index("\n") + 1], WHOLE[WHOLE.index("\n") + 1 :]]
    one = tmp_path / "one.gz"
    one.write_bytes(b"".join(gzip.compress(part.encode()) for part in parts))
    two = [tmp_path / f"{number}.txt" for number in (1, 2)]
    for path, part in zip(two, parts, strict=True):
        path.write_text(part)
    members = convert(one, tmp_path / "a.parquet")
    files = convert(two, tmp_path / "b.parquet")
    assert members.info.digest == files.info.digest


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("rubbish", r"line 3: expected `<receive time> <json>`, found 'rubbish'"),
        ("17 {", r"line 3: no message of Hyperliquid's websocket \("),
        ("x {}", r"line 3: expected `<receive time>"),
        ('{"channel": "pong"}', r"line 3: no receive time"),
        (line(303, bbo(0, 1.0, 2.0)).replace('"1.0"', '"one"').strip(), r"line 3: .*float.*bbo"),
        (line(303, trades((0, "X", 1.0, "1", 1))).strip(), r"line 3: .*'X'.*side"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, bad: str, message: str) -> None:
    lines = WHOLE.splitlines()
    path = raw_file(tmp_path, "\n".join([*lines[:2], bad, *lines[2:]]) + "\n")
    target = tmp_path / "tape.parquet"
    with pytest.raises(TapeError, match=message) as error:
        convert(path, target)
    assert "--skip-bad-lines" in str(error.value)
    assert "\n" not in str(error.value)
    assert [found.name for found in tmp_path.iterdir()] == ["capture.txt"]
    done = convert(path, target, options=SourceOptions(skip_bad_lines=True))
    assert done.counts["bad_lines_dropped"] == 1
    assert (
        done.info.digest == convert(raw_file(tmp_path, WHOLE), target, overwrite=True).info.digest
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "no market data in it"),
        (line(1, {"channel": "pong"}), "no market data in it"),
    ],
)
def test_nothing_to_convert(tmp_path: Path, text: str, message: str) -> None:
    path = raw_file(tmp_path, text)
    with pytest.raises(TapeError, match=message):
        convert(path, tmp_path / "tape.parquet", importer="hyperliquid_ws")


def test_damaged_gzip(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress((WHOLE * 40).encode()))
    damaged[100:140] = bytes(40)
    (tmp_path / "a.gz").write_bytes(damaged)
    with pytest.raises(TapeError, match=r"a\.gz: (damaged compressed file|line \d+: )"):
        convert(tmp_path / "a.gz", tmp_path / "t.parquet", importer="hyperliquid_ws")


# ------------------------------------------------------------------------- form and recognition


def test_other_forms_of_a_line(tmp_path: Path) -> None:
    expected = converted(tmp_path, usual()).info.digest

    def digest(form: str) -> str:
        lines = []
        for received, frame in usual():
            ns = (START + received) * MS
            iso = f"2023-11-14T22:13:{20 + received // 1000}.{received % 1000:03d}000000"
            fields = {"ns": ns, "ms": ns // MS, "iso": iso, "s": f"{ns // 10**9}.{ns % 10**9:09d}"}
            text = json.dumps(frame)
            quoted = json.dumps(text)
            lines.append(form.format(**fields, text=text, quoted=quoted, inside=text[1:]))
        path = raw_file(tmp_path, "\n".join(lines))
        assert detect(path) == "hyperliquid_ws"
        return convert(path, tmp_path / "t.parquet", overwrite=True).info.digest

    for form in (
        "{ms} {text}",
        "{ns}\t{text}",
        "{s} {text}",
        '{{"recv_ns": {ns}, {inside}',
        '{{"local_ts": {ms}, "message": {quoted}}}',
        '{{"time": "{iso}", "ver_num": 1, "raw": {text}}}',
    ):
        assert digest(form) == expected, form


def test_a_capture_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path / "cache"))
    source = save(tmp_path / "capture.gz", usual())
    assert detect(source) == "hyperliquid_ws"
    assert info(ensure_tape(source)).rows == 18
    call = ["tape", "convert", str(source), str(tmp_path / "t.parquet")]
    assert main([*call, "--source", "hyperliquid", "--symbol", "BTC"]) == 2
    assert "no importer 'hyperliquid'" in capsys.readouterr().err
    assert main([*call, "--source", "hyperliquid_ws", "--sz-decimals", "5"]) == 0
    out = capsys.readouterr().out
    assert "18 rows, 5 packets; ignored subscriptionResponse: 2" in out
    assert main([*call, "--sz-decimals", "9"]) == 2
    assert main([*call, "--clock-shift-ms", "nan"]) == 2
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"hello\n"))
    assert detect(tmp_path / "text.gz") == "unknown"
