"""One run's summary: what it reached, how it got there, and what it was made with.

Promises: shares are fractions, accuracies and gains of benchmarks percent and percentage points, as the paper has them;
what is not known is null, and what limits the numbers is a sentence in ``notes``. Holds no text and no path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lm_eval_tasks import report
from lm_eval_tasks.metrics import UNSCORED_FLAG

from .cells import Cell, load_cell
from .curves import WINDOW, smoothed
from .evaluate import TASK_TOKENS
from .machine import differing
from .papers import paper_numbers
from .results import TRAINING, Run
from .switches import Sample, switches

TAGS = {
    "train/ppo_clip_ratio": "clip_ratio",
    "train/rollout/reward_mean": "logged_reward",
    "train/rollout/response_length_mean": "tokens",
    "train/policy_loss": "policy_loss",
    "train/actor_grad_norm": "grad_norm",
    "train/entropy": "entropy",
}
"""TensorBoard's tags -> their names here."""
WHERE_AND_HOW_OFTEN = (
    "settings.hardware.", "settings.memory.", "settings.checkpoint.", "settings.train.micro_batch_size",
    "settings.rollout.micro_batch_size", "settings.evaluation.every_steps", "settings.evaluation.samples",
)  # fmt: skip
"""Settings that a run may change and is still a run of its cell; the notes name them all the same."""


def summarise(run: Run, paper: Path) -> dict[str, Any]:
    """All of it as JSON-ready values. paper: the folder of the paper's numbers; absent, they are null."""
    cell, differs = run.cell, differences(run.cell)
    # beside another model the paper's numbers would only mislead
    other = cell.smoke or any(one["key"].startswith("model.") for one in differs)
    numbers = {"scores": {}, "code": {}} if other else paper_numbers(paper, cell.model_name, cell.reward_name)
    measured = {step: report.summary(path)["tasks"] for step, path in run.lm_eval.items()}
    benchmarks = {
        name: _benchmark(name, run, measured, numbers["scores"].get(name)) for name in _benchmarks(run, measured)
    }
    columns = run.columns()
    training = {name: _curve(columns.get(f"train.{name}", {})) for name in TRAINING}
    training |= {short: _curve(run.tags.get(tag, {})) for tag, short in TAGS.items()}
    summary = {
        "cell": cell.name,
        "about": {"reward": dict(cell.reward), "unscored": cell.unscored, "extraction": cell.extraction,
                  "labels": cell.labels, "labels_of": cell.labels_of if cell.labels != "none" else None},
        "differs": differs,
        "is_the_cell": not cell.smoke and all(one["key"].startswith(WHERE_AND_HOW_OFTEN) for one in differs),
        "units": "shares are fractions; accuracies of benchmarks are percent, gains percentage points",
        "provenance": _provenance(run),
        "steps": {"planned": cell.settings.steps, "done": _done(run)},
        "notes": [],
        "benchmarks": benchmarks,
        "switches": _switches(run),
        "training": {name: curve for name, curve in training.items() if curve is not None},
        "checks": _checks(run),
        "paper": numbers["code"],
    }  # fmt: skip
    summary["notes"] = _notes(summary, run, measured)
    return summary


def differences(cell: Cell) -> list[dict[str, Any]]:
    """What a run changed of its cell as the configurations have it: key, and the value of the run and of the cell.

    The example of a one-shot cell and the paths of its data are nobody's but the run's, so they are left out; a smoke
    run is no run of its cell at all.
    """
    if cell.smoke:
        return []
    ran, meant = _compared(cell), _compared(load_cell(cell.name))
    return [{"key": key, "run": now, "cell": was} for key, was, now in differing(meant, ran)]


def _compared(cell: Cell) -> dict[str, Any]:
    values = cell.to_dict()
    named = re.search(r"models--([^/]+)--([^/]+)/snapshots/", cell.model.hub_id)  # the hub's own cache, as a folder
    weights = "/".join(named.groups()) if named else cell.model.hub_id
    # of a folder only its name: a path would name somebody's home
    values["model"]["hub_id"] = Path(weights).name if Path(weights).is_absolute() else weights
    del values["settings"]["data"], values["example"], values["smoke"]
    return values


