"""What a run with the TRL backend writes down: completions, curves and evaluations, as a run with OpenRLHF does.

Promises: a line of completions has the same keys as the executor's; curves have OpenRLHF's tags where they mean the
same, one point a rollout, numbered from 1; evaluation scores ground truth against ``gold`` whatever training pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from verifier import verify
from verifier.adapters.trl import TrlReward
from verifier.behaviour import has_box, has_code
from verifier.rewards import load_reward_file, quantise
from verifier.rows import Row
from verifier.verdict import Status, Verdict

from .cells import Cell
from .completions import Completions, share
from .executor_settings import ExecutorSettings

TRL_TAGS = {
    "clip_ratio/region_mean": "ppo_clip_ratio",
    "loss": "policy_loss",
    "learning_rate": "actor_lr",
    "grad_norm": "actor_grad_norm",
    "entropy": "entropy",
}
"""What TRL logs at each update -> its tag; a rollout's point is the mean over its updates."""


def line(row: Row, index: int, response: str, verdict: Verdict, **values: Any) -> dict[str, Any]:
    """One completion; values: step, reward, scored, truncated."""
    correct = None if verdict.status is Status.UNSCORED else verdict.correct
    return {
        "step": values["step"],
        "split": row.split,
        "benchmark": row.benchmark,
        "id": row.id,
        "visit": row.visit,
        "index": index,
        "response": response,
        "reward": values["reward"],
        "scored": values["scored"],
        "correct": correct,
        "verdict": verdict.to_dict(),
        "truncated": values["truncated"],
        "row": row.to_dict(),
    }


class Curves:
    """TensorBoard's files of a run; without tensorboard, nothing."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer = None
        else:
            self._writer = SummaryWriter(str(folder))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point a tag."""
        if self._writer is not None:
            for tag, value in values.items():
                self._writer.add_scalar(tag, value, step)
            self._writer.flush()


class CellReward(TrlReward):
    """The cell's reward; keeps each rollout's completions for its lines and its point in the curves."""

    def __init__(self, cell: Cell, folder: Path, settings: ExecutorSettings, completions: Completions) -> None:
        size = cell.settings.rollout.samples_per_prompt
        super().__init__(load_reward_file(settings.reward_file), num_generations=size)
        self.cell, self.agent, self.completions = cell, settings, completions
        self.updates = cell.updates_per_step * cell.settings.train.epochs
        self.end_tokens: frozenset[int] = frozenset()
        self.rollout: list[dict[str, float]] = []

    def scored(
        self, place: slice, row: Row | None, responses: Sequence[str], values: Sequence[float | None],
        paid: Sequence[float | None], columns: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """A group of training: its lines, and what the curves need of it."""
        if row is None:
            return
        step = columns["trainer_state"].global_step // self.updates + 1
        lines = []
        for index, (response, value, reward) in enumerate(zip(responses, values, paid, strict=True)):
            ids = columns["completion_ids"][place.start + index]
            cut = len(ids) >= self.cell.settings.rollout.max_new_tokens and ids[-1] not in self.end_tokens
            verdict = verify(response=response, gold=row.gold, config=self.agent.eval_config)
            seen = {"step": step, "reward": reward, "scored": value is not None, "truncated": cut}
            lines.append(line(row, index, response, verdict, **seen))
            self.rollout.append(_traits(lines[-1], len(ids)))
        if share(self.agent.seed, row) < self.agent.log_share:
            self.completions.append(row.split, lines)

    def take_rollout(self) -> dict[str, float]:
        """The point of the rollout that ends here, by OpenRLHF's tags."""
        seen, self.rollout = self.rollout, []
        if not seen:
            return {}
        rewards = [one["reward"] for one in seen]
        point = {
            "train/rollout/reward_mean": fmean(rewards),
            "train/rollout/reward_std": pstdev(rewards),
            "train/rollout/response_length_mean": fmean(one["length"] for one in seen),
            "train/rollout/truncated_rate": fmean(one["truncated"] for one in seen),
            "train/rollout/num_samples": float(len(seen)),
        }
        names = ("unscored", "correct", "gold_unscored", "boxed", "code")
        return point | {f"train/{name}": fmean(one[name] for one in seen) for name in names}


def _traits(told: Mapping[str, Any], length: int) -> dict[str, float]:
    return {
        "reward": float(told["reward"] or 0.0),
        "length": float(length),
        "truncated": float(told["truncated"]),
        "unscored": float(not told["scored"]),
        "correct": float(told["correct"] is True),
        "gold_unscored": float(told["correct"] is None),
        "boxed": float(has_box(told["response"])),
        "code": float(has_code(told["response"])),
    }


def evaluate(cell: Cell, agent: ExecutorSettings, rows: Sequence[tuple[Row, Any]], generate: Any, step: int) -> Any:
    """The lines of an evaluation after a step, and its points: ``eval/eval_<benchmark>_pass1`` and ``_pass<n>``.

    generate: (prompts, temperature) -> (response, truncated) for each prompt.
    """
    lines: list[dict[str, Any]] = []
    points: dict[str, float] = {}
    for benchmark in dict.fromkeys(row.benchmark for row, _ in rows):
        of = [(row, prompt) for row, prompt in rows if row.benchmark == benchmark]
        rule = agent.evaluation.get(benchmark or "*") or agent.evaluation["*"]
        count = rule.k or cell.settings.evaluation.samples
        asked = [(row, index, prompt) for row, prompt in of for index in range(count)]
        found = generate([prompt for _, _, prompt in asked], rule.temperature)
        told = []
        for (row, index, _), (response, cut) in zip(asked, found, strict=True):
            verdict = verify(response=response, gold=row.gold, config=agent.eval_config)
            scored = verdict.status is not Status.UNSCORED
            seen = {"step": step, "reward": quantise(verdict.correct), "scored": scored, "truncated": cut}
            told.append(line(row, index, response, verdict, **seen))
        right = [one["correct"] is True for one in told]
        groups = [right[start : start + count] for start in range(0, len(right), count)]
        points[f"eval/eval_{benchmark}_pass1"] = fmean(map(float, right))
        points[f"eval/eval_{benchmark}_pass{cell.settings.evaluation.samples}"] = fmean(float(any(g)) for g in groups)
        lines += told
    return lines, points
