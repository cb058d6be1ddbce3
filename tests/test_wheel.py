"""The wheel of a clean copy of the tree, in an empty environment, used from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

# What the repository's top level may hold; dot files beside these.
TOP_LEVEL = {
    *("pyproject.toml", "verifier", "lm_eval_tasks", "train_openrlhf", "tests", "results", "README.md"),
    *("Makefile", "CHANGELOG.md", "LICENSE", "docs", "benchmarks"),
}


def _run(command: Sequence[str | Path], cwd: Path) -> str:
    """Standard output of a command that has to succeed, away from this repository's own settings."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "RLVR_"))}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of what a clean clone holds")
    return [name for name in listed.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files alone, as a clean clone would be; through the sdist, so that works too."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in _tracked(root):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / name).read_bytes())
    _run([sys.executable, "-m", "build", "--outdir", str(out)], tree)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel and what it requires, nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], folder)
    return python


def test_the_top_level_holds_what_it_should_and_nothing_else(root: Path) -> None:
    names = {name.split("/")[0] for name in _tracked(root)}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()
    assert TOP_LEVEL - {"CHANGELOG.md", "docs", "benchmarks"} - names == set()


def test_the_wheel_holds_the_three_packages_and_their_data(root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    data = (".py", ".yaml", ".jsonl", ".md", ".typed", ".sh", ".sbatch")
    packages = ("verifier/", "lm_eval_tasks/", "train_openrlhf/")
    wanted = {name for name in _tracked(root) if name.startswith(packages) and name.endswith(data)}
    assert wanted - held == set()
    others = {name for name in held - wanted if ".dist-info/" not in name}
    assert others == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_it_requires_sympy_alone(python: Path, tmp_path: Path) -> None:
    listed = _run([python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check"], tmp_path)
    names = {line.split("==")[0].lower() for line in listed.splitlines()}
    assert names - {"pip", "setuptools", "wheel"} == {"rlvr-verifier", "sympy", "mpmath"}


def test_it_works_from_any_directory(root: Path, python: Path, tmp_path: Path) -> None:
    code = "import verifier; v = verifier.verify(response=r'so \\boxed{0.5}', gold=r'\\frac12'); print(v.status.value)"
    assert _run([python, "-c", code], tmp_path) == "correct\n"
    where = _run([python, "-c", "import verifier, sys; print(verifier.__file__)"], tmp_path)
    assert str(root) not in where


def test_the_command_line_and_its_tasks(python: Path, tmp_path: Path) -> None:
    script = python.parent / ("verifier.exe" if os.name == "nt" else "verifier")
    assert "check" in _run([script, "--help"], tmp_path)
    tasks = Path(_run([script, "tasks-path"], tmp_path).strip())
    assert (tasks / "rlvr_demo.yaml").is_file()
    assert (tasks / "demo" / "problems.jsonl").read_text(encoding="utf-8").count("\n") >= 96
    assert python.parent.parent.resolve() in tasks.resolve().parents
    assert "smollm2-135m-instruct" in _run([python, "-m", "lm_eval_tasks.models", "list"], tmp_path)
    _run([python, "-c", "import train_openrlhf"], tmp_path)
