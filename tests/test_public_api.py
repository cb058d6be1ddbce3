"""The public face: names, signatures, what a verdict is, what raises, and what an import costs.

Promises: the names in ``__all__`` are these and no others; every call takes its texts by keyword; a verdict is a
value that can be sent and compared; only a configuration raises; importing the package imports no heavy library.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import verifier
from verifier import (
    ConfigError,
    InputError,
    Limits,
    Policy,
    Reason,
    Rung,
    Status,
    Verdict,
    VerifierConfig,
    VerifierError,
    averify,
    equivalent,
    extract,
    verify,
    verify_batch,
)
from verifier.rewards import load_reward_file

NAMES = [
    "ConfigError",
    "InputError",
    "Limits",
    "Policy",
    "Reason",
    "Rung",
    "Status",
    "Verdict",
    "VerifierConfig",
    "VerifierError",
    "averify",
    "equivalent",
    "extract",
    "verify",
    "verify_batch",
]
# (response, gold, status, reason)
EXAMPLES = [
    (r"so \boxed{\frac{2}{4}}", "0.5", Status.CORRECT, Reason.EQUAL),
    (r"so \boxed{3}", "4", Status.INCORRECT, Reason.NOT_EQUAL),
    (r"so \boxed{1,2}", "4", Status.INCORRECT, Reason.TYPE_MISMATCH),
    ("it is 4", "4", Status.INCORRECT, Reason.NO_ANSWER),
    (None, "4", Status.INCORRECT, Reason.NO_ANSWER),
    (r"so \boxed{4", "4", Status.INCORRECT, Reason.UNCLOSED_BOX),
    (r"so \boxed{\frac{1}}", "4", Status.INCORRECT, Reason.UNPARSEABLE),
    (r"so \boxed{\frac{0}{0}}", "4", Status.INCORRECT, Reason.UNDEFINED),
    (r"so \boxed{" + "9" * 30_000 + "}", "4", Status.INCORRECT, Reason.OVER_LIMIT),
    (r"so \boxed{4}", r"\frac{1}", Status.UNSCORED, Reason.GOLD_UNPARSEABLE),
    (r"so \boxed{4}", r"We add, $2 + 2 = 4$. So $x = \boxed{4}$.", Status.CORRECT, Reason.EQUAL),
    (r"so \boxed{5}", r"We add, $2 + 2 = 4$. So $x = \boxed{4}$.", Status.INCORRECT, Reason.NOT_EQUAL),
    (r"so \boxed{4}", r"It is (see) $\boxed{3}$ or $\boxed{4}$. Both.", Status.UNSCORED, Reason.GOLD_UNPARSEABLE),
    (r"so \boxed{4}", "?", Status.UNSCORED, Reason.GOLD_UNDEFINED),
    (r"so \boxed{4}", "9" * 30_000, Status.UNSCORED, Reason.GOLD_OVER_LIMIT),
]


def test_in_a_mode_that_reads_prose_so_does_the_gold_but_not_its_last_number() -> None:
    config = VerifierConfig(extraction="any")
    stated = verify(response="The answer is 4.", gold=r"Adding gives \[2 + 2 = 4.\] The answer is 4.", config=config)
    damaged = verify(response="The answer is 4.", gold="(4", config=config)
    assert (stated.status, damaged.reason) == (Status.CORRECT, Reason.GOLD_UNPARSEABLE)


# ------------------------------------------------------------------------------------ names and signatures


def test_the_exported_names_are_these_sorted_and_present() -> None:
    assert verifier.__all__ == NAMES == sorted(NAMES)
    assert all(hasattr(verifier, name) for name in NAMES)
    assert verifier.__version__.count(".") >= 2


def test_every_exported_name_is_documented() -> None:
    assert not [name for name in NAMES if not inspect.getdoc(getattr(verifier, name))]


@pytest.mark.parametrize("call", [verify, averify, verify_batch])
def test_texts_are_passed_by_keyword_only(call: Callable[..., Any]) -> None:
    kinds = {p.kind for p in inspect.signature(call).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(TypeError):
        call("4", "4")


def test_the_config_of_equivalent_is_keyword_only() -> None:
    parameters = inspect.signature(equivalent).parameters
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == ["config"]


# ------------------------------------------------------------------------------------------------ verdicts


@pytest.mark.parametrize(("response", "gold", "status", "reason"), EXAMPLES)
def test_status_reason_and_the_fields_that_go_with_them(
    response: str | None, gold: str, status: Status, reason: Reason
) -> None:
    verdict = verify(response=response, gold=gold)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert verdict.correct is (status is Status.CORRECT)
    assert (verdict.answer is None) == (verdict.span is None)
    if verdict.span is not None and response is not None:
        assert response[slice(*verdict.span)] == verdict.answer
    assert verdict.fingerprint == VerifierConfig().fingerprint()
    assert verdict.elapsed_s >= 0
    if status is not Status.CORRECT:
        assert verdict.detail or reason is Reason.NOT_EQUAL


@pytest.mark.parametrize("reason", Reason)
def test_only_the_response_s_faults_are_incorrect(reason: Reason) -> None:
    assert reason.fault in {"none", "response", "gold", "instrument"}
    assert str(reason) == reason.value
    if reason.value.startswith("gold_"):
        assert reason.fault == "gold"


@pytest.mark.parametrize(("response", "gold", "status", "reason"), EXAMPLES)
def test_a_verdict_can_be_sent_compared_and_written(
    response: str | None, gold: str, status: Status, reason: Reason
) -> None:
    verdict = verify(response=response, gold=gold)
    assert pickle.loads(pickle.dumps(verdict)) == verdict
    assert dataclasses.replace(verdict, elapsed_s=verdict.elapsed_s + 1) == verdict
    other = Status.INCORRECT if status is Status.CORRECT else Status.CORRECT
    assert dataclasses.replace(verdict, status=other) != verdict
    row = json.loads(json.dumps(verdict.to_dict()))
    assert list(row) == [field.name for field in dataclasses.fields(Verdict)]
    assert (row["status"], row["reason"]) == (status.value, reason.value)


def test_a_verdict_cannot_be_changed() -> None:
    verdict = verify(response=r"\boxed{4}", gold="4")
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.status = Status.INCORRECT  # type: ignore[misc]
    assert not hasattr(verdict, "__dict__")


def test_exactness_names_the_kind_of_decision() -> None:
    exact = verify(response=r"\boxed{\sqrt{8}}", gold=r"2\sqrt{2}")
    numeric = verify(response=r"\boxed{\sin 2 - 2\sin 1\cos 1 + e^{\pi} + \sin(1)}", gold=r"e^{\pi} + \sin 1")
    assert exact.correct
    assert exact.exactness == "exact"
    assert numeric.correct
    assert numeric.exactness == ("numeric" if numeric.rung is Rung.NUMERIC else "exact")
    assert verify(response="none", gold="4").exactness is None


# --------------------------------------------------------------------------------------- golds and responses


@pytest.mark.parametrize("gold", [None, True, False, [4], {"a": 4}, b"4", object()])
def test_what_is_no_gold_is_unscored(gold: Any) -> None:
    verdict = verify(response=r"\boxed{4}", gold=gold)
    assert (verdict.status, verdict.reason) == (Status.UNSCORED, Reason.GOLD_UNPARSEABLE)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (4, "4", "5"),
        (142.0, "142", "1420"),
        (0.1, "0.1", "0.1000000000000000055511151231257827"),
        (-3, "-3", "3"),
        (10**40, "1" + "0" * 40, "1" + "0" * 39 + "1"),
        (Decimal("2.50"), "2.5", "2.51"),
        (Fraction(1, 3), r"\frac13", "0.3333333333333333"),
        (1e22, "10000000000000000000000", "10000000000000000000001"),
        (0, "0", "1"),
    ],
)
def test_numbers_as_golds_are_read_by_their_decimal_text(gold: Any, right: str, wrong: str) -> None:
    assert verify(response=f"\\boxed{{{right}}}", gold=gold).status is Status.CORRECT
    assert verify(response=f"\\boxed{{{wrong}}}", gold=gold).status is Status.INCORRECT


@pytest.mark.parametrize(
    ("kind", "value", "right", "wrong"),
    [
        ("int64", 3, "3", "4"),
        ("uint8", 200, "200", "-56"),
        ("float64", 0.1, "0.1", "0.1000000000000000055511151231257827"),
        ("float32", 0.1, "0.1", "0.100000001490116"),
        ("float16", 0.5, "1/2", "0.05"),
        ("longdouble", 2, "2", "3"),
    ],
)
def test_numbers_of_numpy_are_golds_too(kind: str, value: Any, right: str, wrong: str) -> None:
    gold = getattr(pytest.importorskip("numpy"), kind)(value)
    assert verify(response=f"\\boxed{{{right}}}", gold=gold).status is Status.CORRECT
    assert verify(response=f"\\boxed{{{wrong}}}", gold=gold).status is Status.INCORRECT


def test_what_numpy_has_beside_numbers_is_no_gold() -> None:
    numpy = pytest.importorskip("numpy")
    for gold in (
        numpy.bool_(True),
        numpy.array([4]),
        numpy.array(4),
        numpy.complex64(4),
        numpy.datetime64("2026-01-01"),
    ):
        verdict = verify(response=r"\boxed{4}", gold=gold)
        assert (verdict.status, verdict.reason) == (Status.UNSCORED, Reason.GOLD_UNPARSEABLE)
    for text in ("nan", "inf"):
        mine, ours = (verify(response=r"\boxed{4}", gold=kind(text)) for kind in (numpy.float32, float))
        assert (mine.status, mine.reason) == (ours.status, ours.reason)


@pytest.mark.parametrize("gold", [float("nan"), float("inf") - float("inf")])
def test_nan_is_equal_to_nothing(gold: float) -> None:
    verdict = verify(response=r"\boxed{nan}", gold=gold)
    assert (verdict.status, verdict.reason) == (Status.UNSCORED, Reason.GOLD_UNDEFINED)


@pytest.mark.parametrize("response", [4, 4.0, True, ["4"], b"\\boxed{4}"])
def test_what_is_no_text_is_no_answer(response: Any) -> None:
    verdict = verify(response=response, gold="4")
    assert (verdict.status, verdict.reason) == (Status.INCORRECT, Reason.NO_ANSWER)


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "\ud800", "\\", "\\boxed", "\\boxed{", "\\boxed{}", "}{", "\u202e\\boxed{4}"]
)
def test_no_text_raises(text: str) -> None:
    for verdict in (verify(response=text, gold="4"), verify(response=r"\boxed{4}", gold=text)):
        assert isinstance(verdict, Verdict)
    assert equivalent(text, text) in (True, False)
    extract(text)


def test_equivalent_uses_none_of_the_gold_s_leniencies() -> None:
    pairs = [("15", r"15\%"), ("5", "x=5"), ("52", "52_8"), ("5", r"5\text{ cm}")]
    for answer, gold in pairs:
        assert verify(response=f"\\boxed{{{answer}}}", gold=gold).correct
        assert not equivalent(answer, gold)
    assert equivalent("0.15", r"15\%")


# --------------------------------------------------------------------------------------------------- config


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"extraction": "last"}, "extraction='last'"),
        ({"extraction": ""}, "extraction"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": -1.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": "3"}, "timeout_s='3' must be a positive number"),
        ({"timeout_s": True}, "timeout_s=True"),
        ({"timeout_s": None}, "timeout_s=None"),
        ({"memory_mb": 1}, "memory_mb=1 must be a whole number"),
        ({"memory_mb": 512.0}, "memory_mb=512.0"),
        ({"memory_mb": None}, "memory_mb=None"),
        ({"second_opinion": "no"}, "second_opinion='no' must be True or False"),
        ({"extraction": ["boxed"]}, "extraction="),
        ({"limits": None}, "limits=None must be a Limits"),
        ({"limits": {"depth": 3}}, "limits=.* must be a Limits"),
        ({"policy": {}}, "policy={} must be a Policy"),
    ],
)
def test_a_setting_that_cannot_be_honoured_raises_and_says_which(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        VerifierConfig(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
@pytest.mark.parametrize("value", ["5", 5.0, True, None, 0, -1])
def test_a_limit_is_a_whole_number_of_1_or_more(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^limits\.{name}={value!r} must be a whole number of 1 or more$"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Policy)])
@pytest.mark.parametrize("value", ["on", 1, None])
def test_a_policy_is_a_switch(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^policy\.{name}={value!r} must be True or False$"):
        Policy(**{name: value})


def test_a_reward_file_with_a_limit_below_1_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "reward.json"
    path.write_text('{"reward": {"kind": "ground_truth", "config": {"limits": {"depth": -1}}}}')
    with pytest.raises(ConfigError, match=r"reward\.json.*limits\.depth=-1 must be a whole number of 1 or more"):
        load_reward_file(path)


def test_an_unknown_extraction_mode_raises() -> None:
    with pytest.raises(ConfigError, match="boxed"):
        extract(r"\boxed{4}", "last")


def test_a_batch_must_pair_up() -> None:
    with pytest.raises(ConfigError, match="2 responses but 1 golds"):
        verify_batch(responses=["4", "5"], golds=["4"])
    with pytest.raises(ConfigError, match="workers=0"):
        verify_batch(responses=["4"], golds=["4"], workers=0)


def test_the_errors_form_a_tree_that_value_error_catches() -> None:
    for error in (ConfigError, InputError):
        assert issubclass(error, VerifierError)
        assert issubclass(error, ValueError)


def test_the_fingerprint_changes_with_every_setting_and_with_nothing_else() -> None:
    assert VerifierConfig().fingerprint() == VerifierConfig(extraction="boxed", limits=Limits()).fingerprint()
    changed = [VerifierConfig(extraction="any"), VerifierConfig(timeout_s=9.0), VerifierConfig(memory_mb=999)]
    changed.append(VerifierConfig(second_opinion=True))
    for field in dataclasses.fields(Limits):
        value = getattr(Limits(), field.name)
        changed.append(VerifierConfig(limits=dataclasses.replace(Limits(), **{field.name: value + 1})))
    for field in dataclasses.fields(Policy):
        value = getattr(Policy(), field.name)
        if isinstance(value, bool):
            changed.append(VerifierConfig(policy=dataclasses.replace(Policy(), **{field.name: not value})))
    fingerprints = {config.fingerprint() for config in changed} | {VerifierConfig().fingerprint()}
    assert len(fingerprints) == len(changed) + 1
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in fingerprints)


@pytest.mark.parametrize(
    ("setting", "answer", "gold", "by_default"),
    [
        ("drop_units", "5", r"5\text{ cm}", True),
        ("drop_percent", "15", r"15\%", True),
        ("drop_labels", "5", "x=5", True),
        ("drop_base", "52", "52_8", True),
        ("tuple_brackets", "1,2", "(1,2)", True),
        ("decimal_comma", "0,5", "0.5", False),
        ("decimals_at_gold_digits", r"\pi", "3.14", False),
    ],
)
def test_each_leniency_is_a_switch(setting: str, answer: str, gold: str, by_default: bool) -> None:
    response = f"\\boxed{{{answer}}}"
    switched = VerifierConfig(policy=dataclasses.replace(Policy(), **{setting: not by_default}))
    assert verify(response=response, gold=gold).correct is by_default
    assert verify(response=response, gold=gold, config=switched).correct is not by_default


def test_a_second_opinion_decides_what_our_parser_cannot_read() -> None:
    pytest.importorskip("math_verify", reason="the second opinion (extra `crosscheck`)")
    asked = VerifierConfig(second_opinion=True, timeout_s=30.0)
    for gold, status in (("1", Status.CORRECT), ("2", Status.INCORRECT)):
        pair = {"response": r"\boxed{x=1=}", "gold": gold}
        unasked = verify(**pair)
        assert (unasked.status, unasked.reason, unasked.rung) == (Status.INCORRECT, Reason.UNPARSEABLE, None)
        verdict = verify(**pair, config=asked)
        assert (verdict.status, verdict.rung) == (status, Rung.SECOND_OPINION)
        assert verify_batch(responses=[pair["response"]], golds=[gold], config=asked) == [verdict]


# ------------------------------------------------------------------------------------ one verdict everywhere


def _texts() -> tuple[list[str | None], list[str]]:
    return [row[0] for row in EXAMPLES], [row[1] for row in EXAMPLES]


def test_the_batch_gives_the_verdicts_of_single_calls_in_order() -> None:
    responses, golds = _texts()
    single = [verify(response=r, gold=g) for r, g in zip(responses, golds, strict=True)]
    steps: list[tuple[int, int]] = []
    batch = verify_batch(responses=responses * 3, golds=golds * 3, progress=lambda done, n: steps.append((done, n)))
    assert batch == single * 3
    assert steps[-1] == (len(batch), len(batch))
    assert verify_batch(responses=[], golds=[]) == []


def test_the_same_verdicts_from_a_thread_a_pool_and_an_event_loop() -> None:
    responses, golds = _texts()
    single = [verify(response=r, gold=g) for r, g in zip(responses, golds, strict=True)]
    found: list[Verdict] = []
    thread = Thread(
        target=lambda: found.extend(verify(response=r, gold=g) for r, g in zip(responses, golds, strict=True))
    )
    thread.start()
    thread.join()
    assert found == single
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(lambda r, g: verify(response=r, gold=g), responses, golds)) == single

    async def gathered() -> list[Verdict]:
        calls = [averify(response=r, gold=g) for r, g in zip(responses, golds, strict=True)]
        return list(await asyncio.gather(*calls))

    assert asyncio.run(gathered()) == single


# ------------------------------------------------------------------------------------------- cost of an import


def _python(code: str, folder: Path) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    return run.stdout.strip()


def test_the_import_and_a_first_verdict_load_no_heavy_library(root: Path) -> None:
    code = r"""
import sys, verifier
heavy = {"sympy", "mpmath", "numpy", "torch", "math_verify", "latex2sympy2_extended", "antlr4", "pyarrow", "lm_eval"}
print(sorted(heavy & set(sys.modules)))
verdict = verifier.verify(response=r"so \boxed{2\sqrt{2}}", gold=r"\sqrt{8}")
print(verdict.status, sorted(heavy & set(sys.modules)))
"""
    assert _python(code, root).splitlines() == ["[]", "correct []"]


def test_the_import_starts_no_process_and_no_thread(root: Path) -> None:
    code = "import threading, multiprocessing as m, verifier; print(threading.active_count(), m.active_children())"
    assert _python(code, root) == "1 []"
