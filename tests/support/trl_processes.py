"""Run by torchrun: one step of a tiny GRPOTrainer on several processes; writes down what each was asked.

Each process has a file of its own, FOLDER/said.RANK: lines on a shared pipe may run into each other.

torchrun --nproc_per_node 2 trl_processes.py FOLDER PER_DEVICE
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from trl import GRPOConfig, GRPOTrainer

from verifier.adapters.trl import TrlReward
from verifier.errors import ConfigError
from verifier.rewards import reward_file_from
from verifier.rows import Row


def tiny() -> tuple[Any, Any]:
    """A Qwen2 of two layers with random weights, and a tokenizer of one token a character."""
    torch.manual_seed(0)
    words = ["<pad>", "<eos>", "<unk>", "\\boxed{", *"0123456789+=} "]
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )
    config = transformers.Qwen2Config(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    return transformers.Qwen2ForCausalLM(config), tokenizer


def say(line: str) -> None:
    with (Path(sys.argv[1]) / f"said.{os.environ['RANK']}").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


class Told(TrlReward):
    """Notes each group that it scored."""

    def scored(self, place: slice, row: Any, responses: Any, values: Any, paid: Any, columns: Any) -> None:
        say(f"group {row.id} of {len(responses)}")


def main() -> int:
    folder, per_device = Path(sys.argv[1]), int(sys.argv[2])
    model, tokenizer = tiny()
    args = GRPOConfig(
        output_dir=str(folder), max_steps=1, per_device_train_batch_size=per_device, num_generations=4,
        max_completion_length=4, report_to=[], save_strategy="no", use_cpu=True, bf16=False, disable_tqdm=True,
        gradient_checkpointing=False,
    )  # fmt: skip
    reward = Told(reward_file_from({"reward": "majority_online"}), num_generations=4)
    rows = [Row(f"r{n}", f"{n}+1=", str(n + 1)) for n in range(4)]
    data = Dataset.from_list([{"prompt": row.prompt, "row": row.to_label()} for row in rows])
    trainer = GRPOTrainer(model, reward, args, train_dataset=data, processing_class=tokenizer)
    try:
        trainer.train()
    except ConfigError as error:
        say(f"refused: {error}")
        return 3
    say("trained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
