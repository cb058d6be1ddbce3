"""What a long run leaves on disk, so that it can be killed at any moment and go on later.

Promises: ``OUT`` appears complete or not at all (one rename). Until then its records are in
``OUT.journal.jsonl``, appended in whole chunks; ``OUT.manifest.json`` says from which input and
under which config. A record that was cut off is dropped when the run goes on. Two runs never
write one output. A run that an error ends before its first record leaves no trace. Does not promise
to survive a power cut without losing the last chunks: they are computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from .errors import ConfigError, VerifierError
from .jsontext import parse_json

try:
    import fcntl
except ImportError:  # no POSIX: two runs on one output are then the user's care
    fcntl = None  # type: ignore[assignment]


def journal_path(out: Path) -> Path:
    """``scored.jsonl`` -> ``scored.jsonl.journal.jsonl``."""
    return out.with_name(out.name + ".journal.jsonl")


def manifest_path(out: Path) -> Path:
    """``scored.jsonl`` -> ``scored.jsonl.manifest.json``."""
    return out.with_name(out.name + ".manifest.json")


def file_sha256(path: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def replacing(path: Path, *, errors: str = "strict") -> Iterator[TextIO]:
    """A new text file that takes the place of ``path`` once it is whole: a reader never sees a part.

    errors: what becomes of characters that UTF-8 cannot say. Raises VerifierError where it cannot be written.
    """
    scratch = path.with_name(path.name + ".tmp")
    try:
        with scratch.open("w", encoding="utf-8", errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise VerifierError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        scratch.unlink(missing_ok=True)


def write_atomic(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old text or the new one, never a part."""
    with replacing(path) as file:
        file.write(text)


_BESIDE = (".journal.jsonl", ".manifest.json", ".left_out.jsonl", ".answers.jsonl")


