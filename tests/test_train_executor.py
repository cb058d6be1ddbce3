"""The parts of a run's executor that need no framework: its settings, its completions on disk, shared engine calls."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train_openrlhf.completions import SharedEngine, Steps, share
from train_openrlhf.executor_settings import ExecutorSettings
from verifier.errors import ConfigError
from verifier.rows import Row

GIVEN = {"reward_file": "r", "completions": "c", "checkpoints": "k"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log_shares": 1}, "no key 'log_shares'"),
        ({"log_share": 1.5}, "log_share=1.5 must be from 0 to 1"),
        ({"stop": "</answer>"}, "must be a list"),
        ({"evaluation": {"amc": {"n": 8}}}, "evaluation\\['amc'\\] has no key 'n'"),
        ({"evaluation": {"amc": {"k": 0}}}, "k=0 must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ExecutorSettings.from_dict(GIVEN | change)
    with pytest.raises(ConfigError, match="lacks the key 'completions'"):
        ExecutorSettings.from_dict({"reward_file": "r"})


def test_completions_that_do_not_fit_leave_no_torn_line(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from train_openrlhf.completions import Completions\n"
        f"writer = Completions(Path({str(tmp_path)!r}))\n"
        "for _ in range(9): asyncio.run(writer.write('train', [{'response': 'x' * 400}] * 2))"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))  # noqa: E731
    # -B: an import would keep what fits under the limit of the code it compiled, for all who come after
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1
    assert "VerifierError: cannot write completions to" in done.stderr
    assert "File too large" in done.stderr
    (file,) = tmp_path.iterdir()
    lines = file.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"response": "x" * 400}] * 6


def test_calls_of_a_group_are_shared_in_turn() -> None:
    asked: list[int] = []

    async def generate(tokens: list[int], params: Any, multi_modal_data: Any = None) -> int:
        asked.append(len(asked))
        await asyncio.sleep(0)
        return asked[-1]

    async def group(calls: int) -> list[int]:
        engine = SharedEngine(SimpleNamespace(generate=generate), calls)
        return list(await asyncio.gather(*(engine.generate([1], None) for _ in range(8))))

    assert (asyncio.run(group(1)), len(asked)) == ([0] * 8, 1)
    asyncio.run(group(3))
    assert len(asked) == 4


def test_steps_are_counted_from_weight_updates(tmp_path: Path) -> None:
    async def rpc(method: str, args: Any = ()) -> None: ...

    engine = SimpleNamespace(llm=SimpleNamespace(collective_rpc=rpc))
    steps = Steps.of(None)
    assert steps.of_training() is None  # an engine of another kind
    steps.watch(engine)
    steps.watch(engine)  # once is enough
    for name, last in (("a", False), ("b", True), ("a", False)):
        asyncio.run(engine.llm.collective_rpc("update_weight", args=(name, None, None, last)))
    assert (steps.of_training(), steps.of_evaluation()) == (2, 1)
    (tmp_path / "_actor").mkdir()
    (tmp_path / "_actor" / "latest").write_text("global_step40\n")
    resumed = Steps.of(tmp_path)
    resumed.watch(SimpleNamespace(llm=SimpleNamespace(collective_rpc=rpc)))
    assert resumed.of_training() == 41


def test_the_logged_share_belongs_to_row_and_visit() -> None:
    rows = [Row(f"a/{n}", "?", "1", visit=v) for n in range(500) for v in (0, 1)]
    chosen = [share(3, row) < 0.25 for row in rows]
    assert 180 < sum(chosen) < 320
    assert chosen == [share(3, row) < 0.25 for row in rows]
    assert chosen[::2] != chosen[1::2]
