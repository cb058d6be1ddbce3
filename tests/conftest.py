"""Shared fixtures, and the one rule for what a test needs from outside.

A test that needs a framework carries that framework's marker; one that needs the shared data takes the
fixture ``shared_dir``. Absent means skipped with the reason, except where ``RLVR_REQUIRE`` names it (a
comma-separated list, or ``all``): then it is a failure. ``.ci/run`` sets it, so that nothing goes untested
there unseen.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
MODULES = {
    "lmeval": ("lm_eval", "datasets", "torch"),
    "model": ("lm_eval", "datasets", "torch", "transformers", "gguf"),
    "wheel": ("build",),
    "openrlhf": ("openrlhf", "transformers", "torch", "pylatexenc"),
    "train": ("openrlhf", "ray", "deepspeed", "peft", "torchdata", "tensorboard"),
    "trl": ("trl", "transformers", "torch", "datasets"),
    "ray": ("ray", "pyarrow", "pandas"),
    "server": ("uvicorn", "yaml"),
}
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job of a shell ignores Ctrl-C, and so would everything that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["COLUMNS"] = "80"  # the help texts break there, not at the width of somebody's terminal
# Neither a busy machine nor a draw decides whether a test passes; what a test sets itself is on top of this.
settings.register_profile("ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")
Require = Callable[[str, bool, str], None]


def require_or_skip(name: str, present: bool, reason: str) -> None:
    """Go on where ``present``; otherwise skip, or fail where RLVR_REQUIRE names ``name``."""
    if present:
        return
    required = {part.strip() for part in os.environ.get("RLVR_REQUIRE", "").split(",")}
    if name in required or "all" in required:
        pytest.fail(f"RLVR_REQUIRE asks for {name}: {reason}", pytrace=False)
    pytest.skip(reason)


def vllm_python() -> tuple[str | None, str]:
    """The Python of the vLLM environment, or None and the reason."""
    named = os.environ.get("RLVR_VLLM_PYTHON")
    path = Path(named) if named else ROOT / ".venv-vllm" / "bin" / "python"
    if not path.is_file():
        where = f"RLVR_VLLM_PYTHON={named} is no file" if named else "there is no .venv-vllm"
        return None, f"{where}: run `make env-vllm`, or point RLVR_VLLM_PYTHON at a Python that has vLLM"
    done = subprocess.run(
        [path, "-c", "import importlib.metadata as m; m.version('lm_eval')"], capture_output=True
    )
    if done.returncode:
        return None, f"{path} has no lm-eval: run `make env-vllm`"
    return str(path), ""


def verl_python() -> tuple[str | None, str]:
    """The Python of the verl environment, or None and the reason."""
    named = os.environ.get("RLVR_VERL_PYTHON")
    path = Path(named) if named else ROOT / ".venv-verl" / "bin" / "python"
    if not path.is_file():
        where = f"RLVR_VERL_PYTHON={named} is no file" if named else "there is no .venv-verl"
        return None, f"{where}: run `make env-verl`, or point RLVR_VERL_PYTHON at a Python that has verl"
    done = subprocess.run([path, "-c", "import importlib.metadata as m; m.version('verl')"], capture_output=True)
    if done.returncode:
        return None, f"{path} has no verl: run `make env-verl`"
    return str(path), ""


ENVIRONMENTS = {"vllm": vllm_python, "verl": verl_python}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, modules in MODULES.items():
        if item.get_closest_marker(marker):
            missing = [module for module in modules if importlib.util.find_spec(module) is None]
            require_or_skip(
                marker,
                not missing,
                f"{', '.join(missing)} not installed: run `make env`, then .venv/bin/pytest",
            )
    for marker, find in ENVIRONMENTS.items():
        if item.get_closest_marker(marker):
            python, reason = find()
            require_or_skip(marker, python is not None, reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def require() -> Require:
    """``require(name, present, reason)``: skip, or fail where RLVR_REQUIRE names it."""
    return require_or_skip


@pytest.fixture(scope="session")
def verl() -> str:
    """The Python of verl's environment."""
    python, reason = verl_python()
    require_or_skip("verl", python is not None, reason)
    return str(python)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder ``shared`` beside the repository: benchmark data and cases that are not ours to commit."""
    require_or_skip(
        "shared", SHARED.is_dir(), "no folder ../shared beside the repository, which holds the data"
    )
    return SHARED


@pytest.fixture(scope="session")
def smollm2() -> str:
    """The path of the fetched SmolLM2-135M checkpoint; downloads 93 MB at the first use."""
    from lm_eval_tasks import models

    try:
        return models.fetch("smollm2-135m-instruct")
    except models.ModelError as error:
        require_or_skip("model", False, str(error))
        raise


@pytest.fixture(scope="session")
def local_ray() -> Callable[[str], AbstractContextManager[Any]]:
    """``with local_ray(PYTHONPATH) as ray``: Ray on two cores of this machine, its own leaks not counted as ours."""

    @contextmanager
    def start(path: str) -> Iterator[Any]:
        import ray

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it leaves files of its own open
            ray.init(
                "local", num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False,
                object_store_memory=2 * 10**8, runtime_env={"env_vars": {"PYTHONPATH": path}},
            )  # fmt: skip
            gc.collect()
        yield ray
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.shutdown()
            gc.collect()

    return start