def check_summary(path: Path, out: Path, inputs: Iterable[str | Path]) -> None:
    """Raises ConfigError where ``--summary path`` cannot be written, or would replace an input or a file of the run.

    To be called before the run, which may take hours.
    """
    where = f"--summary {path}"
    try:
        if path.is_dir() or not path.name:
            raise ConfigError(f"{where} is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{where}: the folder {path.parent} does not exist; make it first")
        if path.resolve() in [out.with_name(out.name + end).resolve() for end in ("", *_BESIDE)]:
            raise ConfigError(f"{where} is a file of the output {out}; name another file")
        if path.resolve() in [Path(name).resolve() for name in inputs]:
            raise ConfigError(f"{where} is an input; name another file")
        scratch = path.with_name(path.name + ".tmp")
        scratch.touch()
        scratch.unlink()
    except OSError as error:
        raise ConfigError(f"{where} cannot be written: {error.strerror}") from None


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest beside ``out``, None where there is none."""
    path = manifest_path(out)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise VerifierError(f"{path} is damaged ({error}); start again with --overwrite") from None
    if not isinstance(value, dict):
        raise VerifierError(f"{path} is no manifest; start again with --overwrite")
    return value


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(what, then, now) of each setting of two manifests under which going on would mix two runs."""
    if old.get("input", {}).get("sha256") != new["input"]["sha256"]:
        yield "input (sha256)", str(old.get("input", {}).get("sha256"))[:16], new["input"]["sha256"][:16]
    if old.get("config_fingerprint") != new["config_fingerprint"]:
        was, now = flat(old.get("config", {})), flat(new["config"])
        changed = [name for name in now if was.get(name) != now[name]]
        what = f"config ({', '.join(changed)})" if changed else "config"
        yield what, str(old.get("config_fingerprint")), new["config_fingerprint"]
    was, now = flat(old.get("settings", {})), flat(new.get("settings", {}))
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield name, str(was.get(name)), str(now.get(name))
    for name in ("command", "version", "reward_fingerprint", "fields", "keep"):
        if old.get(name) != new.get(name):
            yield name.partition("_")[0], str(old.get(name)), str(new.get(name))


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The same with the settings of an inner object by their path: ``policy.drop_units``."""
    out: dict[str, Any] = {}
    for name, value in settings.items():
        out |= {f"{name}.{n}": v for n, v in value.items()} if isinstance(value, dict) else {name: value}
    return out


def write_manifest(out: Path, manifest: dict[str, Any]) -> None:
    """Replace the manifest beside ``out``."""
    write_atomic(manifest_path(out), json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def settled(out: Path, manifest: dict[str, Any], *beside: Path) -> dict[str, Any] | None:
    """The manifest where ``out`` and what belongs ``beside`` it are complete; None where there is work.

    Raises VerifierError where ``out`` belongs to another run.
    """
    journal = journal_path(out)
    present = [path for path in (out, journal) if path.exists()]
    if not present:
        return None
    old = read_manifest(out)
    if old is None:
        raise VerifierError(f"{present[0]} exists, and no manifest says how it was made; "
                            "name another output, or replace it with --overwrite")  # fmt: skip
    for what, was, now in differences(old, manifest):
        raise VerifierError(f"{out} was begun with another {what}: {was} then, {now} now; "
                            "name another output, or start again with --overwrite")  # fmt: skip
    whole = old.get("state") == "complete" and all(path.exists() for path in (out, *beside))
    # A journal with rows means that the last step, its change into the outputs, is still to be done.
    return old if whole and not (journal in present and journal.stat().st_size) else None


@contextmanager
def begun(out: Path, manifest: dict[str, Any], *, overwrite: bool, kept: Sequence[Path] = ()) -> Iterator[Journal]:
    """The journal of a run that makes ``out``, its ``manifest`` beside it; closed at the end.

    overwrite: forget the rows of an earlier run. kept: files in which the run keeps more than the journal says.
    A run that ends in an error before its first row leaves no trace, so that the mend may change the input or the
    settings: it removes what it began, and the manifest is as it was before. A run that was there already stays.
    """
    path = manifest_path(out)
    there = journal_path(out).exists()
    before = path.read_text(encoding="utf-8") if out.exists() and path.exists() else None
    journal = Journal(journal_path(out))
    try:
        if overwrite:
            journal.clear()
        write_manifest(out, manifest)
        yield journal
    except BaseException:
        begun_here = overwrite or not there
        if begun_here and journal.is_empty and not any(file.exists() and file.stat().st_size for file in kept):
            journal.path.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            if before is not None:
                write_atomic(path, before)
        raise
    finally:
        journal.close()


class Journal:
    """Append-only JSON lines that are whole at every moment a caller can see.

    ``append`` writes all of its lines or, on a full disk or an interrupt, none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock()
        except BaseException:
            os.close(self._file)
            raise
        self._good = 0

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VerifierError(f"another run is writing {self.path}; wait for it or stop it") from None
        except OSError:
            return  # some network file systems have no locks

    def recover(self) -> Iterator[dict[str, Any]]:
        """The whole records already written; what follows the last of them is cut off.

        Must be read to its end before the first ``append``.
        """
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    value = parse_json(line.decode())  # json.loads refuses integers of 4,301 digits
                except ValueError:
                    break
                self._good += len(line)
                yield value
        os.ftruncate(self._file, self._good)

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines, each ending in a line break.

        Raises VerifierError that says what is safe where the disk is full.
        """
        data = memoryview(b"".join(lines))
        end = self._good + len(data)
        try:
            os.lseek(self._file, self._good, os.SEEK_SET)
            while data:
                data = data[os.write(self._file, data) :]
        except BaseException as error:
            os.ftruncate(self._file, self._good)
            if isinstance(error, OSError):
                raise VerifierError(
                    f"cannot write {self.path}: {error.strerror}; the records before are safe in it: "
                    "mend that and run the same command again"
                ) from None
            raise
        self._good = end

    @property
    def is_empty(self) -> bool:
        """Whether it has not one whole record."""
        return os.fstat(self._file).st_size == 0

    def clear(self) -> None:
        """Forget the records of an earlier run."""
        os.ftruncate(self._file, 0)

    def sync(self) -> None:
        """Reach the disk."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise VerifierError(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Release the file and its lock; the journal stays."""
        os.close(self._file)
