"""OpenRLHF's own ``__main__`` and ``train()`` over many argument vectors, with everything heavy stubbed.

    results = dry_run({"cell": argv, ...})          # one subprocess for all of them; milliseconds a vector

Promises: the parser, the assertions and the placement of GPUs are those of the installed openrlhf; every ``--flag`` is
compared with the parser's own option strings, because argparse also accepts abbreviations; what OpenRLHF would print
as a warning is passed on. The stubs live in a process of their own and reach nothing else.
Does not: load a model or data, or notice what only a real run can (memory, kernels, speed).
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError

MODULE = "openrlhf.cli.train_ppo_ray"


@dataclass(slots=True)
class Result:
    """What OpenRLHF made of one vector.

    error: the first thing that would stop it, None where it would start. warnings: its own, and ours about flags.
    gpus: what it would reserve. engines, tensor_parallel: of vLLM. groups: (role, processes) of the training actors.
    """

    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    gpus: int = 0
    engines: int = 0
    tensor_parallel: int = 0
    groups: list[tuple[str, int]] = field(default_factory=list)


def dry_run(vectors: Mapping[str, Sequence[str]], *, python: str = sys.executable) -> dict[str, Result]:
    """The result of each vector by its name. Raises ConfigError where the subprocess itself fails."""
    if not vectors:
        return {}
    done = subprocess.run(
        [python, "-m", __name__],
        input=json.dumps({name: list(argv) for name, argv in vectors.items()}),
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ConfigError(f"the dry run could not be made: {lines[-1]}")
    results = {name: Result(**values) for name, values in json.loads(done.stdout).items()}
    for result in results.values():
        result.groups = [(role, number) for role, number in result.groups]  # JSON made lists of them
    return results


class _Stub:
    """Answers to any name, call or iteration; stands for whatever lives on a GPU."""

    def __getattr__(self, name: str) -> Any:
        return _Stub()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _Stub()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def _module(name: str, **attributes: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


class _Plan:
    """Counts what the real ``train()`` asks for."""

    def __init__(self, package: Path) -> None:
        self.result = Result()
        plan = self

        class Group(_Stub):
            def __init__(self, nodes: int, gpus: int, role: type, pg: Any = None, **_: Any) -> None:
                plan.result.groups.append((role.__name__, nodes * gpus))
                plan.result.gpus += 0 if pg is not None else nodes * gpus

            def async_init_model_from_pretrained(self, *_: Any) -> list[Any]:
                return []

            def async_save_model(self) -> list[Any]:
                return []

        def placement_group(bundles: list[Any], strategy: str = "") -> Any:
            plan.result.gpus += len(bundles)
            return _Stub()

        def engines(number: int, parallel: int, *args: Any, **_: Any) -> list[int]:
            shared = args[6] is not None
            plan.result.engines, plan.result.tensor_parallel = number, parallel
            plan.result.gpus += 0 if shared else number * parallel
            return [0] * number

        _module("ray", is_initialized=lambda: True, get=lambda _: _Stub(), remote=lambda item: item)
        _module("ray.util")
        _module("ray.util.placement_group", placement_group=placement_group)
        _module("openrlhf.trainer")
        _module("openrlhf.trainer.ray", create_vllm_engines=engines)
        roles = {name: type(name, (), {}) for name in ("ReferenceModelActor", "RewardModelActor")}
        _module("openrlhf.trainer.ray.launcher", RayActorGroup=Group, **roles)
        for file, name in (("ppo_actor", "PolicyModelActor"), ("ppo_critic", "CriticModelActor")):
            _module(f"openrlhf.trainer.ray.{file}", **{name: type(name, (), {})})
        utils = _module("openrlhf.utils", get_strategy=lambda _: _Stub())
        utils.__path__ = [str(package / "utils")]
        for file in ("ppo_trainer", "ppo_trainer_async"):
            name = "PPOTrainer" if file == "ppo_trainer" else "PPOTrainerAsync"
            _module(f"openrlhf.trainer.{file}", **{name: type(name, (), {"remote": _Stub()})})


def run_all(vectors: Mapping[str, Sequence[str]]) -> dict[str, Result]:
    """The work of the subprocess: replaces modules of this process for good."""
    spec = importlib.util.find_spec("openrlhf")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("openrlhf is not installed here: docs/environments.md has the recipe without CUDA")
    package = Path(next(iter(spec.submodule_search_locations)))
    plan = _Plan(package)
    source = package / "cli" / "train_ppo_ray.py"
    code = compile(source.read_text(encoding="utf-8"), str(source), "exec")
    out = {}
    for name, argv in vectors.items():
        plan.result = Result()
        _one(code, list(argv), plan)
        out[name] = plan.result
    return out


def _one(code: types.CodeType, argv: list[str], plan: _Plan) -> None:
    import argparse

    known: set[str] = set()
    real = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> Any:
        known.update(option for action in self._actions for option in action.option_strings)
        return real(self, *args, **kwargs)

    printed, complaints = io.StringIO(), io.StringIO()
    error: str | None = None
    argparse.ArgumentParser.parse_args = parse_args  # type: ignore[method-assign]
    sys.argv = [MODULE, *argv]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaints):
            exec(code, {"__name__": "__main__", "__file__": code.co_filename})
    except SystemExit:
        error = (complaints.getvalue().strip().splitlines() or ["it stopped without a message"])[-1]
        error = error.partition("error: ")[2] or error
    except AssertionError as failed:
        error = f"an assertion of OpenRLHF fails: {failed}"
    except Exception as failed:
        error = f"{type(failed).__name__}: {failed}"
    finally:
        argparse.ArgumentParser.parse_args = real  # type: ignore[method-assign]
    wrong = [flag for flag in argv if flag.startswith("--") and flag.partition("=")[0] not in known]
    if wrong and known:
        error = "; ".join(_explain(flag, known) for flag in wrong)
    plan.result.error = error
    plan.result.warnings = [line for line in printed.getvalue().splitlines() if line.startswith(("[Warning]", "Set "))]


def _explain(flag: str, known: set[str]) -> str:
    import difflib

    longer = sorted(option for option in known if option.startswith(flag))
    if longer:
        return (
            f"{flag} is an abbreviation of {', '.join(longer)}: write it out, another version would read it differently"
        )
    near = difflib.get_close_matches(flag, known, n=1)
    return f"{flag} is no flag of this OpenRLHF" + (f"; did you mean {near[0]}?" if near else "")


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    json.dump({name: asdict(result) for name, result in run_all(given).items()}, sys.stdout)
