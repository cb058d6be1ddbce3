"""What samples a model for its labels: vLLM or transformers, with the same text, tokens and ends.

Promises: with ``--prompt template`` a problem becomes just the tokens that training makes of it (a chat template or
the cell's `bos` writes the special ones, so none are added); a raw problem gets what the tokenizer adds. A stop string
ends a response and stays in it. A model that cannot be loaded is a ConfigError that names it and the mend.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from verifier.errors import ConfigError, VerifierError
from verifier.rows import Row

from .cells import base_prompt
from .schema import Model

MEND = "name a folder with the weights, config.json and the tokenizer in the model's place"
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
"""One of these is in any tokenizer's folder. transformers makes an empty tokenizer where there is none, silently."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One response; truncated: it ended because its tokens ran out."""

    text: str
    truncated: bool


class Generator(Protocol):
    """Samples of problems, given as (seed, prompt) each."""

    def __call__(self, problems: Sequence[tuple[int, str]]) -> list[list[Sample]]: ...


def make_generator(args: argparse.Namespace, model: Model) -> Generator:
    """vLLM or transformers. Raises ConfigError where it is not installed, or the model cannot be loaded with it."""
    maker = _vllm if args.generator == "vllm" else _transformers
    if Path(model.hub_id).is_dir() and not any((Path(model.hub_id) / name).is_file() for name in VOCABULARIES):
        raise ConfigError(f"{model.hub_id} has no tokenizer (tokenizer.json); {MEND}")
    try:
        return maker(args, model)
    except ImportError as error:
        what = f"{error.name} is not installed" if error.name else str(error).strip().partition("\n")[0]
        raise ConfigError(f"--generator {args.generator}: {what} (docs/environments.md)") from None
    except VerifierError:
        raise
    except Exception as error:  # whatever the libraries raise, the mend is the same
        raise ConfigError(_not_loaded(args, model, error)) from error


def _not_loaded(args: argparse.Namespace, model: Model, error: Exception) -> str:
    why = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0") and not Path(model.hub_id).is_dir()
    mend = f"{MEND}, or unset HF_HUB_OFFLINE" if offline else MEND
    return f"{model.hub_id} could not be loaded by {args.generator}: {why}; {mend}"


def prompt_of(row: Row, model: Model, style: str) -> str:
    """The raw problem, or the R1-style prompt; a chat template needs the tokenizer and is applied by the generator."""
    template = style == "template" and model.template == "r1"
    return model.bos + base_prompt().format(row.prompt) if template else row.prompt


def tokens_of(args: argparse.Namespace, model: Model, tokenizer: Any, prompt: str) -> list[int]:
    """What the model is given; special tokens are added to a raw problem only, as templates write their own."""
    if args.prompt == "template" and model.template == "chat":
        messages = [{"role": "user", "content": prompt}]
        if model.system_prompt is not None:
            messages.insert(0, {"role": "system", "content": model.system_prompt})
        prompt = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return list(tokenizer(prompt, add_special_tokens=args.prompt == "raw")["input_ids"])


def _check_template(args: argparse.Namespace, model: Model, tokenizer: Any) -> None:
    if args.prompt == "template" and model.template == "chat" and not tokenizer.chat_template:
        raise ConfigError(f"--prompt template: {model.hub_id} has no chat template; use --prompt raw")


def _stops(args: argparse.Namespace, model: Model) -> list[str]:
    return list(model.stop) if args.prompt == "template" else []


def _vllm(args: argparse.Namespace, model: Model) -> Generator:
    from vllm import LLM, SamplingParams

    llm = LLM(model=model.hub_id, revision=model.revision, tensor_parallel_size=args.tensor_parallel, seed=args.seed)
    tokenizer = llm.get_tokenizer()
    _check_template(args, model, tokenizer)

    def generate(problems: Sequence[tuple[int, str]]) -> list[list[Sample]]:
        given = [{"prompt_token_ids": tokens_of(args, model, tokenizer, prompt)} for _, prompt in problems]
        params = [
            SamplingParams(
                n=args.samples, temperature=args.temperature, max_tokens=args.max_tokens, seed=seed,
                stop=_stops(args, model), include_stop_str_in_output=True,
            )
            for seed, _ in problems
        ]  # fmt: skip
        answers = llm.generate(given, params)
        return [[Sample(one.text, one.finish_reason == "length") for one in answer.outputs] for answer in answers]

    return generate


def _transformers(args: argparse.Namespace, model: Model) -> Generator:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.hub_id, revision=model.revision)
    _check_template(args, model, tokenizer)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    net = AutoModelForCausalLM.from_pretrained(model.hub_id, revision=model.revision, dtype=dtype).to(device).eval()
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    known = net.generation_config.eos_token_id
    ends = {pad, tokenizer.eos_token_id, *(known if isinstance(known, list) else [known])}
    stops = _stops(args, model)
    stopping: dict[str, Any] = {"stop_strings": stops, "tokenizer": tokenizer} if stops else {}

    def one(seed: int, prompt: str) -> Iterator[Sample]:
        torch.manual_seed(seed)
        given = torch.tensor([tokens_of(args, model, tokenizer, prompt)], device=device)
        left = args.samples
        while left > 0:
            number = min(left, args.batch)
            with torch.no_grad():
                out = net.generate(
                    input_ids=given, attention_mask=torch.ones_like(given), do_sample=True, top_k=0, top_p=1.0,
                    temperature=args.temperature, pad_token_id=pad, num_return_sequences=number,
                    max_new_tokens=args.max_tokens, **stopping,
                )  # fmt: skip
            for row in out[:, given.shape[1] :]:
                tokens = row.tolist()
                text, stopped = until_stop(tokenizer.decode(tokens, skip_special_tokens=True), stops)
                yield Sample(text, not stopped and ends.isdisjoint(tokens))
            left -= number

    return lambda problems: [list(one(seed, prompt)) for seed, prompt in problems]


def until_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text up to the end of the first stop string in it, and whether there was one.

    >>> until_stop("so 4</answer>.", ["</answer>"])
    ('so 4</answer>', True)
    """
    found = [text.index(stop) + len(stop) for stop in stops if stop in text]
    return (text[: min(found)], True) if found else (text, False)
