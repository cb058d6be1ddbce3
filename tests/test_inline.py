"""Rewards inside an event loop: the same results, and no waiting for a worker process there."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from verifier import Rung, VerifierConfig, verify
from verifier.inline import WorkerNeeded, arun, by_worker, inline
from verifier.rewards import All, GroundTruth, Not
from verifier.rows import Row

SYMBOLIC = r"\boxed{\int_0^2 x^%d dx}"  # only the symbolic rung decides these; each test takes exponents of its own
HANG = r"\boxed{\int_0^1 \frac{\sin(x)}{x} e^{x^3} dx}"


def settled(response: str, gold: str) -> Any:
    return replace(verify(response=response, gold=gold), elapsed_s=0.0)


@pytest.mark.parametrize("response", [r"\boxed{4}", SYMBOLIC % 3, SYMBOLIC % 4, HANG, "no answer"])
def test_a_verdict_is_the_one_from_outside(response: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A verdict says which of its limits a worker met, and is not remembered then: on a busy machine it could be either.
    monkeypatch.setattr("verifier._process.BACKSTOP", 1000.0)
    found = asyncio.run(arun(lambda: verify(response=response, gold="4")))
    assert found == settled(response, "4")


def test_what_needs_a_worker_is_said_and_not_waited_for() -> None:
    with inline({}), pytest.raises(WorkerNeeded) as caught:
        verify(response=SYMBOLIC % 5, gold="4")
    decision = caught.value.run()
    with inline({caught.value.key: decision}):
        assert verify(response=SYMBOLIC % 5, gold="4").status.value == "incorrect"
    with inline({}):
        assert verify(response=r"\boxed{4}", gold="4").correct  # cheap rungs need nobody


def test_a_second_opinion_is_asked_for_by_a_worker_too() -> None:
    pytest.importorskip("math_verify", reason="the second opinion (extra `crosscheck`)")
    config = VerifierConfig(second_opinion=True)
    call = {"response": r"\boxed{x=1=}", "gold": "1", "config": config}
    with inline({}), pytest.raises(WorkerNeeded):
        verify(**call)
    assert not verify(response=call["response"], gold=call["gold"]).correct
    found = asyncio.run(arun(lambda: verify(**call)))
    assert found == verify(**call)
    assert (found.correct, found.rung) == (True, Rung.SECOND_OPINION)


def test_only_this_thread_is_affected() -> None:
    found: list[Any] = []
    with inline({}):
        other = threading.Thread(target=lambda: found.append(verify(response=SYMBOLIC % 6, gold="4")))
        other.start()
        other.join()
    assert [verdict.status.value for verdict in found] == ["incorrect"]
    assert by_worker("key", lambda: 5) == 5  # and nothing is left behind


def test_nested_ones_come_apart_in_order() -> None:
    with inline({"a": 1}):
        with inline({"b": 2}):
            assert by_worker("b", lambda: 0) == 2
            with pytest.raises(WorkerNeeded):
                by_worker("a", lambda: 0)
        assert by_worker("a", lambda: 0) == 1


def test_a_compound_reward_asks_once_for_each_decision() -> None:
    asked: list[Any] = []

    async def decide(need: WorkerNeeded) -> Any:
        asked.append(need.key)
        return need.run()

    reward = All((GroundTruth(), Not(GroundTruth(against="label")), GroundTruth()))
    row = Row("a", "p", "4", label="5")
    call = asyncio.run(arun(lambda: reward(HANG, row), decide))
    assert call is None  # neither decision came, and None composes
    assert len(asked) == len(set(asked)) == 2


def test_an_error_of_the_call_is_the_callers() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(arun(broken))
