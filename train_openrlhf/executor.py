"""The executor of a cell's run: what `verifier.adapters.openrlhf.GroupExecutor` does, with evaluation and records.

Promises: evaluation rows (``split: eval``) are scored by ground truth against ``gold``, whatever training pays for,
and sampled as their benchmark asks; every evaluation completion, and the chosen share of training groups, is one line
of JSONL with its reward, its verdict against ``gold`` and its visit; all logs are floats under constant keys. A
completion that cannot be written ends the run with the path and the reason.
Does not promise step numbers where the engine is not OpenRLHF's own (they are null then), nor in asynchronous training.
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from verifier import verify
from verifier.adapters._group import Group, Member
from verifier.adapters.openrlhf_group import GroupExecutor
from verifier.behaviour import has_box, has_code
from verifier.rewards import GroundTruth, RewardFile, Unscored
from verifier.rows import Row
from verifier.verdict import Status

from .completions import Completions, SharedEngine, Steps, share
from .executor_settings import ExecutorSettings

LOGS = ("correct", "gold_unscored", "boxed", "code")
"""Logs beside the adapter's. correct: the verdict against gold, whatever the reward; gold_unscored: there is none;
boxed, code: the response has a non-empty box, the word "python"."""


class CellExecutor(GroupExecutor):
    """See the module. settings: set by the run's ``agent.py``; see :class:`ExecutorSettings`."""

    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.cell = ExecutorSettings.from_dict(self.settings)
        self.reward_file = self.cell.reward_file  # type: ignore[misc]  # an instance has one run only
        super().__init__()
        self.ground_truth = RewardFile(GroundTruth(against="gold", config=self.cell.eval_config), Unscored())
        self.completions = Completions(Path(self.cell.completions))
        self.steps = Steps.of(Path(self.cell.checkpoints) if self.cell.resume else None)

    def opened(self, group: Group) -> None:
        """Watches the engine's weight updates, and lets evaluation groups share engine calls."""
        self.steps.watch(group.engine)
        calls = self.calls(group)
        if calls is not None:
            group.engine = SharedEngine(group.engine, calls)

    def calls(self, group: Group) -> int | None:
        """How many different responses the group has; None where each member has its own."""
        row = tested(group)
        return None if row is None else self.cell.rule(row.benchmark).k

    def sampling(self, group: Group) -> Any:
        """A copy of OpenRLHF's parameters with the cell's stop strings and the benchmark's temperature."""
        params = deepcopy(group.params)
        if self.cell.stop:
            params.stop, params.include_stop_str_in_output = list(self.cell.stop), True
        row = tested(group)
        if row is not None:
            rule = self.cell.rule(row.benchmark)
            params.temperature = params.temperature if rule.temperature is None else rule.temperature
            params.top_p = params.top_p if rule.top_p is None else rule.top_p
        return params

    def policy(self, row: Row) -> RewardFile:
        """Ground truth in evaluation, the cell's reward in training."""
        return self.ground_truth if row.split == "eval" else self.training

    async def score_one(self, group: Group, member: Member) -> None:
        """Adds the verdict against gold to what the adapter does."""
        await super().score_one(group, member)
        if group.row is not None:
            check = partial(verify, response=member.response, gold=group.row.gold, config=self.cell.eval_config)
            member.verdict = await self.run(check)

    async def score_group(self, group: Group) -> None:
        """Adds the lines of the group to what the adapter does."""
        await super().score_group(group)
        row = group.row
        if row is None or not (row.split == "eval" or share(self.cell.seed, row) < self.cell.log_share):
            return
        step = self.steps.of_evaluation() if row.split == "eval" else self.steps.of_training()
        calls = self.calls(group) or len(group.members)
        lines = [_line(member, row, step) for member in group.arrived if member.index < calls]
        await self.completions.write(row.split, lines)

    def logs(self, group: Group, member: Member) -> dict[str, float]:
        """The adapter's and LOGS."""
        correct = _correct(member)
        values = (correct is True, correct is None, has_box(member.response), has_code(member.response))
        return super().logs(group, member) | dict(zip(LOGS, map(float, values), strict=True))


def tested(group: Group) -> Row | None:
    """The row of a group of the evaluation, None in training."""
    return group.row if group.row is not None and group.row.split == "eval" else None


def _correct(member: Member) -> bool | None:
    """Whether the response is right; None where gold or verifier are at fault, or no verdict was asked for."""
    verdict = member.verdict
    return None if verdict is None or verdict.status is Status.UNSCORED else verdict.correct


def _line(member: Member, row: Row, step: int | None) -> dict[str, Any]:
    return {
        "step": step,
        "split": row.split,
        "benchmark": row.benchmark,
        "id": row.id,
        "visit": row.visit,
        "index": member.index,
        "response": member.response,
        "reward": member.reward,
        "scored": member.value is not None,
        "correct": _correct(member),
        "verdict": None if member.verdict is None else member.verdict.to_dict(),
        "truncated": bool(member.output.get("truncated")),
        "row": row.to_dict(),
    }