def _benchmarks(run: Run, measured: Mapping[int, Mapping[str, Any]]) -> list[str]:
    names = [*run.evaluation, *(_benchmark_of(task) for tasks in measured.values() for task in tasks)]
    return list(dict.fromkeys(names))


def _benchmark_of(task: str) -> str:
    return task.removeprefix("rlvr_").removesuffix("_base")


def _benchmark(
    name: str, run: Run, measured: Mapping[int, Mapping[str, Any]], paper: dict[str, Any] | None
) -> dict[str, Any]:
    """One benchmark: in training, by lm-eval, and in the paper. The gain is from step 0, which lm-eval measures."""
    by_lm_eval = {}
    for step, tasks in measured.items():
        for task, values in tasks.items():
            if _benchmark_of(task) == name and (acc := values["metrics"].get("acc")) and acc["value"] is not None:
                se = None if acc["se"] is None else 100 * acc["se"]
                code = values["metrics"].get("code_freq", {}).get("value")
                by_lm_eval[step] = {"acc": 100 * acc["value"], "se": se, "questions": acc["questions"],
                                    "n": values["n"], "code_freq": code, "limit": values["limit"],
                                    "max_gen_toks": values["generation"].get("max_gen_toks")}  # fmt: skip
    steps = {step: point for step, point in run.evaluation.get(name, {}).items() if "acc" in point}
    final = None
    if steps:
        last = max(steps)
        near = [step for step in steps if max(0, last - WINDOW) < step <= last]
        value = 100 * smoothed({step: point["acc"] for step, point in steps.items()})[last]
        se = steps[last].get("acc_se")
        final = {"step": last, "acc": value, "points": len(near), "last_acc": 100 * steps[last]["acc"],
                 "last_se": None if se is None else 100 * se, "code_freq": steps[last]["code_freq"]}  # fmt: skip
    return {
        "base": by_lm_eval.get(0),
        "final": final,
        "gain": _gain(by_lm_eval, final, run),
        "lm_eval": {str(step): values for step, values in by_lm_eval.items() if step},
        "paper": paper,
    }


def _gain(by_lm_eval: Mapping[int, Mapping[str, Any]], final: Mapping[str, Any] | None, run: Run) -> float | None:
    """Final less base where both are of all problems under one cap on tokens; else between two lm-eval runs of the same
    limit and cap; else None, as a difference of two settings is no gain."""
    base = by_lm_eval.get(0)
    if base is None:
        return None
    setting = (base["limit"], base["max_gen_toks"])
    if final and not run.cell.smoke and setting in ((None, None), (None, run.cell.settings.rollout.max_new_tokens)):
        return float(final["acc"] - base["acc"])
    last = max(by_lm_eval)
    end = by_lm_eval[last]
    return float(end["acc"] - base["acc"]) if last and (end["limit"], end["max_gen_toks"]) == setting else None


def _switches(run: Run) -> dict[str, Any]:
    """By benchmark: from the base to the last checkpoint by lm-eval, else from first to last in training."""
    out: dict[str, Any] = {}
    if len(run.lm_eval) > 1 and 0 in run.lm_eval:
        last = max(run.lm_eval)
        before, after = report.samples(run.lm_eval[0]), report.samples(run.lm_eval[last])
        for task in before.keys() & after.keys():
            found = switches(_samples(before[task]), _samples(after[task]))
            if found is not None:
                out[_benchmark_of(task)] = {"from": 0, "to": last, "measured_by": "lm-eval", **found}
    for benchmark, steps in run.answers.items():
        if benchmark not in out and len(steps) > 1:
            found = switches(steps[min(steps)], steps[max(steps)])
            if found is not None:
                out[benchmark] = {
                    "from": min(steps),
                    "to": max(steps),
                    "measured_by": "evaluation in training",
                    **found,
                }
    return out


