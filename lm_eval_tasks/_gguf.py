"""From a GGUF file to an ordinary transformers checkpoint, once, with what is known wrong mended.

Promises: the checkpoint that ``convert`` leaves was read back and tried: its tokenizer returns what it was
given and ends its turns on the right token, and its weights give plain English a plausible loss.
Does not: download, or touch the network (transformers is told to stay offline).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Raise it when convert() changes what it writes: checkpoints of another recipe are made anew.
RECIPE_VERSION = 1

PROBE = (
    "The capital of France is Paris. Water boils at one hundred degrees. Two plus two is four, and ten minus "
    "three is seven."
)
# Nats per token. Measured: 3.42 and 3.17 for the two models of the table; 9.4 and 5.1 with the rows of the
# query projections shuffled, which is what a wrong reading of the head layout does.
MAX_LOSS = 4.2


class ConversionError(Exception):
    """A checkpoint that does not hold what it should; one line."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the GGUF gets wrong or omits: tokens by their text, the context in tokens."""

    eos: str
    pad: str
    end_tokens: tuple[str, ...]
    context: int

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits over the recipe and its version."""
        text = json.dumps({"version": RECIPE_VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def convert(gguf: Path, out: Path, recipe: Recipe) -> dict[str, str]:
    """Write the checkpoint into the new folder ``out``; returns the versions of the libraries that made it.

    Raises ConversionError when the result does not pass its checks, OSError from the disk.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the import: the library reads it once
    import torch
    import transformers

    if not sys.stderr.isatty():
        transformers.utils.logging.disable_progress_bar()
    folder, name = str(gguf.parent), gguf.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    _mend(model, tokenizer, recipe)
    _unquantise(model)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    _portable(out / "tokenizer_config.json")
    for file in out.iterdir():
        file.chmod(0o644)  # the writer of safetensors leaves 0600, which a shared cache cannot use
    del model, tokenizer
    _check(out, recipe)
    return {"torch": str(torch.__version__), "transformers": str(transformers.__version__)}


def _mend(model: Any, tokenizer: Any, recipe: Recipe) -> None:
    tokenizer.eos_token = recipe.eos  # SmolLM2's GGUF says <|im_start|>: no answer would ever end
    tokenizer.pad_token = recipe.pad
    tokenizer.model_max_length = recipe.context
    # True strips the spaces before punctuation: `f (x) = 2 .` would come back changed.
    tokenizer.clean_up_tokenization_spaces = False
    ends = [tokenizer.convert_tokens_to_ids(token) for token in recipe.end_tokens]
    model.config.eos_token_id = ends[0]
    model.config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = ends if len(ends) > 1 else ends[0]
    model.generation_config.pad_token_id = tokenizer.pad_token_id


def _unquantise(model: Any) -> None:
    """The weights are plain float32 by now; the marks would make a reader look for a quantiser."""
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def _portable(path: Path) -> None:
    """Drop what holds on this machine and this release only."""
    config = json.loads(path.read_text(encoding="utf-8"))
    for key in ("is_local", "local_files_only"):
        config.pop(key, None)
    if config.get("tokenizer_class") == "TokenizersBackend":  # release 5's name; 4 and 5 know the other
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _check(folder: Path, recipe: Recipe) -> None:
    """Read the checkpoint back as any user would."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    text = "What is 1234 + 55.7?\n\n  x = \\frac{1}{2} .\tdon't\n"
    if tokenizer.decode(tokenizer(text).input_ids) != text:
        raise ConversionError("the converted tokenizer does not give back the text it was given")
    if tokenizer.eos_token != recipe.eos or tokenizer.pad_token != recipe.pad:
        raise ConversionError(f"the converted tokenizer does not end on {recipe.eos}")
    turn = tokenizer.apply_chat_template(
        [{"role": "user", "content": "7 + 5?"}], tokenize=False, add_generation_prompt=True
    )
    if "7 + 5?" not in turn or not turn.rstrip().endswith("assistant"):
        raise ConversionError("the converted chat template does not open the assistant's turn")
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    ids = tokenizer(PROBE, return_tensors="pt").input_ids
    with torch.no_grad():
        loss = float(model(input_ids=ids, labels=ids).loss)
    if not loss < MAX_LOSS:
        raise ConversionError(
            f"the converted weights give plain English a loss of {loss:.2f} nats per token (expected below "
            f"{MAX_LOSS}): transformers {transformers.__version__} reads this GGUF wrongly; install 5.15.0"
        )
