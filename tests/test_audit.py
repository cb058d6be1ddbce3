"""The audit: each kind of finding on a small file made for it, and exact counts on the real sets."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

import verifier
from verifier.answers.base import Outcome
from verifier.answers.expression import Expression
from verifier.audit import (
    AMBIGUITIES,
    MEANINGS,
    Ambiguity,
    AuditJob,
    ambiguities,
    audit,
    crosscheck,
    prompt_keys,
    respelt,
    run,
)
from verifier.cli import main
from verifier.compare import reader
from verifier.config import DEFAULT_CONFIG
from verifier.errors import ConfigError, InputError
from verifier.rows import normal_prompt

ROOT = Path(verifier.__file__).parent.parent
COUNTS = json.loads((Path(__file__).parent / "cases" / "audit_counts.json").read_text())
EVALUATION_SETS = ("MATH-500", "AMC", "AIME-2024", "AIME-2025")
UPDATE = "where this is an improvement, update cases/audit_counts.json"
Require = Callable[[str, bool, str], None]


def write(path: Path, *rows: dict[str, Any] | str) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def issues_of(*data: str, **settings: Any) -> list[dict[str, Any]]:
    return list(audit(AuditJob(data, **settings)).issues())


def by_reason(issues: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for issue in issues:
        found.setdefault(issue["reason"], []).append(issue["id"])
    return found


# --- golds ------------------------------------------------------------------------------------


def test_a_clean_set_has_no_issue_and_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golds = ["28", r"\frac{1}{2}", r"x^2+1", "[0,1)", r"\text{odd}", "142.0", r"12\%", "1, 2, 3"]
    data = write(tmp_path / "d.jsonl", *({"prompt": f"problem {n}", "answer": g} for n, g in enumerate(golds)))
    assert issues_of(data) == []
    assert main(["audit", data]) == 0
    printed = capsys.readouterr().out
    assert "findings: 0" in printed
    assert "notes: 0" in printed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"prompt": "p", "answer": ', "row_unreadable"),
        ({"prompt": "p", "answer": None}, "gold_missing"),
        ({"prompt": "p"}, "gold_missing"),
        ({"prompt": "p", "answer": ["1"]}, "gold_missing"),
        ({"prompt": "p", "answer": True}, "gold_missing"),
        ({"prompt": "p", "answer": r"\frac{1}{"}, "gold_unparseable"),
        ({"prompt": "p", "answer": "0/0"}, "gold_undefined"),
        ({"prompt": "p", "answer": ""}, "gold_undefined"),
        ({"prompt": "p", "answer": "(" * 500 + "1" + ")" * 500}, "gold_over_limit"),
    ],
)
def test_a_gold_that_cannot_be_used_is_listed_by_its_reason(
    row: dict[str, Any] | str, reason: str, tmp_path: Path
) -> None:
    data = write(tmp_path / "d.jsonl", {"prompt": "another", "answer": "5"}, row)
    assert by_reason(issues_of(data)) == {reason: ["d/1"]}


def test_a_gold_is_checked_once_and_listed_for_every_row(tmp_path: Path) -> None:
    rows = [{"prompt": f"problem {n}", "answer": r"\frac{1}{"} for n in range(3)]
    issues = issues_of(write(tmp_path / "d.jsonl", *rows, {"prompt": "x", "answer": 7}))
    assert [issue["id"] for issue in issues] == ["d/0", "d/1", "d/2"]
    assert {issue["gold_sha256"] for issue in issues} == {hashlib.sha256(rb"\frac{1}{").hexdigest()}


@pytest.mark.parametrize("rule", AMBIGUITIES, ids=lambda rule: rule.name)
def test_each_ambiguity_is_found_in_its_own_example(rule: Ambiguity) -> None:
    assert rule.name in ambiguities(rule.example)
    assert f"ambiguous_{rule.name}" in MEANINGS


@pytest.mark.parametrize(
    "gold",
    ["12", "-3", "12345", r"12{,}345", "3.14", "1, 2", "(4,0)", "[0,4)", "(1,2,3)", r"\ln 5", r"\log_2 5", "x", "2e",
     r"3+4i", r"\frac{3}{4}", r"x\frac{1}{2}", r"2^{\frac12}", r"\frac12", r"\frac{1}{2}x", "1/2", "3:4:5", "5:6",
     r"\text{yes}", r"\text{C}", r"\sum_{i=1}^{n} \frac{1}{i+1}", r"x<1 \text{ or } x>2", "1, 2, \\ldots, 2008"],
)  # fmt: skip
def test_golds_with_one_reading_are_not_called_ambiguous(gold: str) -> None:
    assert ambiguities(gold) == []


def test_an_ambiguous_gold_is_a_finding_with_its_row(tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", {"id": 9, "prompt": "p", "answer": "100,200"})
    [issue] = issues_of(data)
    digest = hashlib.sha256(b"100,200").hexdigest()
    assert issue == {
        "id": "d/0", "row": 1, "own_id": "9", "reason": "ambiguous_comma_numeral", "level": "finding",
        "gold_sha256": digest,
    }  # fmt: skip


@pytest.mark.parametrize("gold", ["7", "-025", "1/2", r"-\frac{1}{2}", r"\frac12", "52_8", "x+1", "$5", "(0,4)", "1,2"])
def test_a_respelling_is_another_text_of_equal_value(gold: str) -> None:
    assert respelt(gold) != gold
    assert verifier.equivalent(respelt(gold), gold)


def test_a_lopsided_comparison_is_listed_as_asymmetric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lopsided(self: Expression, other: Expression, ctx: Any) -> Outcome:
        return Outcome(len(repr(self.node)) <= len(repr(other.node)))

    data = write(tmp_path / "d.jsonl", {"prompt": "p", "answer": "7"})
    assert issues_of(data) == []
    reader(DEFAULT_CONFIG).forget()
    monkeypatch.setattr(Expression, "equals", lopsided)
    for module in ("verifier.compare", "verifier.answers.expression"):
        monkeypatch.setattr(f"{module}.decided", lambda *_: None)  # sums that are equal would not be compared
    found = by_reason(issues_of(data))
    monkeypatch.undo()
    reader(DEFAULT_CONFIG).forget()
    assert found == {"respelling_refused": ["d/0"], "asymmetric": ["d/0"]}


# --- prompts ----------------------------------------------------------------------------------


def test_prompts_are_compared_without_what_only_changes_their_looks() -> None:
    one = "Find  $x$ with \\(\\dfrac{1}{2} x = 3\\).\n"
    assert normal_prompt(one) == normal_prompt("Find \\( x \\) with $\\frac{1}{2}x=3$.")
    assert normal_prompt("Find -x.") != normal_prompt("Find x.")
    assert normal_prompt("Find $X$.") != normal_prompt("Find $x$.")


def test_keys_grow_weaker_and_an_empty_prompt_has_none() -> None:
    exact, normal, bare = zip(*map(prompt_keys, ("Find $-x$.", "Find $ -x $.", "find x")), strict=True)
    assert (len(set(exact)), len(set(normal)), len(set(bare))) == (3, 2, 1)
    assert prompt_keys("") is prompt_keys(" $$ . ") is None


@pytest.mark.parametrize(
    ("golds", "reason", "classes"),
    [
        (["5", "5"], "duplicate", [0, 0]),
        ([r"\frac12", "0.5"], "duplicate_respelt", [0, 0]),
        (["15", r"15\%"], "duplicate_lenient", [0, 1]),
        (["x=5", "5"], "duplicate_lenient", [0, 1]),
        (["5", "6"], "conflicting_golds", [0, 1]),
        (["5", "5.0", "6"], "conflicting_golds", [0, 0, 1]),
        (["5", r"\frac{1}{"], "duplicate_unreadable", [0, None]),
        (["5", None], "duplicate", [0, None]),
    ],
)
def test_golds_of_one_prompt(golds: list[str], reason: str, classes: list[int | None], tmp_path: Path) -> None:
    prompts = ["What is $x$?", "What is  $ x $?", "What is \\(x\\)?"]
    rows = [{"problem": prompt, "answer": gold} for prompt, gold in zip(prompts, golds, strict=False)]
    issues = [i for i in issues_of(write(tmp_path / "d.jsonl", *rows)) if not i["reason"].startswith("gold_")]
    [issue] = issues
    assert issue["reason"] == reason
    assert issue["classes"] == classes
    assert issue["ids"] == [f"d/{n}" for n in range(len(golds))]
    assert issue["prompts"] == "normalised"
    assert issue["level"] == ("finding" if reason == "conflicting_golds" else "note")


def test_duplicates_are_found_across_files_whose_ids_start_again(tmp_path: Path) -> None:
    rows = [{"id": 0, "prompt": "one", "answer": 1}, {"id": 1, "prompt": "two", "answer": 2}]
    first, second = write(tmp_path / "a.jsonl", *rows), write(tmp_path / "b.jsonl", rows[1] | {"id": 0, "answer": 3})
    report = audit(AuditJob([first, second]))
    [issue] = report.issues()
    assert (issue["reason"], issue["ids"], issue["prompts"]) == ("conflicting_golds", ["a/1", "b/0"], "exact")
    exact = report.summary["prompts"]["duplicates"]["exact"]
    assert (exact["groups"], exact["rows_beyond_the_first"], exact["conflicting_golds"]) == (1, 1, 1)


def test_files_of_one_name_get_ids_with_their_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "d.jsonl", {"prompt": folder, "answer": "0/0"})
    assert [issue["id"] for issue in issues_of(str(tmp_path))] == ["a/d.jsonl/0", "b/d.jsonl/0"]


def test_rows_without_a_prompt_are_no_duplicates_and_are_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "d.jsonl", {"answer": "1"}, {"answer": "2"}, {"prompt": " ", "answer": "3"})
    assert issues_of(data) == []
    assert main(["audit", data]) == 0
    assert "3 rows have no prompt" in capsys.readouterr().out


def test_a_conversation_is_compared_by_what_its_messages_say(tmp_path: Path) -> None:
    rows = [{"prompt": [{"role": role, "content": "two plus two"}], "answer": "4"} for role in ("user", "human")]
    assert by_reason(issues_of(write(tmp_path / "d.jsonl", *rows))) == {"duplicate": ["d/0"]}


def test_overlaps_name_the_rows_of_the_other_set(tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *({"prompt": p, "gold": "1"} for p in ("A is $x$", "b is -y", "other")))
    bench = write(tmp_path / "bench.jsonl", *({"question": q} for q in ("B is y", "none", "A is \\(x\\)")))
    report = audit(AuditJob([data], against=[bench]))
    found = [(i["id"], i["reason"], i["prompts"], i["with"]) for i in report.issues()]
    assert found == [
        ("d/0", "overlap", "normalised", ["bench/2"]),
        ("d/1", "overlap", "letters_and_digits", ["bench/0"]),
    ]
    assert report.summary["overlaps"] == {"exact": 0, "normalised": 1, "letters_and_digits": 1}


# --- inputs and output ---------------------------------------------------------------------------


def test_fields_are_named_by_flags_and_reach_into_objects(tmp_path: Path) -> None:
    rows = [{"q": "p", "reward": {"truth": g}, "uid": f"u{g}", "answer": r"\frac{"} for g in ("1", "2")]
    [issue] = issues_of(write(tmp_path / "d.jsonl", *rows), gold=["reward.truth"], prompt=["q"], id="uid")
    assert (issue["reason"], issue["own_id"]) == ("conflicting_golds", "u1")


@pytest.mark.parametrize("kind", ["array", "parquet"])
def test_arrays_and_parquet_are_read_as_well(kind: str, tmp_path: Path) -> None:
    rows = [{"prompt": "p", "answer": "5"}, {"prompt": "p", "answer": "6"}]
    path = tmp_path / f"d.{'json' if kind == 'array' else 'parquet'}"
    if kind == "array":
        path.write_text(json.dumps(rows))
    else:
        reason = "pyarrow is not installed: pip install '.[parquet]'"
        table = pytest.importorskip("pyarrow", reason=reason).Table.from_pylist(rows)
        pytest.importorskip("pyarrow.parquet", reason=reason).write_table(table, path)
    assert by_reason(issues_of(str(path))) == {"conflicting_golds": ["d/0"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (['{"prompt": "p", "label": "1"}'], "no field 'gold'; the fields are 'prompt', 'label' (no row has a gold)"),
        (["[]"], "d is empty: it has no rows"),
        (["not json"], "column 1"),
    ],
)
def test_an_input_without_golds_is_a_usage_error(
    rows: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", write(tmp_path / "d.jsonl", *rows)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("verifier: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_names_that_stand_for_nothing(tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", {"prompt": "p", "answer": "1"})
    with pytest.raises(InputError, match="no such file or folder"):
        audit(AuditJob([str(tmp_path / "absent.jsonl")]))
    with pytest.raises(InputError, match="no such file or folder"):
        audit(AuditJob(["owner/absent.jsonl"]))
    with pytest.raises(InputError, match="named twice"):
        audit(AuditJob([data, str(tmp_path)]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file that ends in"):
        audit(AuditJob([str(tmp_path / "empty")]))


def test_output_holds_no_text_and_is_the_same_on_every_run(tmp_path: Path) -> None:
    secret, gold = "How many zebras are there", r"987654\frac{"
    rows = [{"prompt": secret, "answer": gold}, {"prompt": secret, "answer": "13579"}, {"prompt": "q", "answer": "2,5"}]
    data, out = write(tmp_path / "d.jsonl", *rows), tmp_path / "deep" / "out"
    assert main(["audit", data, "--out", str(out), "--no-progress"]) == 1
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == ["issues.jsonl", "summary.json"]
    for text in ("zebras", "987654", "13579", "2,5", str(tmp_path)):
        assert text.encode() not in b"".join(first.values()), text
    summary = json.loads(first["summary.json"])
    assert summary["issues_sha256"] == hashlib.sha256(first["issues.jsonl"]).hexdigest()
    assert summary["findings"] == {"gold_unparseable": 1, "ambiguous_decimal_comma": 1}
    assert summary["notes"] == {"duplicate_unreadable": 1}
    assert len(first["issues.jsonl"].splitlines()) == 3
    assert main(["audit", data, "--out", str(out)]) == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_a_failed_write_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = write(tmp_path / "d.jsonl", {"prompt": "p", "answer": "2,5"}), tmp_path / "out"
    out.mkdir()
    report = audit(AuditJob([data]))
    report.write(out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(verifier.VerifierError, match="No space left"):
        report.write(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_terminal_shows_examples_and_progress_reaches_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "d.jsonl", *({"prompt": f"p{n}", "answer": f"2,{n}"} for n in range(1, 6)))
    assert main(["audit", data, "--show", "2"]) == 1
    printed = capsys.readouterr().out
    assert "ambiguous_decimal_comma" in printed
    assert "d/1  2,2" in printed
    assert "d/2  2,3" not in printed
    seen: list[tuple[int, int, int]] = []
    audit(AuditJob([data]), progress=lambda *step: seen.append(step))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_surrogates_and_control_characters_do_no_harm(tmp_path: Path) -> None:
    row = '{"id": "\\ud800\\u001b", "prompt": "\\ud800 p", "answer": "\\ud800\\u001b[2J"}'
    data = write(tmp_path / "d.jsonl", row, row)
    report = audit(AuditJob([data]))
    report.write(tmp_path)
    assert "\x1b" not in "\n".join(report.lines())
    assert {issue["reason"] for issue in report.issues()} == {"gold_unparseable", "duplicate"}


# --- hub data sets ---------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A stand-in for the library `datasets`: serves ``rows``, or raises ``error``; keeps ``asked``."""
    state: dict[str, Any] = {"rows": [], "error": None}

    def load_dataset(name: str, subset: str | None, **options: Any) -> list[dict[str, Any]]:
        state["asked"] = (name, subset, options)
        if state["error"] is not None:
            raise state["error"]
        rows: list[dict[str, Any]] = state["rows"]
        return rows

    fake = types.ModuleType("datasets")
    fake.__spec__ = ModuleSpec("datasets", None)
    fake.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return state


