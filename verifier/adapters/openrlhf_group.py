"""A group-aware executor for OpenRLHF 0.11.2: rewards may use the visit, the index and the whole group.

A file for ``--train.agent_func_path``::

    from verifier.adapters.openrlhf import GroupExecutor
    class AgentExecutor(GroupExecutor):
        reward_file = "/path/reward.yaml"

Promises: the n samples of one prompt are one group; a member's index is its place in the order in which they
started; only the tokens that the model generated are decoded. The event loop never waits for a verification: cheap
ones run in it (about 0.1 ms each), worker processes are waited for in threads. A member that fails or is cancelled
costs only itself. Rewards are multiples of 1/1024. A label that holds no row makes its group unscored
(``bad_label``); a row without what the reward needs raises ConfigError: training on would be training on nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from openrlhf.utils.agent import SingleTurnAgentExecutor

from .._deciding import Decider
from ..errors import ConfigError
from ..rewards import NEEDS, Context, RewardFile, UnscoredCount, load_reward_file
from ..rows import Row
from ._group import Group, Member, row_of, settle
from ._scored import checked, logs, paid, refuse

T = TypeVar("T")
WAITING = 32  # threads that wait for worker processes; a hang holds one until its worker is killed


class GroupExecutor(SingleTurnAgentExecutor):  # type: ignore[misc]  # openrlhf is untyped
    """See the module. reward_file: set by the subclass. OpenRLHF makes one per engine, without arguments."""

    reward_file: ClassVar[str | Path] = ""

    def __init__(self) -> None:
        super().__init__(None)
        if not self.reward_file:
            raise ConfigError(f"{type(self).__name__}.reward_file is not set; it names a YAML or JSON file")
        self.training = load_reward_file(self.reward_file)
        refuse(self.training, NEEDS, "OpenRLHF")
        self._count = UnscoredCount(self.training.reward.kind)
        self._groups: dict[tuple[int, str], Group] = {}
        self._decider, self._turn = Decider(WAITING), asyncio.Lock()
        settle()

    async def execute(
        self, prompt: str, label: Any, sampling_params: Any, max_length: int, hf_tokenizer: Any, llm_engine: Any,
        images: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """OpenRLHF's entry: one sample, generated and scored."""
        key = (id(sampling_params), prompt)  # one object per call of generate_responses
        if key not in self._groups:
            self._groups[key] = Group(sampling_params, row_of(label, prompt), llm_engine)
            self.opened(self._groups[key])
        group = self._groups[key]
        index = group.enter()
        try:
            await asyncio.sleep(0)  # the siblings start before this one can end
            params = self.sampling(group)
            output = await super().execute(prompt, label, params, max_length, hf_tokenizer, group.engine, images)
            start, end = output["action_ranges"][0]
            response = hf_tokenizer.decode(output["observation_tokens"][start:end], skip_special_tokens=True)
            member = Member(index, response, output)
            await self.score_one(group, member)
            group.members[index] = member
        finally:
            if group.leave():
                del self._groups[key]
                group.close(self.score_group)
        await group.scored()
        return {**output, "reward": member.reward, "scores": member.reward, "extra_logs": self.logs(group, member)}

    def opened(self, group: Group) -> None:
        """Called once per group, before it generates."""

    def sampling(self, group: Group) -> Any:
        """The sampling parameters of a member; a subclass returns a changed copy."""
        return group.params

    def policy(self, row: Row) -> RewardFile:
        """Which reward a row gets."""
        return self.training

    async def score_one(self, group: Group, member: Member) -> None:
        """Called as each response arrives, while its siblings still generate."""
        if group.row is not None and "group" not in (reward := self.policy(group.row).reward).needs:
            member.value = await self.run(
                partial(reward, member.response, checked(reward, group.row), Context(member.index))
            )

    async def score_group(self, group: Group) -> None:
        """Called once the last member has arrived or failed; sets every member's reward."""
        settings = self.training if group.row is None else self.policy(group.row)
        if group.row is not None and "group" in settings.reward.needs:
            values = await self.run(
                partial(settings.reward.over_group, group.responses, checked(settings.reward, group.row))
            )
            for member in group.arrived:
                member.value = values[member.index]
        found = [member.value for member in group.arrived]
        self._count.add(found)
        for member, reward in zip(group.arrived, paid(found, settings.unscored), strict=True):
            member.reward = reward

    def logs(self, group: Group, member: Member) -> dict[str, float]:
        """What OpenRLHF logs beside the reward: floats, the same keys for every response of a run."""
        return logs("bad_label" if group.row is None else "unscored" if member.value is None else None)

    async def run(self, call: Callable[[], T]) -> T:
        """``call()``, in the event loop but for its waits for worker processes; one in each turn of the loop."""
        async with self._turn:
            await asyncio.sleep(0)
        return await self._decider.run(call)
