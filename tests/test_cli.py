"""The console script: exit codes, one-line errors, and runs that can be stopped at any moment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import verifier
from verifier import VerifierConfig, cli, score, verify
from verifier.cli import main
from verifier.journal import Journal, journal_path, manifest_path, write_atomic
from verifier.options import load_settings
from verifier.render import columns, shortened, underline

ROOT = Path(verifier.__file__).parent.parent


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, count: int) -> Path:
    """Rows of every sort: right, wrong, without an answer, without a gold, and unreadable."""
    rows = [
        '{{"id": {n}, "response": "so \\\\boxed{{{n}}}", "gold": {n}}}',
        '{{"id": {n}, "response": "so \\\\boxed{{{n}}}", "gold": "7{n}"}}',
        '{{"id": {n}, "response": null, "gold": {n}.0, "big": 1e400}}',
        '{{"id": {n}, "response": "so \\\\boxed{{{n}}}", "gold": null}}',
        '{{"id": {n}, "response": ',
    ]
    path.write_text("".join(rows[n % 5].format(n=n) + "\n" for n in range(count)), encoding="utf-8")
    return path


def without_time(path: Path) -> list[str]:
    """The output's lines with the elapsed times cut out, otherwise byte for byte."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        head, cut, tail = line.partition('"elapsed_s": ')
        lines.append(head + cut + tail.partition("}")[2])
    return lines


def run(
    *args: str | Path, script: str = "from verifier.cli import main", **options: Any
) -> subprocess.Popen[str]:
    """The real command in a process of its own; ``script`` may prepare the process and must import main."""
    code = f"import sys\n{script}\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        **options,
    )


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "CHUNK_ROWS", 8)


# --- start-up ---------------------------------------------------------------------------------


def test_python_m_verifier_prints_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "verifier", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == f"verifier {verifier.__version__}\n"


def test_scoring_jsonl_imports_no_pyarrow_and_starting_no_sympy(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"response": "\\\\boxed{1}", "gold": "1"}\n')
    script = (
        "from verifier.cli import main as real\n"
        "heavy = {'sympy', 'pyarrow', 'torch', 'math_verify', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "def main(args):\n"
        "    code = real(args)\n"
        "    assert not {'pyarrow', 'numpy', 'torch'} & set(sys.modules)\n"
        "    return code\n"
    )
    process = run("score", source, "--out", tmp_path / "out.jsonl", script=script)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("args", [[], ["chek"], ["check"], ["check", "--gold", "1", "--respons", "-"]])
def test_usage_errors_exit_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(args)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