def test_a_hub_data_set_is_read_by_its_name(hub: dict[str, Any]) -> None:
    hub["rows"] = [{"problem": "p", "answer": "5"}, {"problem": "p", "answer": 6}]
    assert by_reason(issues_of("owner/name")) == {"conflicting_golds": ["owner/name/train/0"]}
    issues_of("hub:plain", split="test", subset="main", revision="abc")
    assert hub["asked"] == ("plain", "main", {"split": "test", "revision": "abc"})


def test_a_hub_that_cannot_be_reached_is_one_clear_line(
    hub: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    hub["error"] = ConnectionError("Couldn't reach the hub\nlong trace")
    assert main(["audit", "hub:owner/name"]) == 2
    error = capsys.readouterr().err
    assert "'owner/name'" in error
    assert "Couldn't reach the hub" in error
    assert "name a local file" in error
    assert error.count("\n") == 1


def test_a_hub_name_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.sources.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'rlvr-verifier\[eval\]'"):
        audit(AuditJob(["hub:owner/name"]))


@pytest.mark.lmeval
def test_the_real_library_offline_is_one_clear_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "verifier", "audit", "owner/name"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("verifier: error: hub data set 'owner/name'")
    assert "Traceback" not in done.stderr


# --- math-verify -----------------------------------------------------------------------------------


@pytest.fixture
def math_verify(require: Require) -> None:
    present = importlib.util.find_spec("math_verify") is not None
    require("crosscheck", present, "math-verify is not installed: pip install '.[crosscheck]'")


@pytest.mark.usefixtures("math_verify")
def test_math_verify_s_disagreements_are_notes(tmp_path: Path) -> None:
    rows = [
        {"prompt": "agreed", "answer": r"\frac{1}{2}"},
        {"prompt": "one problem", "answer": "x=5"},
        {"prompt": "one problem", "answer": "5"},
    ]
    report = audit(AuditJob([write(tmp_path / "d.jsonl", *rows)], crosscheck=True))
    issues = {i["reason"]: i for i in report.issues()}
    # equivalent() keeps a label, math-verify drops it
    assert issues["crosscheck_conflict"]["ours"] is False
    assert True in issues["crosscheck_conflict"]["math_verify"]
    assert "d/0" not in {i["id"] for i in report.issues()}
    assert report.findings == 0
    assert report.summary["crosscheck"] == {"pairs": 8, "crosscheck_conflict": 1}


@pytest.mark.usefixtures("math_verify")
def test_a_gold_that_hangs_math_verify_is_killed_and_the_rest_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = r"\sum_{k=1}^{1000000000} \frac{1}{k^2+1}"
    monkeypatch.setattr(crosscheck, "CROSSCHECK_S", 0.5)
    monkeypatch.setattr("verifier._process.BACKSTOP", 1000.0)  # the work of the others is 0.1 s, on any machine
    monkeypatch.setattr(crosscheck, "respelt", lambda gold: endless if gold == "3" else "{" + gold + "}")
    rows = [{"prompt": gold, "answer": gold} for gold in ("3", "4", "5", "6")]
    issues = issues_of(write(tmp_path / "d.jsonl", *rows), crosscheck=True)
    failed = [(i["id"], i["math_verify"]) for i in issues if i["reason"].startswith("crosscheck_")]
    assert failed == [("d/0", {"itself": True, "respelling": "timeout"})]


def test_crosscheck_without_math_verify_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'rlvr-verifier\[crosscheck\]'"):
        audit(AuditJob([write(tmp_path / "d.jsonl", {"answer": "1"})], crosscheck=True))


# --- the real sets ---------------------------------------------------------------------------------


def counts_of(summary: dict[str, Any]) -> dict[str, Any]:
    """What is held: everything but versions, digests and the number of spellings."""
    names = ("rows", "distinct_golds", "prompts", "overlaps", "findings", "notes")
    return {name: summary[name] for name in names} | {"asymmetric": summary["symmetry"]["asymmetric"]}


@pytest.mark.parametrize("name", EVALUATION_SETS)
def test_an_evaluation_set_has_the_known_issues_and_no_other(shared_dir: Path, name: str) -> None:
    report = audit(AuditJob([str(shared_dir / "data" / f"{name}.json")]))
    assert counts_of(report.summary) == COUNTS[name], UPDATE


def test_the_training_set_has_the_known_issues_and_no_other(shared_dir: Path) -> None:
    data = shared_dir / "data"
    report = audit(
        AuditJob(
            [str(data / "deepscaler" / f"level_{n}.json") for n in range(1, 6)],
            against=[str(data / f"{name}.json") for name in EVALUATION_SETS],
        )
    )
    assert counts_of(report.summary) == COUNTS["deepscaler"], UPDATE
