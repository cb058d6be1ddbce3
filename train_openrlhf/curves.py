"""What a run left behind, as points by step: TensorBoard's scalars, and traits of the logged completions.

Promises: after a resumed run each step counts once, with what was written last; a file that is cut off or wrong is an
error that names it and its line; texts are not kept, so that a whole run fits in memory. The measures are those of the
lm-eval tasks (`lm_eval_tasks.metrics`) and of `verifier.behaviour`. Does not: verify anything again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from lm_eval_tasks.metrics import clustered_se, mean, question_metrics
from verifier.behaviour import has_box, has_code
from verifier.errors import ConfigError, InputError
from verifier.records import Record, open_records

WINDOW = 10  # steps over which the paper smooths its curves
Points = dict[int, float]


@dataclass(frozen=True, slots=True)
class Completion:
    """One logged response, without its text. copy: a digest of the text, equal for equal texts of this process."""

    step: int | None
    split: str
    benchmark: str | None
    id: str
    visit: int | None
    index: int
    reward: float | None
    scored: bool
    correct: bool | None
    truncated: bool
    code: bool
    box: bool
    characters: int
    copy: int


def scalars(folder: Path) -> dict[str, Points]:
    """Tag -> step -> value of all event files below ``folder``; of two values for a step the later written.

    Raises ConfigError where tensorboard is not installed. Empty where there are no files.
    """
    files = sorted(folder.rglob("events.out.tfevents.*"))
    if not files:
        return {}
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise ConfigError("the curves are TensorBoard files: pip install tensorboard") from None
    found: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for path in files:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            for event in events.Scalars(tag):
                if (event.wall_time, event.value) >= found[tag].get(event.step, (0.0, 0.0)):
                    found[tag][event.step] = (event.wall_time, event.value)
    return {tag: {step: at[step][1] for step in sorted(at)} for tag, at in sorted(found.items())}


def completions(folder: Path, starts: Sequence[str] = ()) -> list[Completion]:
    """All logged completions; of a (split, step) that was done again after a resumption, the last start's only.

    starts: when the run was started and resumed, in the form of the files' names (20260102T030405), in order.
    Raises InputError naming file and line.
    """
    found: dict[tuple[Any, ...], Completion] = {}
    begun: dict[tuple[str, int | None], int] = {}
    for path in sorted(folder.glob("*.jsonl"), key=_written):
        start = bisect_right(starts, _written(path)[:15])
        for one in _read(path):
            if start > begun.setdefault((one.split, one.step), start):
                begun[one.split, one.step] = start
                found = {key: old for key, old in found.items() if key[:2] != (one.split, one.step)}
            found[one.split, one.step, one.benchmark, one.id, one.visit, one.index] = one
    return list(found.values())


def _written(path: Path) -> str:
    """``SPLIT-START-PROCESS.jsonl`` without the split."""
    return path.name.partition("-")[2]


def _read(path: Path) -> Iterator[Completion]:
    source = open_records(path)
    for record in source.read():
        if record.error:
            raise InputError(f"{source.where(record)}, {record.error}")
        try:
            yield _completion(record)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{source.where(record)}: not a completion of a run ({error!r})") from None


def _completion(record: Record) -> Completion:
    fields = record.fields
    response = fields["response"] or ""
    return Completion(
        step=None if fields["step"] is None else int(fields["step"]),
        split=str(fields["split"]),
        benchmark=fields["benchmark"],
        id=str(fields["id"]),
        visit=None if fields["visit"] is None else int(fields["visit"]),
        index=int(fields["index"]),
        reward=None if fields["reward"] is None else float(fields["reward"]),
        scored=bool(fields["scored"]),
        correct=fields["correct"],
        truncated=bool(fields["truncated"]),
        code=has_code(response),
        box=has_box(response),
        characters=len(response),
        copy=hash(response),
    )


def by_step(found: Iterable[Completion], split: str) -> dict[int, list[Completion]]:
    """The completions of a split whose step is known, by step in order."""
    steps: dict[int, list[Completion]] = defaultdict(list)
    for one in found:
        if one.split == split and one.step is not None:
            steps[one.step].append(one)
    return dict(sorted(steps.items()))


def training_point(found: Sequence[Completion]) -> dict[str, float]:
    """One training step: rewards, their groups, and traits; shares of the responses unless it says groups.

    zero_variance: groups (a row's samples on one visit) whose rewards are all equal, which teach nothing.
    """
    rewards = [0.0 if one.reward is None else one.reward for one in found]
    groups: dict[tuple[str, int | None], set[float | None]] = defaultdict(set)
    for one in found:
        groups[one.id, one.visit].add(one.reward)
    return {
        "responses": float(len(found)),
        "groups": float(len(groups)),
        "reward": fmean(rewards),
        "reward_sd": pstdev(rewards),
        "zero_variance": fmean(float(len(values) == 1) for values in groups.values()),
        "unscored": fmean(float(not one.scored) for one in found),
        **traits(found),
    }


def traits(found: Sequence[Completion]) -> dict[str, float]:
    """What both splits have: accuracy (with and without code too, where there is any), code, boxes, cuts, length."""
    out = {
        "correct": _accuracy(found),
        "correct_with_code": _accuracy([one for one in found if one.code]),
        "correct_without_code": _accuracy([one for one in found if not one.code]),
        "gold_unscored": fmean(float(one.correct is None) for one in found),
        "code_freq": fmean(float(one.code) for one in found),
        "no_box": fmean(float(not one.box) for one in found),
        "truncated": fmean(float(one.truncated) for one in found),
        "characters": fmean(one.characters for one in found),
    }
    return {name: value for name, value in out.items() if value is not None}


def _accuracy(found: Sequence[Completion]) -> float | None:
    judged = [float(one.correct) for one in found if one.correct is not None]
    return fmean(judged) if judged else None


def evaluation_point(found: Sequence[Completion]) -> dict[str, float]:
    """One benchmark at one step: the metrics of the lm-eval tasks, with the clustered error of ``acc``, and traits."""
    questions: dict[str, list[Completion]] = defaultdict(list)
    for one in found:
        questions[one.id].append(one)
    n = max(map(len, questions.values()))
    metrics: dict[str, list[float]] = defaultdict(list)
    for samples in questions.values():
        for name, value in question_metrics(_samples(samples), n).items():
            if not name.startswith("maj@"):  # it needs the answers' classes, which are not logged
                metrics[name].append(value)
    out = {name: mean(values) for name, values in metrics.items()}
    if "acc" in metrics and len(metrics["acc"]) > 1:
        out["acc_se"] = clustered_se(metrics["acc"])
    return {**traits(found), **out, "questions": float(len(questions)), "responses": float(len(found))}


def _samples(found: Sequence[Completion]) -> list[dict[str, Any]]:
    first: dict[int, int] = {}
    status = {True: "correct", False: "incorrect", None: "unscored"}
    return [
        {"status": status[one.correct], "class": None, "copy_of": first.setdefault(one.copy, i), "box": one.box,
         "code": one.code}
        for i, one in enumerate(sorted(found, key=lambda one: one.index))
    ]  # fmt: skip


def smoothed(points: Mapping[int, float], window: int = WINDOW) -> Points:
    """Each step's mean over the points of the ``window`` steps that end with it; step 0 stays as it is, and apart.

    >>> smoothed({0: 10.0, 5: 20.0, 10: 30.0, 15: 40.0})
    {0: 10.0, 5: 20.0, 10: 25.0, 15: 35.0}
    """
    out = {}
    for step in sorted(points):
        near = [value for at, value in points.items() if max(0, step - window) < at <= step]
        out[step] = fmean(near) if step else points[step]
    return out
