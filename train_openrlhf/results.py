"""What one run left on disk, read once: its curves, its answers by problem, its evaluations by lm-eval.

Promises: what cannot be read is an InputError that names the file; what is not there is empty. Keeps no text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import InputError

from .cells import Cell
from .curves import Completion, Points, by_step, completions, evaluation_point, scalars, smoothed, training_point
from .evaluate import evaluations
from .switches import Sample

TRAINING = (
    "reward", "reward_sd", "zero_variance", "unscored", "correct", "correct_with_code", "correct_without_code",
    "gold_unscored", "code_freq", "no_box", "truncated", "characters",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """What is on disk. training: points by step; evaluation, answers: by benchmark and step. lm_eval: step -> folder.

    stepless: completions whose step is not known, which are in no curve.
    """

    cell: Cell
    manifest: Mapping[str, Any]
    tags: Mapping[str, Points]
    training: Mapping[int, Mapping[str, float]]
    evaluation: Mapping[str, Mapping[int, Mapping[str, float]]]
    answers: Mapping[str, Mapping[int, Mapping[str, Sequence[Sample]]]]
    lm_eval: Mapping[int, Path]
    stepless: int

    def columns(self) -> dict[str, Points]:
        """Every curve by its name: ``train.*`` of the completions, ``tb.*`` of TensorBoard, ``eval.BENCHMARK.*``."""
        out: dict[str, Points] = {}
        for name in (*TRAINING, "responses", "groups"):
            out[f"train.{name}"] = {step: point[name] for step, point in self.training.items() if name in point}
        out |= {f"tb.{tag}": dict(points) for tag, points in self.tags.items()}
        for benchmark, steps in self.evaluation.items():
            for name in dict.fromkeys(name for point in steps.values() for name in point):
                out[f"eval.{benchmark}.{name}"] = {step: point[name] for step, point in steps.items() if name in point}
            if acc := out.get(f"eval.{benchmark}.acc"):
                out[f"eval.{benchmark}.acc_smoothed"] = smoothed(acc)
        return {name: points for name, points in out.items() if points}


def read(cell: Cell, folder: Path) -> Run:
    """The run in ``folder``. Raises InputError where a file cannot be read."""
    manifest = _manifest(folder / "manifest.json")
    starts = [_stamp(text) for text in [*manifest.get("resumed", []), manifest.get("started", "")]]
    found = completions(folder / "completions", [text for text in starts if text])
    tests = by_step(found, "eval")
    points: dict[str, dict[int, dict[str, float]]] = {}
    answers: dict[str, dict[int, dict[str, list[Sample]]]] = {}
    for step, all_of in tests.items():
        for benchmark in dict.fromkeys(one.benchmark or "?" for one in all_of):
            of = [one for one in all_of if (one.benchmark or "?") == benchmark]
            points.setdefault(benchmark, {})[step] = evaluation_point(of)
            answers.setdefault(benchmark, {})[step] = _answers(of)
    return Run(
        cell=cell,
        manifest=manifest,
        tags=scalars(folder / "tensorboard"),
        training={step: training_point(of) for step, of in by_step(found, "train").items()},
        evaluation=points,
        answers=answers,
        lm_eval=dict(_evaluated(cell, folder)),
        stepless=sum(one.step is None for one in found),
    )


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `launch` writes it before a run starts") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as a manifest ({error})") from None


def _stamp(text: str) -> str:
    """``2026-01-02T03:04:05+00:00`` as the files of completions have it."""
    return re.sub(r"[-:]|\+.*", "", text)


def _answers(found: Sequence[Completion]) -> dict[str, list[Sample]]:
    out: dict[str, list[Sample]] = {}
    for one in found:
        if one.correct is not None:
            out.setdefault(one.id, []).append((one.code, one.correct))
    return out


def _evaluated(cell: Cell, folder: Path) -> list[tuple[int, Path]]:
    """(step, folder) of the complete evaluations by lm-eval."""
    steps = [0]
    for path in (folder / "evaluations").glob("step-*"):
        if path.name.removeprefix("step-").isdecimal():
            steps.append(int(path.name.removeprefix("step-")))
    places = [(step, evaluations(cell, folder, step)) for step in sorted(set(steps))]
    return [
        (step, place)
        for step, place in places
        if (place / "manifest.json").is_file() and _manifest(place / "manifest.json").get("status") == "complete"
    ]
