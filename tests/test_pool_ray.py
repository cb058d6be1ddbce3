"""The pool inside Ray actors: real Ray, real worker processes, killed from outside; at most one worker an actor."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import verifier

pytestmark = pytest.mark.ray
# The actors import this module as well as the package.
PATH = os.pathsep.join([str(Path(verifier.__file__).parents[1]), str(Path(__file__).parent)])
INTEGRAL = (r"\boxed{\int_0^1\sin(x)dx}", r"1-\cos 1")  # only a worker process decides it
ROOMY_S = 60.0  # a busy machine must not decide


@pytest.fixture(scope="module")
def ray(local_ray: Callable[[str], AbstractContextManager[Any]]) -> Iterator[Any]:
    with local_ray(PATH) as ray:
        yield ray


class Grader:
    """What runs in the actor. Its methods import there."""

    def __init__(self, size: int | None) -> None:
        from verifier.pool import set_pool_size

        if size is not None:
            set_pool_size(size)

    def verify(self, response: str, gold: str, timeout_s: float = ROOMY_S) -> tuple[str, str]:
        from verifier import VerifierConfig, verify

        verdict = verify(response=response, gold=gold, config=VerifierConfig(timeout_s=timeout_s))
        return verdict.status.value, str(verdict.rung)

    def many(self, threads: int) -> list[str]:
        """Statuses of pairs that all need a worker, from several threads at once."""
        from concurrent.futures import ThreadPoolExecutor

        from verifier import VerifierConfig, verify

        config = VerifierConfig(timeout_s=ROOMY_S)

        def one(number: int) -> str:
            response = rf"\boxed{{\int_0^1 {number}\sin(x)dx}}"
            return verify(response=response, gold=rf"{number}-{number}\cos 1", config=config).status.value

        with ThreadPoolExecutor(threads) as executor:
            return list(executor.map(one, range(2, 18)))

    def workers(self) -> list[int]:
        """Process ids of the verifier's workers that live below this actor."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
                    command = Path(f"/proc/{entry}/cmdline").read_bytes()
                except OSError:
                    continue
                if int(parent) == os.getpid() and state not in "ZX" and b"verifier._worker" in command:
                    found.append(int(entry))
        return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_an_actor_verifies_with_one_worker(ray: Any) -> None:
    actor = ray.remote(Grader).remote(1)
    assert ray.get(actor.verify.remote(*INTEGRAL)) == ("correct", "symbolic")
    first = ray.get(actor.workers.remote())
    assert ray.get(actor.many.remote(8)) == ["correct"] * 16
    assert ray.get(actor.workers.remote()) == first
    assert len(first) == 1
    os.kill(first[0], signal.SIGKILL)
    _until_gone(first[0])  # a task handed to a worker that is dying is a crash, and rightly so
    # another pair, as a decision is remembered
    assert ray.get(actor.verify.remote(r"\boxed{\int_0^1 99\sin(x)dx}", r"99-99\cos 1")) == ("correct", "symbolic")
    (second,) = ray.get(actor.workers.remote())
    assert second != first[0]


def test_the_environment_sets_the_size(ray: Any) -> None:
    actor = ray.remote(runtime_env={"env_vars": {"PYTHONPATH": PATH, "RLVR_POOL_SIZE": "1"}})(Grader).remote(None)
    assert ray.get(actor.many.remote(4)) == ["correct"] * 16
    assert len(ray.get(actor.workers.remote())) == 1


def test_an_actor_s_hang_costs_nobody_else(ray: Any) -> None:
    actor = ray.remote(max_concurrency=3)(Grader).remote(1)
    hang = actor.verify.remote(r"\boxed{\int_0^1 \sin(\cos(\sin(x^x)))^{x^{x}} dx}", r"\int_0^2 \cos(x^x) dx", 0.8)
    assert ray.get(actor.many.remote(2)) == ["correct"] * 16
    assert ray.get(hang)[0] in ("unscored", "incorrect")


def test_a_killed_actor_takes_its_worker_along(ray: Any) -> None:
    actor = ray.remote(Grader).remote(1)
    assert ray.get(actor.verify.remote(*INTEGRAL))[0] == "correct"
    (worker,) = ray.get(actor.workers.remote())
    ray.kill(actor)
    _until_gone(worker)


def _until_gone(pid: int) -> None:
    """Wait for an end that must come; the limit only ends a test that has failed."""
    import time

    limit = time.monotonic() + 60
    while _alive(pid):
        assert time.monotonic() < limit, "the worker outlived its actor"
        time.sleep(0.02)
