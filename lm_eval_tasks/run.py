"""One command from a model's name to a table: fetch, run the real ``lm_eval``, report, record.

    python -m lm_eval_tasks.run                                   # SmolLM2-135M on rlvr_demo
    python -m lm_eval_tasks.run --model owner/name --tasks rlvr_math500 --limit 50 --max-tokens 512

Promises: the evaluation is done by lm-eval's own command line, which is printed first and can be pasted;
the run folder holds lm-eval's files, ``report.md``, ``summary.json`` and ``manifest.json``, and the manifest
says how the run ended (running, complete, failed, interrupted). A wrong setting is one line and exit code 2.

Does not: score anything itself, or change a task's settings except where a flag says so.
Arguments after ``--`` go to lm_eval as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError, InputError, VerifierError

from . import TASKS_DIR, _manifest, models, report
from ._catalogue import MODELS
from .task_names import check_data, check_tasks, needs_hub

BATCH = {"hf": "64", "vllm": "auto"}
SEED = 1234
# Threads that wait by spinning take the core from the one they wait for: 3 times slower on a busy machine.
CPU = {"OMP_WAIT_POLICY": "PASSIVE"}
# vLLM on a CPU: the pages it may cache in GiB, and the patience for a slow step.
VLLM_CPU = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "900"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0, 1 where lm_eval failed, 2 for one line about a wrong setting, 130 when interrupted."""
    given = list(sys.argv[1:] if argv is None else argv)
    own, extra = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    args = _parser().parse_args(own)
    try:
        return run(args, extra)
    except VerifierError as error:
        _say(f"error: {error}")
        return 2
    except OSError as error:
        _say(f"error: {error.filename or args.out or 'results/runs'}: {error.strerror or error}")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lm_eval_tasks.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="smollm2-135m-instruct", help="fetchable name, hub id or folder")
    parser.add_argument("--tasks", default="rlvr_demo", help="names, separated by commas or spaces")
    parser.add_argument("--limit", type=_positive, help="only the first so many problems of each task")
    parser.add_argument("--n", type=_positive, help="samples per problem")
    parser.add_argument("--max-tokens", type=_positive, help="new tokens per response; the run is labelled capped")
    parser.add_argument("--backend", choices=sorted(BATCH), default="hf")
    parser.add_argument("--out", type=Path, help="the run folder (default: results/runs/DATE-MODEL-TASK)")
    parser.add_argument("--batch-size", help="for lm_eval (default: 64 on hf, auto on vllm)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--dtype", help="for the model (default: float32 without a GPU, auto with one)")
    parser.add_argument("--no-chat-template", action="store_true", help="give chat models the bare prompt")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def run(args: argparse.Namespace, extra: Sequence[str] = ()) -> int:
    """The whole run. Raises VerifierError for what the user can mend, OSError from the run folder."""
    tasks = check_tasks(args.tasks)
    check_data(tasks)
    python = _python(args.backend)
    kind = models.resolve(args.model)
    if args.out and args.out.exists() and any(args.out.iterdir()):
        raise ConfigError(f"--out {args.out} is not empty; name a new folder")
    location = models.fetch(args.model)
    if kind == "hub":
        check_hub(location)
    environ = dict(os.environ)
    if kind != "hub" and not needs_hub(tasks):
        environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing to ask there: no look-ups, no waiting
    gpu = _has_gpu(args.backend)
    if not gpu:
        environ = {**CPU, **(VLLM_CPU if args.backend == "vllm" else {}), **environ}
    chat = not args.no_chat_template and _chat(tasks, location, kind)
    out = _run_folder(args.out, args.model, tasks)
    command = build_command(args, python=python, location=location, tasks=tasks, out=out, gpu=gpu, chat=chat)
    command += extra
    manifest = {
        "status": "running",
        "started": _now(),
        "model": {"name": _manifest.public(args.model), "kind": kind, **_manifest.weights(location, kind)},
        "tasks": tasks,
        "backend": args.backend,
        "n": args.n,
        "limit": args.limit,
        "max_tokens": args.max_tokens,
        "seed": args.seed,
        "chat_template": chat,
        "command": _manifest.public(shlex.join(["lm_eval", *command[3:]])),
        "settings": _manifest.settings(environ),
        "versions": _manifest.versions(python),
        "machine": _manifest.machine(),
        "git": _manifest.git_state(),
    }
    _manifest.write(out / "manifest.json", manifest)
    _say(f"$ {shlex.join(command)}")
    return _finish(manifest, out, _execute(command, environ))


