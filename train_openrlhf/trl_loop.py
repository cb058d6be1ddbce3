"""What the TRL backend does around the trainer: the model it generates with, and what happens at a rollout's end.

Promises: at most AT_ONCE sequences are generated together, whatever the rollout's size; a stop string ends a response;
at the end of a rollout its point is in the curves, its evaluation has run where the cell asks for one, and the weights
are saved where it asks for that. Imports torch and transformers: the backend does so inside `train` only.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from verifier.errors import ConfigError
from verifier.rows import Row

from .cells import Cell
from .completions import Completions
from .executor_settings import ExecutorSettings
from .trl_records import TRL_TAGS, CellReward, Curves, evaluate

AT_ONCE = 64  # sequences that are generated together
_log = logging.getLogger(__name__)


def prepare_model(cell: Cell, *, cuda: bool) -> tuple[Any, Any]:
    """The cell's model, in 32 bits (autocast does the rest on a GPU), and its tokenizer. Raises ConfigError."""
    where: dict[str, Any] = {"revision": cell.model.revision} if cell.model.revision else {}
    if Path(cell.model.hub_id).is_dir():
        where = {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(cell.model.hub_id, padding_side="left", **where)
        model = AutoModelForCausalLM.from_pretrained(
            cell.model.hub_id, dtype=torch.float32, attn_implementation=None if cuda else "eager", **where
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{cell.model.hub_id} could not be loaded: {error}; give --model FOLDER") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    _generate_in_parts(model, tokenizer)
    return model, tokenizer


def _generate_in_parts(model: Any, tokenizer: Any) -> None:
    """Makes ``model.generate`` take AT_ONCE sequences at a time, and know the tokenizer that stop strings need."""
    whole = model.generate

    def generate(input_ids: Any, attention_mask: Any, **rest: Any) -> Any:
        parts = []
        for start in range(0, len(input_ids), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            parts.append(
                whole(input_ids=input_ids[part], attention_mask=attention_mask[part], tokenizer=tokenizer, **rest)
            )
        longest = max(part.size(1) for part in parts)
        pad = tokenizer.pad_token_id
        return torch.cat([torch.nn.functional.pad(part, (0, longest - part.size(1)), value=pad) for part in parts])

    model.generate = generate


class _Loop(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """See `loop_callback`."""

    def __init__(
        self, cell: Cell, folder: Path, agent: ExecutorSettings, reward: CellReward, completions: Completions,
        tested: Sequence[tuple[Row, Any]], tokenizer: Any,
    ) -> None:  # fmt: skip
        self.cell, self.folder, self.agent, self.reward = cell, folder, agent, reward
        self.completions, self.tested, self.tokenizer = completions, tested, tokenizer
        self.curves = Curves(folder / "tensorboard")
        self.logged: dict[str, list[float]] = defaultdict(list)
        self.updates = cell.updates_per_step * cell.settings.train.epochs

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **rest: Any) -> None:
        """TRL's values of one update; with the last of a rollout, its point."""
        for name, tag in TRL_TAGS.items():
            if name in (logs or {}):
                self.logged[f"train/{tag}"].append(float(logs[name]))  # type: ignore[index]
        step, left = divmod(state.global_step, self.updates)
        if not left and step and self.logged:
            means = {tag: fmean(values) for tag, values in self.logged.items()}
            self.curves.add(step, self.reward.take_rollout() | means)
            self.logged.clear()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
        """Evaluation and plain weights, where the cell asks for them."""
        step, left = divmod(state.global_step, self.updates)
        if left:
            return
        every = self.cell.settings.evaluation.every_steps
        if every and step % every == 0 and self.tested:
            lines, points = evaluate(self.cell, self.agent, self.tested, self._generator(model), step)
            self.completions.append("eval", lines)
            self.curves.add(step, points)
        checkpoint = self.cell.settings.checkpoint
        if checkpoint.weights and step % checkpoint.save_every == 0:
            target = self.folder / "ckpt" / f"global_step{step}_hf"
            model.save_pretrained(target)
            self.tokenizer.save_pretrained(target)

    def _generator(self, model: Any) -> Any:
        longest = self.cell.settings.rollout.max_new_tokens
        ends = {self.tokenizer.eos_token_id, self.tokenizer.pad_token_id}

        def generate(prompts: list[Any], temperature: float | None) -> list[tuple[str, bool]]:
            texts = [self._text(prompt) for prompt in prompts]
            chat = isinstance(prompts[0], list)
            coded = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=not chat)
            settings: dict[str, Any] = {"max_new_tokens": longest, "do_sample": bool(temperature)}
            settings |= {"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {}
            settings |= {"stop_strings": list(self.cell.model.stop)} if self.cell.model.stop else {}
            model.eval()
            with torch.no_grad():
                out = model.generate(
                    coded["input_ids"].to(model.device), coded["attention_mask"].to(model.device), **settings
                )
            model.train()
            ids = out[:, coded["input_ids"].size(1) :].tolist()
            said = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
            return [(text, not ends & set(one) and len(one) >= longest) for text, one in zip(said, ids, strict=True)]

        return generate

    def _text(self, prompt: Any) -> str:
        if isinstance(prompt, str):
            return prompt
        return str(self.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))


def loop_callback(*settings: Any) -> TrainerCallback:
    """The trainer's callback: curves, evaluation and weights of a run."""
    return _Loop(*settings)
