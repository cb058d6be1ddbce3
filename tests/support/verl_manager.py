"""Runs in the environment of verl: its own loader and its own reward manager on what stands on standard input.

In: {"path", "name", "manager", "items": [{"response", "ground_truth", "extra_info"?}]}; out: one JSON line after a
mark, the manager's results, or the error of loading with its cause.
"""

from __future__ import annotations

import asyncio
import json
import string
import sys
from typing import Any

MARK = "result: "


def tokenizer(texts: list[str]) -> Any:
    """One token per character of the texts, and an end token that decoding drops."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    characters = sorted({*string.printable, *"".join(texts)})
    vocabulary = {mark: number for number, mark in enumerate(["<|endoftext|>", "<unk>", *characters])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|endoftext|>", pad_token="<|endoftext|>", unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def batch(tokens: Any, item: dict[str, Any]) -> Any:
    """One response as verl's trainer hands it over: padded to its length, with an end token."""
    import numpy as np
    import torch
    from verl import DataProto

    prompt, response = tokens("1+1=")["input_ids"], [*tokens(item["response"])["input_ids"], tokens.eos_token_id]
    padding = 7
    fields = {"data_source": "math", "reward_model": {"style": "rule", "ground_truth": item["ground_truth"]}}
    if "extra_info" in item:
        fields["extra_info"] = item["extra_info"]
    return DataProto.from_dict(
        tensors={
            "prompts": torch.tensor([prompt]),
            "responses": torch.tensor([response + [tokens.pad_token_id] * padding]),
            "attention_mask": torch.tensor([[1] * (len(prompt) + len(response)) + [0] * padding]),
        },
        non_tensors={name: np.array([value, None], dtype=object)[:1] for name, value in fields.items()},
    )


async def run(job: dict[str, Any]) -> list[dict[str, Any]]:
    from omegaconf import OmegaConf
    from verl.trainer.ppo.reward import load_reward_manager

    config = OmegaConf.create(
        {
            "reward": {
                "custom_reward_function": {"path": job["path"], "name": job["name"], "reward_kwargs": {}},
                "reward_manager": {"source": "register", "name": job["manager"]},
                "reward_kwargs": {},
            }
        }
    )
    tokens = tokenizer([item["response"] for item in job["items"]])
    manager = load_reward_manager(config, tokens)
    return list(await asyncio.gather(*(manager.run_single(batch(tokens, item)) for item in job["items"])))


def main() -> None:
    try:
        result: Any = asyncio.run(run(json.load(sys.stdin)))
    except RuntimeError as error:
        result = {"error": str(error), "cause": repr(error.__cause__)}
    print(f"\n{MARK}{json.dumps(result)}")


if __name__ == "__main__":
    main()