def _samples(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Sample]]:
    return {
        str(row["doc_hash"]): [
            (v["code"], v["status"] == "correct") for v in row["verdicts"] if v["status"] != "unscored"
        ]
        for row in rows
    }


def _curve(points: Mapping[int, float]) -> dict[str, Any] | None:
    """First, final (smoothed), mean, least and greatest value of a curve; None of an empty one."""
    if not points:
        return None
    last = max(points)
    values = list(points.values())
    return {"first": points[min(points)], "final": smoothed(points)[last], "mean": fmean(values), "min": min(values),
            "max": max(values), "points": len(points), "last_step": last}  # fmt: skip


def _provenance(run: Run) -> dict[str, Any]:
    names = (
        "backend", "generator", "smoke", "status", "started", "ended", "resumed", "command", "model", "train_rows",
        "train_problems", "eval_rows", "sources", "files", "versions", "settings", "machine", "git",
    )  # fmt: skip
    return {name: run.manifest.get(name) for name in names}


def _done(run: Run) -> int:
    """The last step that left a trace in training."""
    steps = [step for tag, points in run.tags.items() if tag.startswith("train/") for step in points]
    return max([0, *steps, *run.training])


def _checks(run: Run) -> dict[str, Any]:
    """Whether the logged completions give the logged mean reward: the largest difference over steps logged in full."""
    logged = run.tags.get("train/rollout/reward_mean", {})
    size = run.cell.settings.rollout.batch_size * run.cell.settings.rollout.samples_per_prompt
    whole = [step for step, point in run.training.items() if point["responses"] == size and step in logged]
    differences = [abs(run.training[step]["reward"] - logged[step]) for step in whole]
    return {"reward_mean_steps": len(whole), "reward_mean_largest_difference": max(differences, default=None)}


def _notes(summary: Mapping[str, Any], run: Run, measured: Mapping[int, Mapping[str, Any]]) -> list[str]:
    notes = []
    manifest, steps = run.manifest, summary["steps"]
    if manifest.get("smoke"):
        notes.append("a smoke run of a tiny model: its numbers mean nothing")
    if "stand-in" in str(manifest.get("generator")):
        notes.append(f"generated by {manifest['generator']}")
    if summary["differs"]:
        changed = "; ".join(f"{one['key']} {one['run']!r} instead of {one['cell']!r}" for one in summary["differs"])
        notes.append(("with " if summary["is_the_cell"] else "not the cell of this name: ") + changed)
    if steps["done"] < steps["planned"]:
        notes.append(f"{steps['done']} of {steps['planned']} steps (status: {manifest.get('status')})")
    if run.cell.settings.data.log_share < 1:
        notes.append(f"traits of training responses are of a share of {run.cell.settings.data.log_share:g} of them")
    if run.stepless:
        notes.append(f"{run.stepless} completions have no step and are left out")
    unscored = summary["training"].get("unscored")
    if unscored and unscored["mean"] > UNSCORED_FLAG:
        notes.append(f"{unscored['mean']:.1%} of the training responses were unscored and paid {run.cell.unscored}")
    difference = summary["checks"]["reward_mean_largest_difference"]
    if difference is not None and difference > 1e-6:
        notes.append(f"the logged completions do not give the logged mean reward: off by up to {difference:.2g}")
    reduced: dict[str, list[str]] = {}
    for step, tasks in measured.items():
        for task, values in tasks.items():
            short = values["generation"].get("max_gen_toks")
            if values["limit"] or (short and short < TASK_TOKENS):
                few = f"the first {values['limit']:g} problems" if values["limit"] else "all problems"
                reduced.setdefault(f"{few}, at most {short} new tokens", []).append(f"{task} at step {step}")
    return notes + [f"by lm-eval {how}: {', '.join(which)}" for how, which in reduced.items()]