# --- check and explain --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "gold", "code", "first"),
    [
        ("\\boxed{5}", "5", 0, "correct: equal"),
        ("\\boxed{5}", "6", 1, "incorrect: not_equal"),
        ("no box", "5", 1, "incorrect: no_answer"),
        ("\\boxed{5}", "\\frac{1}{", 3, "unscored: gold_unparseable (the gold's fault)"),
        ("\\boxed{-5}", "-5", 0, "correct: equal"),
    ],
)
def test_check(
    response: str, gold: str, code: int, first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "response.txt"
    path.write_text(response)
    assert main(["check", "--gold", gold, "--response", str(path)]) == code
    assert capsys.readouterr().out.splitlines()[0] == first


def test_check_prints_the_whole_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "response.txt"
    path.write_text("so \\boxed{5}")
    verdict = verify(response="so \\boxed{5}", gold="5")
    assert main(["check", "--gold", "5", "--response", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed | {"elapsed_s": 0} == verdict.to_dict() | {"elapsed_s": 0}
    main(["check", "--gold", "5", "--response", str(path)])
    text = capsys.readouterr().out
    assert "answer          5  (characters 10-11)" in text
    assert f"rung            {verdict.rung}" in text
    assert verdict.fingerprint in text


def test_check_reads_standard_input() -> None:
    process = run("check", "--gold", "5", "--response", "-", stdin=subprocess.PIPE)
    out, _ = process.communicate("\\boxed{5}", timeout=120)
    assert (process.returncode, out.splitlines()[0]) == (0, "correct: equal")


def test_settings_reach_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    response, settings = tmp_path / "r.txt", tmp_path / "c.json"
    response.write_text("\\boxed{1}")
    settings.write_text('{"policy": {"drop_units": false}, "timeout_s": 3, "limits": {"digits": 99}}')
    flags = ["--config", settings, "--policy", "decimal_comma=on", "--timeout", "2.5", "--extraction", "any"]
    main(["check", "--gold", "1", "--response", str(response), "--json", *map(str, flags)])
    expected = VerifierConfig(
        extraction="any",
        timeout_s=2.5,
        policy=verifier.Policy(drop_units=False, decimal_comma=True),
        limits=verifier.Limits(digits=99),
    )
    assert json.loads(capsys.readouterr().out)["fingerprint"] == expected.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"extracton": "any"}', "unknown setting 'extracton'; known are extraction, limits"),
        ('{"policy": {"units": true}}', "unknown setting 'policy.units'; known are drop_units"),
        ('{"policy": {"drop_units": 1}}', "'policy.drop_units' is 1; it must be true or false"),
        ('{"memory_mb": "1"}', "'memory_mb' is \"1\"; it must be an integer"),
        ('{"limits": 3}', "'limits' must be an object"),
        ("[]", "must hold one JSON object"),
        ('{"a"', "line 1, column 5: "),
    ],
)
def test_a_wrong_settings_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(verifier.ConfigError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--policy", "units=on"], "unknown policy 'units'; known are drop_units, drop_percent"),
        (["--policy", "drop_units=yes"], "write drop_units=on or drop_units=off"),
        (["--extraction", "box"], "choose from"),
    ],
)
def test_a_wrong_flag_lists_what_is_known(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--gold", "1", "--response", "-", *flags])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        (None, [], "No such file or directory"),
        (b"caf\xe9", [], "line 1: byte 0xe9 is not UTF-8"),
        (b"x", ["--timeout", "0"], "timeout_s=0.0 must be a positive number"),
        (b"x", ["--config", "/dev/null/x"], "/dev/null/x: Not a directory"),
    ],
)
def test_a_users_mistake_is_one_line(
    content: bytes | None, flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["check", "--gold", "1", "--response", str(path), *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("verifier: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_explain_underlines_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.txt"
    path.write_text("First \\boxed{4}.\nBut \u4e2d\x1b[31m then \\boxed{55}.\n")
    assert main(["explain", "--gold", "55", "--response", str(path)]) == 0
    out = capsys.readouterr().out
    assert "line 2, characters" in out
    assert "it is the last of 2 boxes" in out
    lines = out.splitlines()
    below = next(at for at, line in enumerate(lines) if "^" in line)
    shown, carets = lines[below - 1], lines[below]
    assert "\x1b" not in out
    assert columns(shown[: shown.index("55")]) == carets.index("^")
    assert carets.count("^") == 2
    assert "correct: equal, by the rung" in out


def test_explain_an_answer_and_the_lack_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--gold", "5", "--answer", "6", "--extraction", "answer_tag"]) == 0
    assert "incorrect: not_equal" in capsys.readouterr().out
    path = tmp_path / "r.txt"
    path.write_text("I do not know")
    assert main(["explain", "--gold", "5", "--response", str(path)]) == 0
    assert "no answer: no_answer" in capsys.readouterr().out


def test_underline_cuts_long_lines_and_long_answers() -> None:
    text = "a" * 500 + "XYZ" + "b" * 500 + "\nsecond"
    shown, carets = underline(text, (500, 503))
    assert shown.startswith("...a")
    assert shown.endswith("b...")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "XYZ"
    shown, carets = underline("so: ab\ncd", (4, 9))
    assert (shown, carets) == ("so: ab", "    ^^  and 3 characters more")
    assert shortened("x" * 1000, 10) == "x" * 10 + "... (1,000 characters)"


# --- score ----------------------------------------------------------------------------------------


def test_score_carries_rows_through_as_they_were(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    raws = [
        '{"response": "\\\\boxed{142.0}", "gold": 142.0, "x": {"b": 1e400, "a": [0.10]}, "id": 99999999999}',
        '{"gold": "5", "response":"caf\u00e9 \\ud800 \\\\boxed{5}" }',
        '{"gold": 1, "response": null}',
    ]
    source.write_text("\n".join(raws), encoding="utf-8")
    assert main(["score", str(source), "--out", str(out)]) == 0
    for raw, line in zip(raws, out.read_text(encoding="utf-8").splitlines(), strict=True):
        assert line.startswith(raw[:-1].rstrip() + ', "verdict": {"row": ')
    verdicts = [row["verdict"] for row in lines_of(out)]
    golds = ["142.0", "5", "1"]
    for number, (verdict, row, gold) in enumerate(zip(verdicts, lines_of(source), golds, strict=True), 1):
        expected = {"row": number} | verify(response=row["response"], gold=gold).to_dict()
        assert verdict | {"elapsed_s": 0} == expected | {"elapsed_s": 0}
    assert [verdict["reason"] for verdict in verdicts] == ["equal", "equal", "no_answer"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.jsonl",
        "out.jsonl",
        "out.jsonl.manifest.json",
    ]


def test_score_keep_id_and_other_field_names(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"q": {"a": "5"}, "out": "\\\\boxed{5}", "key": 1.50}\n{"q": {"a": "5"}, "out": null}\n'
    )
    flags = ["--gold-field", "q.a", "--response-field", "out", "--id-field", "key", "--verdict-field", "v"]
    assert main(["score", str(source), "--out", str(out), "--keep", "id", *flags]) == 0
    first, second = out.read_text().splitlines()
    assert first.startswith('{"key": 1.50, "v": {"row": 1, "status": "correct"')
    assert second.startswith('{"v": {"row": 2, "status": "incorrect"')


def test_unreadable_rows_are_named_counted_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, counts = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "counts.json"
    source.write_bytes(
        b'{"id": 1, "response": "\\\\boxed{5}", "gold": "5"}\n'
        b'{"id": 2, "response": "\\\\boxed{5}", "gold" "5"}\n'
        b'{"id": 3, "response": "\xff", "gold": "5"}\n'
        b'{"id": 4, "text": "\\\\boxed{5}", "gold": "5"}\n'
        b'{"id": 5, "response": 5, "gold": "5"}\n'
        b'{"id": 6, "response": "\\\\boxed{5}", "gold": true}\n'
        b'{"id": 7, "response": "\\\\boxed{5}", "gold": null}\n'
        b'{"id": 8, "response": "\\\\boxed{5}", "gold": "5", "verdict": 1}\n'
        b'{"id": 9, "response": null, "gold": "5"}\n'
    )
    assert main(["score", str(source), "--out", str(out), "--summary", str(counts)]) == 4
    errors = [
        "line 2, column 44: expecting ':' delimiter; each line must be one JSON object",
        "line 3, column 24: byte 0xff is not UTF-8",
        "line 4, no field 'response'; the fields are 'id', 'text', 'gold'",
        "line 5, field 'response' is a number (5); a response is text or null, one a row",
        "line 6, field 'gold' is a boolean (true); a gold is text or a number",
        "line 8, has a field 'verdict' already; name another with --verdict-field",
    ]
    written = lines_of(out)
    assert [row["verdict"]["row"] for row in written] == list(range(1, 10))
    assert [row["verdict"]["error"] for row in written if "error" in row["verdict"]] == errors
    assert written[4]["response"] == 5
    said = capsys.readouterr().err
    for error in errors:
        assert f"verifier: {source}, {error}\n" in said
    assert "WARNING: 33.33 % of the rows are unscored" in said
    summary = json.loads(counts.read_text())
    assert (summary["rows"], summary["unreadable"], summary["accuracy"]) == (9, 6, 0.5)
    assert summary["status"] == {"correct": 1, "incorrect": 1, "unscored": 1}
    assert summary["reason"]["unscored"] == {"gold_unparseable": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n" * 100_000, "is empty"),
        (b"[]", "is empty"),
        (bytes(range(200)) * 10, "is a binary file"),
        (b"response,gold\n5,5\n", "line 1, column 1: expecting value"),
        (b'{"completion": "5", "gold": 5}\n' * 3, "line 1, no field 'response'; the fields are 'completion'"),
        (b'{"response": "5", "answer": 5}\n', "line 1, no field 'gold'; the fields are 'response', 'answer'"),
        (b'{"response": "5", "gold": 5, "verdict": {}}\n', "name another with --verdict-field"),
        (None, "No such file"),
    ],
)
def test_an_input_of_which_nothing_can_be_scored_stops_at_once(
    data: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    if data is not None:
        source.write_bytes(data)
    assert main(["score", str(source), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("verifier: error: ")
    assert str(source) in error
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ([] if data is None else ["in.jsonl"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("in.jsonl", "is the input itself"),
        ("no/out.jsonl", "does not exist; make it first"),
        ("out.csv", "must end in .jsonl or .parquet, not .csv"),
        (".", "is a folder"),
    ],
)
def test_an_impossible_output_is_refused(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_rows(tmp_path / "in.jsonl", 5)
    before = source.read_bytes()
    assert main(["score", str(source), "--out", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert source.read_bytes() == before


def test_a_response_of_ten_megabytes(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    long = "We compute $x$. \n" * 600_000 + "\\boxed{5}"
    source.write_text(
        "".join(json.dumps({"response": text, "gold": "5"}) + "\n" for text in (long, "\\boxed{5}"))
    )
    assert main(["score", str(source), "--out", str(out), "--keep", "id"]) == 0
    first, second = lines_of(out)
    assert first["verdict"]["status"] == second["verdict"]["status"] == "correct"
    assert first["verdict"]["span"] == [len(long) - 2, len(long) - 1]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, small_chunks: None) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("w") as file:
        for n in range(600):
            row = {"response": f"{n} " * 5000 + f"\\boxed{{{n}}}", "gold": str(n)}
            file.write(json.dumps(row) + "\n")
    assert source.stat().st_size > 10_000_000
    main(
        ["score", str(source), "--out", str(tmp_path / "warm.jsonl")]
    )  # caches and imports are not the file's
    tracemalloc.start()
    try:
        assert main(["score", str(source), "--out", str(tmp_path / "out.jsonl")]) == 0
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_big_rows_make_small_chunks() -> None:
    rows = [verifier.records.Record(n, {}, None, None, n, 6 * 2**20) for n in range(7)]
    assert [len(chunk) for chunk in score.chunked(rows)] == [3, 3, 1]


def test_a_bar_is_drawn_on_a_terminal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    source = write_rows(tmp_path / "in.jsonl", 40)
    assert main(["score", str(source), "--out", str(tmp_path / "a.jsonl")]) == 4
    assert "\r" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["score", str(source), "--out", str(tmp_path / "b.jsonl"), "--no-progress"]) == 4
    assert "\r" not in capsys.readouterr().err
    assert main(["score", str(source), "--out", str(tmp_path / "c.jsonl")]) == 4
    drawn = capsys.readouterr().err
    assert "[##############################] 100 %, 40 rows" in drawn
    # What is said while a bar is drawn begins on a line of its own.
    assert drawn.count("verifier: ") == 10
    assert re.findall("[^\r\n]verifier: ", drawn) == []


# --- stopping and going on --------------------------------------------------------------------------

BLOCKING = """
import time
import verifier.score
from verifier.cli import main
real, calls = verifier.score.verify_batch, []
def blocking(**options):
    calls.append(1)
    if len(calls) == 3:
        print("ready", flush=True)
        time.sleep(300)
    return real(**options)
verifier.score.CHUNK_ROWS, verifier.score.verify_batch = 8, blocking
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, -15)]
)
def test_a_stopped_run_goes_on(
    sent: signal.Signals, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_rows(tmp_path / "in.jsonl", 40)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert main(["score", str(source), "--out", str(whole)]) == 4
    process = run("score", source, "--out", out, script=BLOCKING, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, sent)  # as a terminal does: to the whole process group
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in errors
    if sent is signal.SIGINT:
        assert "interrupted; what was scored is kept" in errors
    assert not out.exists()
    assert len(lines_of(journal_path(out))) == 16
    capsys.readouterr()
    assert main(["score", str(source), "--out", str(out)]) == 4
    assert "going on after line 16: 16 rows were scored before" in capsys.readouterr().err
    assert without_time(out) == without_time(whole)
    assert not journal_path(out).exists()
    done = json.loads(manifest_path(out).read_text())
    assert done["summary"] == json.loads(manifest_path(whole).read_text())["summary"]


@pytest.mark.parametrize("kept", [0, 1, 0.3, 0.5, 0.77, -1, -2])
def test_a_cut_off_record_is_scored_again(kept: float, tmp_path: Path, small_chunks: None) -> None:
    source = write_rows(tmp_path / "in.jsonl", 30)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert main(["score", str(source), "--out", str(whole)]) == 4
    data = whole.read_bytes()
    size = int(len(data) * kept) if isinstance(kept, float) else kept % len(data)
    manifest_path(out).write_text(manifest_path(whole).read_text().replace("complete", "running"))
    # After a power cut there may be blocks of zeros behind what was written.
    for tail in (b"", b"\0" * 2 * len(data), b"\0\n" * 2 * len(data)):
        journal_path(out).write_bytes(data[:size] + tail)
        out.unlink(missing_ok=True)
        assert main(["score", str(source), "--out", str(out)]) == 4
        assert without_time(out) == without_time(whole)


def test_a_complete_output_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", 10), tmp_path / "out.jsonl"
    assert main(["score", str(source), "--out", str(out)]) == 4
    first, said = out.read_bytes(), capsys.readouterr().err
    table = said[said.index("  correct") :]
    assert main(["score", str(source), "--out", str(out)]) == 4
    again = capsys.readouterr().err
    assert "is complete already; nothing to do" in again
    assert table in again
    assert out.read_bytes() == first
    assert main(["score", str(source), "--out", str(out), "--overwrite"]) == 4
    assert "is complete already" not in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["running", "complete"])
def test_another_config_input_or_option_is_refused(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], small_chunks: None
) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl"
    command = ["score", str(source), "--out", str(out)]
    main(command)
    if stage == "running":
        manifest_path(out).write_text(manifest_path(out).read_text().replace('"complete"', '"running"'))
        out.rename(journal_path(out))
    kept = (out if stage == "complete" else journal_path(out)).read_bytes()
    mine = VerifierConfig().fingerprint()
    other = VerifierConfig(policy=verifier.Policy(drop_units=False)).fingerprint()
    capsys.readouterr()

    assert main([*command, "--policy", "drop_units=off"]) == 2
    said = capsys.readouterr().err
    assert f"another config (policy.drop_units): {mine} then, {other} now" in said
    assert "--overwrite" in said
    assert main([*command, "--keep", "id"]) == 2
    assert "another keep: all then, id now" in capsys.readouterr().err
    source.write_text(source.read_text() + "\n")
    assert main(command) == 2
    assert "another input (sha256)" in capsys.readouterr().err
    assert (out if stage == "complete" else journal_path(out)).read_bytes() == kept
    assert main([*command, "--overwrite"]) == 4
    assert len(lines_of(out)) == 20


def test_a_file_of_unknown_origin_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    out.write_text("precious")
    assert main(["score", str(source), "--out", str(out)]) == 2
    assert "no manifest says how it was made" in capsys.readouterr().err
    assert out.read_text() == "precious"
    manifest_path(out).write_text("{")
    assert main(["score", str(source), "--out", str(out)]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert main(["score", str(source), "--out", str(out), "--overwrite"]) == 4
    assert len(lines_of(out)) == 5


def test_two_runs_never_write_one_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    held = Journal(journal_path(out))
    try:
        assert main(["score", str(source), "--out", str(out), "--overwrite"]) == 2
        assert "another run is writing" in capsys.readouterr().err
    finally:
        held.close()
    assert main(["score", str(source), "--out", str(out), "--overwrite"]) == 4


def test_an_input_that_changes_meanwhile_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    real = score.verify_batch

    def meddling(**options: Any) -> Any:
        with source.open("a") as file:
            file.write("\n")
        return real(**options)

    monkeypatch.setattr(score, "verify_batch", meddling)
    assert main(["score", str(source), "--out", str(out)]) == 2
    assert "changed while it was scored" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_journal_is_whole_after_a_write_that_failed_midway(
    stopped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.append([b'{"a": 1}\n'])
    real = os.write

    def half(file: int, data: memoryview) -> int:
        real(file, data[: len(data) // 2])
        raise stopped

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises((KeyboardInterrupt, verifier.VerifierError)):
            journal.append([b'{"a": 2}\n', b'{"a": 3}\n'])
    assert (tmp_path / "j.jsonl").read_bytes() == b'{"a": 1}\n'
    journal.append([b'{"a": 2}\n'])
    journal.close()
    assert [row["a"] for row in lines_of(tmp_path / "j.jsonl")] == [1, 2]


def test_a_size_limit_is_one_line_and_the_run_goes_on(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 200)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert main(["score", str(source), "--out", str(whole)]) == 4
    limit = whole.stat().st_size // 2
    script = (
        "import resource, verifier.score\nfrom verifier.cli import main\n"
        "sys.dont_write_bytecode = True  # an import would keep half of what it compiled, for all who come after\n"
        f"verifier.score.CHUNK_ROWS = 8\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    )
    process = run("score", source, "--out", out, script=script)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2, errors
    assert (
        f"verifier: error: cannot write {journal_path(out)}: File too large; the records before are safe"
        in errors
    )
    assert "Traceback" not in errors
    assert 0 < len(lines_of(journal_path(out))) < 200
    assert main(["score", str(source), "--out", str(out)]) == 4
    assert without_time(out) == without_time(whole)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small tmpfs needs root; the size limit above tests the same path")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_full_disk(suffix: str, tiny_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    source = write_rows(tiny_disk.parent / "in.jsonl", 400)
    out = tiny_disk / f"out.{suffix}"
    assert main(["score", str(source), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert said.splitlines()[-1].startswith("verifier: error: cannot write")
    assert not out.exists()
    subprocess.run(["mount", "-o", "remount,size=8m", tiny_disk], check=True)
    assert main(["score", str(source), "--out", str(out)]) == 4
    assert out.exists()
    assert len(list(tiny_disk.iterdir())) == 2


def test_a_read_only_folder(tiny_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_rows(tiny_disk.parent / "in.jsonl", 5)
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    assert main(["score", str(source), "--out", str(tiny_disk / "out.jsonl")]) == 2
    path = journal_path(tiny_disk / "out.jsonl")
    assert capsys.readouterr().err == f"verifier: error: {path}: Read-only file system\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the mount above tests it then")
def test_a_folder_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = write_rows(tmp_path / "in.jsonl", 5), tmp_path / "closed"
    folder.mkdir(mode=0o555)
    assert main(["score", str(source), "--out", str(folder / "out.jsonl")]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_write_atomic_leaves_no_scratch_file(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(verifier.VerifierError, match="cannot write"):
        write_atomic(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


# --- parquet ------------------------------------------------------------------------------------------


def parquet_table(path: Path) -> Any:
    return pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`").read_table(path)


def test_jsonl_to_parquet_holds_every_value_exactly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    source.write_text(
        '{"response": "\\\\boxed{1}\\ud800", "gold": 1, "n":1, "f": 0.5, "m":1, "big":1e400, "o":{"a":1.0}}\n'
        '{"response": null, "gold": "2", "n": 2, "f": 2.50, "m": true, "big": 1, "o": [1], "late": "x",'
        ' "mix": [2], "deep": 0.12345678901234567890}\n'
        '{"response": null, "gold": 3, "mix": "y", "deep": 0.5, "n": 3, "f": 1.0}\n'
        "{bad\n"
    )
    assert main(["score", str(source), "--out", str(out)]) == 4
    table = parquet_table(out)
    rows = table.to_pylist()
    types = {name: str(table.schema.field(name).type) for name in table.schema.names}
    assert types | {"n": "int64", "f": "double", "gold": "string", "verdict_row": "int64"} == types
    assert [row["n"] for row in rows] == [1, 2, 3, None]
    assert [row["f"] for row in rows] == [0.5, 2.5, 1.0, None]
    assert [row["gold"] for row in rows] == ["1", "2", "3", None]
    assert [row["m"] for row in rows] == ["1", "true", None, None]
    assert [row["big"] for row in rows] == ["1e400", "1", None, None]
    assert [row["o"] for row in rows] == ['{"a": 1.0}', "[1]", None, None]
    assert [row["late"] for row in rows] == [None, "x", None, None]
    assert [row["mix"] for row in rows] == [None, "[2]", '"y"', None]
    assert [row["deep"] for row in rows] == [None, "0.12345678901234567890", "0.5", None]
    assert rows[0]["response"] == "\\boxed{1}?"
    assert [row["verdict_status"] for row in rows] == ["correct", "incorrect", "incorrect", None]
    assert rows[0]["verdict_span"] == [7, 8]
    assert rows[3]["verdict_error"].startswith("line 4, column 2: ")
    assert "field 'o' does not fit one parquet type; its column holds JSON text" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.jsonl",
        "out.parquet",
        "out.parquet.manifest.json",
    ]


def test_parquet_to_parquet_keeps_the_types(tmp_path: Path, small_chunks: None) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    parquet = pytest.importorskip("pyarrow.parquet")
    source = tmp_path / "in.parquet"
    count = 150
    table = pyarrow.table(
        {
            "id": pyarrow.array(range(count), pyarrow.int16()),
            "response": [f"\\boxed{{{n}}}" if n % 3 else None for n in range(count)],
            "gold": pyarrow.array([float(n) for n in range(count)]),
            "day": pyarrow.array(range(count), pyarrow.date32()),
            "blob": [bytes([n]) for n in range(count)],
        }
    )
    parquet.write_table(table, source)
    out = tmp_path / "out.parquet"
    assert main(["score", str(source), "--out", str(out)]) == 0
    scored = parquet_table(out)
    assert scored.select(table.schema.names).equals(table)
    assert scored["verdict_row"].to_pylist() == list(range(1, count + 1))
    assert scored["verdict_reason"].to_pylist()[0] == "no_answer"
    expected = verify(response="\\boxed{4}", gold=4.0)
    assert scored["verdict_status"].to_pylist()[4] == expected.status.value
    assert main(["score", str(source), "--out", str(tmp_path / "ids.parquet"), "--keep", "id"]) == 0
    assert parquet_table(tmp_path / "ids.parquet").schema.names[:2] == ["id", "verdict_row"]
    assert main(["score", str(source), "--out", str(tmp_path / "out.jsonl")]) == 0
    assert lines_of(tmp_path / "out.jsonl")[1]["day"] == "1970-01-02"


def test_parquet_goes_on_after_a_stop_at_every_stage(tmp_path: Path, small_chunks: None) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    source = write_rows(tmp_path / "in.jsonl", 30)
    lines, whole, out = tmp_path / "a.jsonl", tmp_path / "whole.parquet", tmp_path / "out.parquet"
    main(["score", str(source), "--out", str(lines)])
    main(["score", str(source), "--out", str(whole)])
    times = "verdict_elapsed_s"
    expected = parquet_table(whole).drop_columns([times])
    for size in (0, 3000, len(lines.read_bytes())):
        # the last one: stopped after the last row, before (or just after) the parquet file was put in place
        manifest_path(out).write_text(manifest_path(whole).read_text())
        journal_path(out).write_bytes(lines.read_bytes()[:size])
        if size:
            out.write_text("half of a parquet file")
        else:
            out.unlink(missing_ok=True)
        assert main(["score", str(source), "--out", str(out)]) == 4
        assert parquet_table(out).drop_columns([times]).equals(expected)
        assert not journal_path(out).exists()


def test_parquet_without_pyarrow_stops_before_scoring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    source = write_rows(tmp_path / "in.jsonl", 5)
    assert main(["score", str(source), "--out", str(tmp_path / "out.parquet")]) == 2
    assert "pip install 'rlvr-verifier[parquet]'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_column_with_a_verdicts_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    source = tmp_path / "in.jsonl"
    source.write_text('{"response": "\\\\boxed{1}", "gold": "1", "verdict_status": "x"}\n')
    assert main(["score", str(source), "--out", str(tmp_path / "out.parquet")]) == 2
    assert "has a field 'verdict_status' already" in capsys.readouterr().err
    assert main(["score", str(source), "--out", str(tmp_path / "out.jsonl")]) == 0


# --- the small commands ---------------------------------------------------------------------------------


def test_validate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.jsonl"
    good.write_text('[{"answer": "142.0"}, {"gold": 25.0, "answer": "x"}]')
    assert main(["validate", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: 2 of 2 golds are accepted by their own verifier\n"
    bad.write_text('{"id": "p-1", "gold": "\\\\frac{1}{"}\n{"gold": 5}\n{oops\n{"q": 1}\n')
    assert main(["validate", str(good), str(bad)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1].startswith(f"{bad}, line 1 (id p-1): gold \\frac{{1}}{{ is not accepted: unscored: gold_")
    assert out[2].startswith(f"{bad}, line 3, column 2: ")
    assert out[3] == f"{bad}, line 4, no field 'gold'; the fields are 'q'"
    assert out[4] == f"{bad}: 1 of 4 golds are accepted by their own verifier"
    assert main(["validate", str(tmp_path / "none")]) == 2


def test_validate_embedded_problems(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((ROOT / "lm_eval_tasks" / "demo").glob("*.jsonl"))
    if not files:
        pytest.skip("the embedded problems are not there")
    assert main(["validate", *map(str, files)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", ["MATH-500", "AMC", "AIME-2024", "AIME-2025"])
def test_validate_benchmarks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT.parent / "shared" / "data" / f"{name}.json"
    if not path.exists():
        pytest.skip("the benchmark files are not part of the repository")
    assert main(["validate", str(path)]) == 0, capsys.readouterr().out


def test_tasks_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks-path"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder.is_absolute()
    assert (folder / "__init__.py").is_file()
    assert folder.name == "lm_eval_tasks"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"gold": ""}\n' * 5000)
    process = run("validate", bad)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (141, "")


def test_output_survives_a_terminal_without_unicode(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("\\boxed{\u221a2}", encoding="utf-8")
    code = "import sys\nfrom verifier.cli import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", "--gold", "5", "--response", str(path)],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert b"\\u221a2" in done.stdout


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for name, *_, text in cli.COMMANDS:
        with pytest.raises(SystemExit, match="0"):
            main([name, "--help"])
        assert text[:20] in capsys.readouterr().out
