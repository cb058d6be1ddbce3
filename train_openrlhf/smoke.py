r"""What a smoke run trains: a tiny model that adds digits, and its data.

Promises: the same seed gives the same model and data; the model boxes a digit as its answer and is right now and
then, so that rewards differ within a group and three steps of training do something; nothing is downloaded. The run
shows that every part works together; its numbers mean nothing.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from verifier.rows import Row

from .cells import Cell

STEPS = 3
PROMPTS = 8  # a step
BENCHMARKS = ("math500", "amc", "aime24", "aime25")
EVALUATED = 4  # problems of each benchmark
CHARACTERS = "0123456789+-*/=()., \n\\{}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ?:;$^_'\"<>|[]!&%#`"


def make_model(folder: Path, seed: int = 0) -> Path:
    """The tiny model as an ordinary checkpoint in ``folder``, made unless it is there. About 15 s on one core."""
    if (folder / "model.safetensors").is_file():
        return folder
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tensors this small: on a busy machine, more threads only wait for one another
    try:
        _teach(model, tokenizer, random.Random(seed))
    finally:
        torch.set_num_threads(threads)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def make_data(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """``train.jsonl`` and ``eval.jsonl`` of single-digit sums, in the form that `prepare` writes."""
    chosen = random.Random(seed)
    train = [_row(f"smoke/{n}", *_sum(chosen), "train") for n in range(STEPS * PROMPTS)]
    tested = []
    for number, benchmark in enumerate(BENCHMARKS):
        for n in range(EVALUATED):  # evaluation needs each prompt once: the spaces tell the benchmarks apart
            prompt = f"{' ' * number}{n}+{n + 1}="
            tested.append(_row(f"{benchmark}/{n}", prompt, str(2 * n + 1), "eval", benchmark))
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "train.jsonl", folder / "eval.jsonl"
    for path, rows in zip(paths, (train, tested), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return paths


def moved(cell: Cell, home: Path, folder: Path) -> Cell:
    """The cell with what of its data lies below ``home`` below ``folder`` instead."""
    data = cell.settings.data

    def there(path: str) -> str:
        at = Path(path).absolute()
        return str(folder / at.relative_to(home)) if at.is_relative_to(home) else path

    data = replace(data, train=there(data.train), eval=there(data.eval), labels=there(data.labels))
    return replace(cell, settings=replace(cell.settings, data=data))


def _row(name: str, prompt: str, gold: str, split: str, benchmark: str | None = None) -> dict[str, Any]:
    visit = 0 if split == "train" else None
    label = gold if split == "train" else None
    row = Row(name, prompt, gold, label, split=split, benchmark=benchmark, visit=visit).to_dict()
    label_of = {key: value for key, value in row.items() if key != "prompt"}
    return row | {"row": json.dumps(label_of), "datasource": benchmark or "train"}


def _sum(chosen: random.Random) -> tuple[str, str]:
    a, b = chosen.randrange(5), chosen.randrange(5)
    return f"{a}+{b}=", str(a + b)


def _tokenizer() -> Any:
    """One token a character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<eos>", "<unk>", *CHARACTERS]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern="", behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    wrapped.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return wrapped


def _teach(model: Any, tokenizer: Any, chosen: random.Random, steps: int = 150) -> None:
    """Supervised steps on sums of which a third are right, so that there is something left to learn."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        texts = []
        for _ in range(64):
            prompt, answer = _sum(chosen)
            said = answer if chosen.random() < 1 / 3 else str(chosen.randrange(9))
            texts.append(f"{' ' * chosen.randrange(4)}{prompt}\\boxed{{{said}}}<eos>")
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
