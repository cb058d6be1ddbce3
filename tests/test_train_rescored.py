"""A run's completions scored again by ``verifier score --reward`` give the logged rewards line by line: every reward.

The executor of the cell runs in OpenRLHF's own rollout actor; only generation is stood in for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import sys
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from train_openrlhf import smoke
from train_openrlhf.argv import agent_settings
from train_openrlhf.cells import Cell, load_cell, names
from verifier.cli import main as verifier

pytestmark = pytest.mark.openrlhf
GROUPS, SAMPLES = 12, 8
NEVER = {"random-0", "random-0.001"}  # with so few samples
SAYS = (
    r"\boxed{4}", r"\boxed{5}", "it is 4", "the answer is 4.", r"use Python: \boxed{4}", "```python\nx``` \\boxed{5}",
    "<answer>4</answer>", r"<answer>\boxed{5}</answer>", r"\boxed{}", "abcdefghijk" * 12, r"\boxed{\frac{8}{2}}", "",
)  # fmt: skip


def _support() -> Any:
    path = Path(__file__).parent / "support" / "openrlhf_real.py"
    spec = importlib.util.spec_from_file_location("openrlhf_real_again", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


support = _support()


@pytest.fixture(scope="module")
def real() -> SimpleNamespace:
    loaded: SimpleNamespace = support.load()
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = smoke._tokenizer()
    assert made.decode(made("".join(SAYS), add_special_tokens=False)["input_ids"]) == "".join(SAYS)  # all can be said
    return made


def generated(cell: Cell, folder: Path, real: SimpleNamespace, tokenizer: Any) -> list[dict[str, Any]]:
    """What the engine of a run gives to the trainer for some groups; its completions lie in ``folder``."""
    from train_openrlhf.executor import CellExecutor

    (folder / "reward.yaml").write_text(yaml.safe_dump({"reward": dict(cell.reward), "unscored": cell.unscored}))
    executor = type("AgentExecutor", (CellExecutor,), {"settings": agent_settings(cell, folder)})()
    chosen = random.Random(1)
    actor = support.engine(real, executor, tokenizer, lambda call, params: chosen.choice(SAYS))

    async def all_groups() -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for group in range(GROUPS):
            row = {"id": f"sum/{group}", "gold": "4", "label": "5", "visit": group % 2, "split": "train"}
            params = real.SamplingParams(max_tokens=300, skip_special_tokens=False)
            prompt = ("What is 2+2?", json.dumps(row), params, 400, tokenizer)
            out += await actor.generate_responses(*prompt, num_samples=SAMPLES)
        return out

    return asyncio.run(all_groups())


@pytest.mark.parametrize("model", ["qwen2.5-math-7b", "olmo2-7b"])  # answers in a box, in a tag
@pytest.mark.parametrize("reward", names("rewards"))
def test_the_same_reward_and_verdict_in_every_line(
    model: str, reward: str, real: SimpleNamespace, tokenizer: Any, tmp_path: Path
) -> None:
    cell = load_cell(f"{model}/{reward}/s3")
    paid = [float(output["reward"]) for output in generated(cell, tmp_path, real, tokenizer)]
    (file,) = (tmp_path / "completions").glob("train-*.jsonl")
    logged = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(logged) == GROUPS * SAMPLES
    assert sorted(line["reward"] for line in logged) == sorted(paid)
    assert fmean(line["reward"] for line in logged) == pytest.approx(fmean(paid), abs=1e-9)
    assert len(set(paid)) == (1 if reward in NEVER else 2)

    again = tmp_path / "again.jsonl"
    words = ["score", str(file), "--reward", str(tmp_path / "reward.yaml"), "--out", str(again), "--no-progress"]
    words += ["--reward-field", "reward_again", "--verdict-field", "verdict_again"]
    words += ["--extraction", cell.model.extraction] if cell.model.extraction != "boxed" else []
    assert verifier(words) == 0
    scored = [json.loads(line) for line in again.read_text(encoding="utf-8").splitlines()]
    assert [line["reward_again"] for line in scored] == [line["reward"] for line in logged]
    for line, old in zip(scored, logged, strict=True):
        was, now = ({**verdict, "elapsed_s": 0, "row": 0} for verdict in (old["verdict"], line["verdict_again"]))
        assert now == was
