"""Many samples of a model for each training problem, from which `verifier vote` makes its majority labels.

    python -m train_openrlhf.label_majority qwen2.5-math-7b --shard 0/4          # on each of four GPUs
    verifier vote labels/qwen2.5-math-7b.samples-*.jsonl ...                     # then; README.md has the line

Promises: 64 samples at temperature 1 of the initial model on the raw problem, as in the paper; what a problem gets
depends on (--seed, id) and the engine alone, not on the shard, the order or a restart; a problem's line is written
whole, so the same command goes on where it was stopped, and refuses to under other settings. One line a problem:
``{"id", "prompt", "gold", "responses": [...], "truncated": [...]}``. Does not: look at the answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lm_eval_tasks import _manifest, models
from lm_eval_tasks._wheels import ModelError
from verifier.errors import ConfigError, VerifierError
from verifier.journal import Journal, file_sha256, write_atomic
from verifier.rows import Row

from .cells import CONFIGS, named_file, names, read_yaml
from .generators import Generator, Sample, make_generator, prompt_of
from .rundata import read_rows
from .schema import Model, build

CHUNK = 64  # problems given to vLLM at once: what a stop may cost


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: 0, 2 for a mistake, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        return run(args)
    except (VerifierError, ModelError) as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted: run the same command again, it goes on where it stopped")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m train_openrlhf.label_majority", description=(__doc__ or "").split("\n")[0], allow_abbrev=False
    )
    add = parser.add_argument
    add("model", help="a name of configs/models, a name of lm_eval_tasks.models, a hub id or a folder")
    add("--data", type=Path, default=Path("data/train.jsonl"))
    add("--out", type=Path, help="default: labels/MODEL.samples-SHARD.jsonl")
    add("--samples", type=_positive, default=64)
    add("--max-tokens", type=_positive, default=3072)
    add("--temperature", type=float, default=1.0)
    add("--seed", type=int, default=0)
    add("--shard", type=_shard, default=(0, 1), metavar="I/N", help="this process's part, I from 0")
    add("--limit", type=_positive, help="only so many problems of the shard")
    add("--prompt", choices=("raw", "template"), default="raw", help="template: as in training")
    add("--generator", choices=("vllm", "transformers"), default="vllm")
    add("--tensor-parallel", type=_positive, default=1)
    add("--batch", type=_positive, default=16, help="samples at a time (transformers)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r}: write I/N with I from 0 to N - 1")
    return int(found[1]), int(found[2])


def run(args: argparse.Namespace) -> int:
    """Sample what is not there yet. Raises VerifierError for what the user can mend."""
    name, model = find_model(args.model)
    index, count = args.shard
    out = args.out or Path("labels") / f"{name}.samples-{index}of{count}.jsonl"
    rows = problems_of(read_rows(args.data, "--data"), index, count)[: args.limit]
    settings = {
        "model": name,
        "hub_id": _manifest.public(model.hub_id),
        "revision": model.revision,
        "data_sha256": file_sha256(args.data),
        **{key: getattr(args, key) for key in ("samples", "max_tokens", "temperature", "seed", "prompt", "generator")},
        "shard": f"{index}/{count}",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    _refuse_other_settings(out, settings)
    journal = Journal(out)
    try:
        done = {str(record["id"]) for record in journal.recover()}
        todo = [row for row in rows if row.id not in done]
        if todo:
            generate = make_generator(args, model)
            write_atomic(_settings_path(out), json.dumps(settings, indent=1) + "\n")
            _sample(journal, todo, generate, args, model, len(rows))
        journal.sync()
    except BaseException:
        if not out.stat().st_size:  # nothing was begun: no file to puzzle over
            out.unlink()
            _settings_path(out).unlink(missing_ok=True)
        raise
    finally:
        journal.close()
    _say(f"complete: {len(rows)} problems, {args.samples} samples each, in {out}")
    return 0


def find_model(name: str) -> tuple[str, Model]:
    """The configured model, or one made of a fetchable name, a hub id or a folder. Raises ConfigError."""
    if name in names("models"):
        values = read_yaml(named_file(CONFIGS / "models", name, "model"))
        return name, build(Model, {k: v for k, v in values.items() if k != "set"}, f"configs/models/{name}.yaml")
    try:
        where = models.fetch(name)
    except ModelError as error:
        raise ConfigError(f"{error}; configured are {', '.join(names('models'))}") from None
    return Path(name).name, Model(where, None, "", "chat", None, "", (), "boxed", 0.0)


def problems_of(rows: Iterable[Row], index: int, count: int) -> list[Row]:
    """The distinct problems of one shard; a problem belongs to a shard by its id, whatever the order."""
    distinct = {row.id: row for row in rows}
    return [row for row in distinct.values() if _number("shard", row.id) % count == index]


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:4], "big")


def _settings_path(out: Path) -> Path:
    return out.with_name(out.name + ".settings.json")


def _refuse_other_settings(out: Path, settings: dict[str, Any]) -> None:
    """Raises ConfigError where ``out`` has samples that were made under others."""
    path = _settings_path(out)
    if not (out.exists() and out.stat().st_size and path.exists()):
        return
    old = json.loads(path.read_text(encoding="utf-8"))
    changed = [f"{key} was {old.get(key)!r}, now {value!r}" for key, value in settings.items() if old.get(key) != value]
    if changed:
        raise ConfigError(f"{out} was begun with other settings: {'; '.join(changed)}; use them, or another --out")


def _sample(
    journal: Journal, todo: Sequence[Row], generate: Generator, args: argparse.Namespace, model: Model, total: int
) -> None:
    done, step = total - len(todo), CHUNK if args.generator == "vllm" else 1
    for start in range(0, len(todo), step):
        chunk = todo[start : start + step]
        found = generate([(_number(args.seed, row.id), prompt_of(row, model, args.prompt)) for row in chunk])
        journal.append(_line(row, samples) for row, samples in zip(chunk, found, strict=True))
        done += len(chunk)
        _say(f"{done} of {total} problems")


def _line(row: Row, samples: Sequence[Sample]) -> bytes:
    value: dict[str, Any] = {"id": row.id, "prompt": row.prompt, "gold": row.gold}
    value |= {"responses": [one.text for one in samples], "truncated": [one.truncated for one in samples]}
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
