"""Stand-in for vLLM's asynchronous engine: whatever is queued is generated in one batch by transformers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch

GATHER_S = 0.02  # how long the first request waits for others to share its batch
BATCH = 256


@dataclass
class SamplingParams:
    """The fields that OpenRLHF and our executor set."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    max_tokens: int | None = 16
    min_tokens: int = 0
    skip_special_tokens: bool = True
    logprobs: int | None = None
    n: int = 1
    stop: list[str] = field(default_factory=list)
    include_stop_str_in_output: bool = False
    seed: int | None = None

    @property
    def batch_key(self) -> tuple[Any, ...]:
        """Requests that agree in this can be generated in one batch."""
        return (self.temperature, self.top_p, self.max_tokens, tuple(self.stop or ()))


class AsyncEngineArgs:
    """Keeps what it is given."""

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)


class AsyncLLMEngine:
    """One model, one queue."""

    def __init__(self, settings: AsyncEngineArgs) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.manual_seed(settings.seed)
        self.tokenizer = AutoTokenizer.from_pretrained(settings.model)
        self.model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=torch.bfloat16).eval()
        self.waiting: list[tuple[list[int], SamplingParams, asyncio.Future[Any]]] = []
        self.drain: asyncio.Task[None] | None = None
        self.unfinished = 0
        self.output_processor = SimpleNamespace(get_num_unfinished_requests=lambda: self.unfinished)

    @classmethod
    def from_engine_args(cls, settings: AsyncEngineArgs) -> AsyncLLMEngine:
        return cls(settings)

    async def is_sleeping(self) -> bool:
        return False

    async def sleep(self, level: int = 1) -> None: ...

    async def wake_up(self, tags: list[str] | None = None) -> None: ...

    async def reset_prefix_cache(self) -> None: ...

    async def collective_rpc(self, method: str, args: tuple[Any, ...] = ()) -> Any:
        """What the workers of vLLM do for OpenRLHF: weights come over gloo."""
        return await asyncio.to_thread(getattr(self, "_" + method), *args)

    def _init_process_group(
        self, host: str, port: int, rank: int, world: int, name: str, backend: str, use_ray: bool
    ) -> None:
        from openrlhf.utils.distributed_util import stateless_init_process_group

        self.group = stateless_init_process_group(host, port, rank, world, "cpu")

    def _update_weight(self, name: str, dtype: torch.dtype, shape: Any, empty_cache: bool) -> None:
        weight = torch.empty(shape, dtype=dtype)
        self.group.broadcast(weight, src=0)
        dict(self.model.named_parameters())[name].data.copy_(weight)

    async def generate(self, prompt: Any, params: SamplingParams, request_id: str) -> AsyncIterator[Any]:
        """Yields the finished output, once."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting.append((prompt["prompt_token_ids"], params, future))
        self.unfinished += 1
        if self.drain is None or self.drain.done():
            self.drain = asyncio.create_task(self._drain())
        try:
            yield await future
        finally:
            self.unfinished -= 1

    async def _drain(self) -> None:
        await asyncio.sleep(GATHER_S)
        while self.waiting:
            key = self.waiting[0][1].batch_key
            batch = [request for request in self.waiting if request[1].batch_key == key][:BATCH]
            taken = {id(request) for request in batch}
            self.waiting = [request for request in self.waiting if id(request) not in taken]
            try:
                outputs = await asyncio.to_thread(self._generate, [ids for ids, _, _ in batch], batch[0][1])
            except Exception as error:
                outputs = [error] * len(batch)
            for (_, _, future), output in zip(batch, outputs, strict=True):
                if future.done():
                    continue
                if isinstance(output, Exception):
                    future.set_exception(output)
                else:
                    future.set_result(output)

    @torch.no_grad()
    def _generate(self, prompts: list[list[int]], params: SamplingParams) -> list[Any]:
        width, pad = max(map(len, prompts)), self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        how: dict[str, Any] = {"do_sample": False}
        if params.temperature > 0:
            how = {"do_sample": True, "temperature": params.temperature, "top_p": params.top_p, "top_k": 0}
        tokens = self.model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=params.max_tokens, pad_token_id=pad,
            eos_token_id=self.tokenizer.eos_token_id, **how,
        )  # fmt: skip
        return [self._output(row, list(params.stop or ())) for row in tokens[:, width:].tolist()]

    def _output(self, tokens: list[int], stop: list[str]) -> Any:
        """Cut behind the end of sequence or the first stop string, whichever comes first."""
        reason = "length"
        if self.tokenizer.eos_token_id in tokens:
            tokens = tokens[: tokens.index(self.tokenizer.eos_token_id) + 1]
            reason = "stop"
        for end in range(1, len(tokens) + 1) if stop else ():
            if any(word in self.tokenizer.decode(tokens[:end]) for word in stop):
                tokens, reason = tokens[:end], "stop"
                break
        text = self.tokenizer.decode(tokens, skip_special_tokens=False)
        result = SimpleNamespace(token_ids=tokens, text=text, finish_reason=reason, logprobs=None)
        return SimpleNamespace(outputs=[result])