def _execute(command: Sequence[str], environ: dict[str, str]) -> int:
    """lm_eval with our own terminal; its exit code, or 130."""
    try:
        return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _finish(manifest: dict[str, Any], out: Path, code: int) -> int:
    """Tidy lm-eval's files, write report and manifest, print the report."""
    for path in [*out.glob("*/results_*.json"), *out.glob("*/samples_*.jsonl")]:
        path.rename(out / path.name)  # lm-eval puts them into a folder named after the model's whole path
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    interrupted = code in (130, -2)
    manifest["status"] = "complete" if code == 0 else "interrupted" if interrupted else "failed"
    manifest["ended"] = _now()
    manifest["seconds"] = round(
        (datetime.fromisoformat(manifest["ended"]) - datetime.fromisoformat(manifest["started"])).total_seconds()
    )
    if code == 0:
        try:
            found = report.summary(out)
            text = report.render(out)
        except InputError as error:  # a run of other people's tasks only: lm-eval printed their table
            _say(f"note: {error}")
        else:
            manifest["fingerprints"] = {name: row.get("fingerprints") for name, row in found["tasks"].items()}
            (out / "summary.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (out / "report.md").write_text(text, encoding="utf-8")
            print(f"\n{text}", flush=True)
            if manifest["max_tokens"]:
                print(f"capped: responses were cut at {manifest['max_tokens']} new tokens", flush=True)
    _manifest.write(out / "manifest.json", manifest)
    where = _manifest.public(str(out))
    if code == 0:
        _say(f"complete in {manifest['seconds']} s: {where}")
        return 0
    _say(f"error: lm_eval {manifest['status']} (exit code {code}); its message is above, the manifest in {where}")
    return 130 if interrupted else 1


def build_command(
    args: argparse.Namespace,
    *,
    python: str,
    location: str,
    tasks: Sequence[str],
    out: Path,
    gpu: bool,
    chat: bool,
) -> list[str]:
    """lm-eval's command line; the first three words start it in the interpreter ``python``."""
    dtype = args.dtype or ("auto" if gpu else "float32")
    model_args = [f"pretrained={location}", f"dtype={dtype}"]
    command = [python, "-m", "lm_eval", "run", "--model", args.backend, "--tasks", ",".join(tasks)]
    if args.backend == "vllm":
        model_args.append(f"seed={args.seed}")
        if not gpu:
            model_args += ["enforce_eager=True", "max_model_len=4096"]
    else:
        command += ["--device", "cuda" if gpu else "cpu"]
    command += ["--model_args", ",".join(model_args), "--include_path", str(TASKS_DIR)]
    command += ["--batch_size", args.batch_size or BATCH[args.backend], "--seed", str(args.seed)]
    if chat:
        command.append("--apply_chat_template")
    if args.limit:
        command += ["--limit", str(args.limit)]
    if args.n:
        command += ["--metadata", f"n={args.n}"]
    if args.max_tokens:
        command += ["--gen_kwargs", f"max_gen_toks={args.max_tokens}"]
    return [*command, "--log_samples", "--output_path", str(out)]


def check_hub(name: str) -> None:
    """Whether the hub (or its local cache) has the model; ConfigError with one line otherwise."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        hf_hub_download(name, "config.json")
    except LocalEntryNotFoundError:
        why = "it is not in the local cache and the hub cannot be reached (HF_HUB_OFFLINE, or the network)"
    except HfHubHTTPError as error:
        why = f"the hub says {error.response.status_code}: check the name, or log in where it is gated"
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
    else:
        return
    raise ConfigError(f"model {name}: {why}; without a hub there are {', '.join(MODELS)}")


def _chat(tasks: Sequence[str], location: str, kind: str) -> bool:
    """Whether to apply the chat template: not for the `_base` tasks, nor for a model that has none."""
    if tasks[0].endswith("_base"):
        return False
    if kind == "hub":
        return True
    folder = Path(location)
    config = folder / "tokenizer_config.json"
    has = (folder / "chat_template.jinja").is_file() or (
        config.is_file() and '"chat_template"' in config.read_text(encoding="utf-8")
    )
    if not has:
        _say(f"note: {location} has no chat template; the prompts are given bare")
    return has


def _python(backend: str) -> str:
    """The interpreter that runs lm_eval: this one, or the vLLM environment's."""
    if backend == "hf":
        return sys.executable
    named = os.environ.get("RLVR_VLLM_PYTHON")
    path = Path(named) if named else TASKS_DIR.parent / ".venv-vllm" / "bin" / "python"
    if not path.is_file():
        raise ConfigError(f"no vLLM environment at {path}: run `make env-vllm`, or set RLVR_VLLM_PYTHON")
    return str(path)


def _has_gpu(backend: str) -> bool:
    """Whether the backend will find a GPU."""
    if backend == "vllm":
        return bool(_manifest.machine()["gpus"])
    import torch

    return bool(torch.cuda.is_available())


def _run_folder(wanted: Path | None, model: str, tasks: Sequence[str]) -> Path:
    """A new folder for the run."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        return wanted.absolute()
    task = tasks[0] if len(tasks) == 1 else f"{tasks[0]}-and-{len(tasks) - 1}-more"
    name = re.sub(r"[^\w.-]+", "-", f"{datetime.now():%Y-%m-%d}-{Path(model).name}-{task}")
    base = Path("results") / "runs"
    base.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = base / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder.absolute()
    raise ConfigError(f"{base} holds too many runs of {name}; give --out")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
