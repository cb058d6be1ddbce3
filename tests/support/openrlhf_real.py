"""OpenRLHF's own classes in a test's process, where vLLM and flash-attn are not installed.

Its modules are imported once with the stand-ins on the path; path, stand-ins and what they changed in torch are taken
back at once, so that no other test can meet them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STANDINS = Path(__file__).resolve().parent / "openrlhf_cpu"
_CHANGED = ("current_device", "set_device", "synchronize", "empty_cache", "current_stream")


@contextlib.contextmanager
def standins() -> Iterator[None]:
    """Within: ``vllm`` and ``flash_attn`` can be imported; afterwards they were never there."""
    import torch
    import torch.distributed.device_mesh as device_mesh

    before = {name: getattr(torch.cuda, name) for name in _CHANGED}
    mesh = device_mesh.init_device_mesh
    sys.path.insert(0, str(STANDINS))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path.remove(str(STANDINS))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("vllm", "flash_attn")]:
            del sys.modules[name]
        for name, function in before.items():
            setattr(torch.cuda, name, function)
        device_mesh.init_device_mesh = mesh


def load() -> SimpleNamespace:
    """The real code that a reward meets on its way into the loss."""
    with standins():
        from openrlhf.trainer.ppo_trainer import compute_eval_metrics
        from openrlhf.trainer.ppo_utils.experience import Experience
        from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker
        from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator
        from openrlhf.trainer.ray.vllm_engine import RolloutRayActor
        from openrlhf.utils.agent import SingleTurnAgentExecutor
        from vllm import SamplingParams
    return SimpleNamespace(
        compute_eval_metrics=compute_eval_metrics,
        Experience=Experience,
        RemoteExperienceMaker=RemoteExperienceMaker,
        SamplesGenerator=SamplesGenerator,
        RolloutRayActor=RolloutRayActor.__ray_metadata__.modified_class,
        SingleTurnAgentExecutor=SingleTurnAgentExecutor,
        SamplingParams=SamplingParams,
    )


class Says:
    """In place of vLLM: ``say(call, params)`` gives the response of each call of ``generate``, in their order.

    A number in its place waits that many turns of the event loop first: ``(turns, text)``; an exception is raised.
    """

    def __init__(self, tokenizer: Any, say: Callable[[int, Any], Any]) -> None:
        self.tokenizer, self.say = tokenizer, say
        self.prompts: list[str] = []
        self.params: list[Any] = []

    async def generate(self, prompt_token_ids: list[int], sampling_params: Any, multi_modal_data: Any = None) -> Any:
        call = len(self.params)
        self.prompts.append(self.tokenizer.decode(prompt_token_ids))
        self.params.append(sampling_params)
        said = self.say(call, sampling_params)
        turns, said = said if isinstance(said, tuple) else (1, said)
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(said, BaseException):
            raise said
        tokens = self.tokenizer(said, add_special_tokens=False)["input_ids"]
        room = sampling_params.max_tokens - 1
        reason = "length" if len(tokens) > room else "stop"
        tokens = [*tokens[:room], self.tokenizer.eos_token_id]
        text = self.tokenizer.decode(tokens)
        output = SimpleNamespace(token_ids=tokens, text=text, finish_reason=reason, logprobs=None)
        return SimpleNamespace(outputs=[output])


def engine(real: SimpleNamespace, executor: Any, tokenizer: Any, say: Callable[[int, Any], Any]) -> Any:
    """OpenRLHF's rollout actor, outside Ray, around an executor; only its ``generate`` is ours."""
    actor = real.RolloutRayActor.__new__(real.RolloutRayActor)
    actor.executor, actor.says = executor, Says(tokenizer, say)
    actor.generate = actor.says.generate
    return actor


def experience(real: SimpleNamespace, outputs: Sequence[Any], max_len: int = 4096) -> Any:
    """What OpenRLHF makes of executors' outputs: one micro-batch."""
    generator = real.SamplesGenerator.__new__(real.SamplesGenerator)
    made = [generator._process_response_into_experience(output, max_len=max_len) for output in outputs]
    for index, one in enumerate(made):
        one.index = [index]
    return real.Experience.concat_experiences(made, 0)


def advantages(real: SimpleNamespace, outputs: Sequence[Any]) -> Any:
    """The advantages that OpenRLHF's group_norm gives to one group: a tensor (samples, tokens)."""
    import torch

    maker = real.RemoteExperienceMaker.__new__(real.RemoteExperienceMaker)
    maker.args = args = SimpleNamespace(
        algo=SimpleNamespace(advantage=SimpleNamespace(estimator="group_norm", gamma=1.0, lambd=1.0)),
        rollout=SimpleNamespace(n_samples_per_prompt=len(outputs)),
        reward=SimpleNamespace(clip_range=(-10, 10)),
    )
    maker.strategy = SimpleNamespace(args=args)
    maker.advantage_estimator, maker.kl_ctl = "group_norm", SimpleNamespace(value=0.0)
    batch = experience(real, outputs)
    batch.kl = torch.zeros(batch.action_mask.shape, dtype=torch.float32)
    return maker.compute_advantages_and_returns([batch])[0].advantages
