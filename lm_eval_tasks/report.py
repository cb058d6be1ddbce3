"""Tables from lm-eval's output folder: what a run says, by level, with its errors and its reasons.

    python -m lm_eval_tasks.report DIR                   one table per task
    python -m lm_eval_tasks.report DIR --against OLD     and the paired difference to another run
    python -m lm_eval_tasks.report DIR --json            the summary, without a problem's or a response's text

Promises: every number comes from the logged samples (``--log_samples``), so it can be checked from them;
where a task has no samples file, the folder's results are shown and that is said. Nothing is dropped in silence:
of several runs in one folder the latest of each task is taken, and the others are named.

Does not: verify anything again, or know whether a response was cut at the token limit (lm-eval does not say).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from verifier.errors import InputError, VerifierError

from .metrics import UNSCORED_FLAG, PairedDifference, clustered_se, mean, metric_names, paired_difference

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl")
_RESULTS = re.compile(r"results_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)\.json")


def summary(run_dir: Path) -> dict[str, Any]:
    """The run as JSON-ready values: per task the metrics (value, se), by level, and counts of reasons.

    Holds no text of a problem, a response or an answer and no path. nan becomes None. Raises InputError where
    ``run_dir`` has no results of lm-eval.
    """
    results = _latest_results(run_dir)
    samples, older = _latest_samples(run_dir)
    names = {name for name, entry in results.items() if name.startswith("rlvr_") and entry["config"]}
    tasks = {
        name: _task_summary(results.get(name, {}), _read_samples(samples[name]) if name in samples else None)
        for name in sorted(names | samples.keys())
    }
    if not tasks:
        raise InputError(f"{run_dir}: no results of rlvr tasks; run lm_eval with --output_path {run_dir}")
    groups = {n: r["results"] for n, r in results.items() if n.startswith("rlvr") and not r["config"]}
    first = next(iter(results.values()), {})
    return {
        "model": first.get("model", ""),
        "lm_eval": first.get("lm_eval", ""),
        "tasks": tasks,
        "groups": {name: _own_numbers(values) for name, values in groups.items()},
        "flagged": any(task["flagged"] for task in tasks.values()),
        "older_files_left_out": older,
    }


def render(run_dir: Path) -> str:
    """The summary as Markdown tables, one per task."""
    whole = summary(run_dir)
    parts = [f"model: {whole['model'] or '?'}, lm-eval {whole['lm_eval'] or '?'}"]
    parts += [_render_task(name, task) for name, task in whole["tasks"].items()]
    for name, values in whole["groups"].items():
        if values:
            cells = ", ".join(f"{key} {_pm(entry)}" for key, entry in values.items())
            parts.append(f"group {name} (unweighted mean over its sets): {cells}")
    if whole["older_files_left_out"]:
        parts.append("older runs in this folder, left out: " + ", ".join(whole["older_files_left_out"]))
    return "\n\n".join(parts) + "\n"


def compare(old_dir: Path, new_dir: Path) -> dict[str, PairedDifference]:
    """Per task that both runs logged: acc of the new run less acc of the old, paired by question."""
    old, new = _latest_samples(old_dir)[0], _latest_samples(new_dir)[0]
    out = {}
    for name in sorted(old.keys() & new.keys()):
        a, b = _by_question(_read_samples(old[name])), _by_question(_read_samples(new[name]))
        if a.keys() & b.keys():
            out[name] = paired_difference(a, b)
    if not out:
        raise InputError(f"{old_dir} and {new_dir} have no scored question of one task in common")
    return out


def samples(run_dir: Path) -> dict[str, list[dict[str, Any]]]:
    """Per task its logged samples, of the newest file: rows with ``doc_hash``, ``verdicts`` and the metrics."""
    return {name: _read_samples(path) for name, path in _latest_samples(run_dir)[0].items()}


def _by_question(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {str(row["doc_hash"]): row["acc"] for row in rows if "acc" in row}


def _latest_results(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Per task or group: its metrics and config, from the newest results file that has it."""
    if not run_dir.is_dir():
        raise InputError(f"{run_dir} is not a folder; name the --output_path of an lm_eval run")
    found = run_dir.rglob("results_*.json")
    dated = [(m["date"], path) for path in found if (m := _RESULTS.fullmatch(path.name))]
    out: dict[str, dict[str, Any]] = {}
    for _, path in sorted(dated):
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            model = str(whole.get("model_name") or whole.get("config", {}).get("model") or "")
            for name, values in whole["results"].items():
                out[name] = {
                    "results": values,
                    "config": whole.get("configs", {}).get(name, {}),
                    "limit": whole.get("config", {}).get("limit"),
                    "model": Path(model).name,
                    "lm_eval": str(whole.get("lm_eval_version", "")),
                    "chat_template": bool(whole.get("chat_template")),
                }
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: not a results file of lm-eval ({error!r})") from error
    return out


def _latest_samples(run_dir: Path) -> tuple[dict[str, Path], list[str]]:
    """Per task its newest samples file; and the names of the older ones."""
    dated = sorted(
        (m["date"], m["task"], path)
        for path in run_dir.rglob("samples_rlvr_*.jsonl")
        if (m := _SAMPLES.fullmatch(path.name))
    )
    newest = {task: path for _, task, path in dated}
    return newest, [path.name for _, task, path in dated if path != newest[task]]


def _read_samples(path: Path) -> list[dict[str, Any]]:
    """Rows of a samples file with ``verdicts``: the list of one dict per response."""
    rows: list[dict[str, Any]] = []
    try:
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line:
                continue
            row = json.loads(line)
            # lm-eval writes every response's entry as text; ours is JSON.
            row["verdicts"] = [json.loads(v) if isinstance(v, str) else v for v in row["filtered_resps"][0]]
            rows.append(row)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}: line {len(rows) + 1}: not a sample of an rlvr task ({error!r})") from error
    return rows


def _task_summary(results: Mapping[str, Any], rows: list[dict[str, Any]] | None) -> dict[str, Any]:
    config = results.get("config", {})
    metadata = config.get("metadata", {})
    generation = config.get("generation_kwargs", {})
    out: dict[str, Any] = {
        "n": metadata.get("n"),
        "extraction": metadata.get("extraction"),
        "data": metadata.get("data_origin"),
        "gold_digest": metadata.get("gold_digest"),
        "generation": generation,
        "chat_template": results.get("chat_template"),
        "limit": results.get("limit"),
        "limit_level": metadata.get("limit_level"),
    }
    if rows is None:
        numbers = _own_numbers(results["results"])
        share = (numbers.get("unscored") or {}).get("value") or 0.0
        return out | {"samples": False, "metrics": numbers, "flagged": share > UNSCORED_FLAG}
    verdicts = [v for row in rows for v in row["verdicts"]]
    n = out["n"] or max(len(row["verdicts"]) for row in rows)
    unscored = sum(v["status"] == "unscored" for v in verdicts)
    levels = sorted({row["doc"]["level"] for row in rows if row["doc"].get("level") is not None})
    return out | {
        "samples": True,
        "n": n,
        "metrics": _numbers(rows, n),
        "levels": {str(lv): _numbers([r for r in rows if r["doc"].get("level") == lv], n) for lv in levels},
        "questions": len(rows),
        "responses": len(verdicts),
        "statuses": dict(Counter(v["status"] for v in verdicts).most_common()),
        "reasons": dict(Counter(v["reason"] for v in verdicts).most_common()),
        "rungs": dict(Counter(v["rung"] or "none" for v in verdicts).most_common()),
        "fingerprints": sorted({v["fingerprint"] for v in verdicts}),
        "flagged": unscored > UNSCORED_FLAG * len(verdicts),
    }


def _numbers(rows: Sequence[Mapping[str, Any]], n: int) -> dict[str, Any]:
    """Each metric's mean and clustered error over the questions that have it, with their number."""
    out: dict[str, Any] = {}
    for name in metric_names(n):
        values = [row[name] for row in rows if name in row]
        value, se = _none(mean(values)), _none(clustered_se(values))
        out[name] = {"value": value, "se": se, "questions": len(values)}
    return out


def _own_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of lm-eval's own results entry ("acc,verifier"), in the same shape."""
    out = {}
    for key, value in values.items():
        name, _, filter_name = key.partition(",")
        if filter_name and not name.endswith("_stderr"):
            se = values.get(f"{name}_stderr,{filter_name}")
            out[name] = {"value": _none(value), "se": _none(se), "questions": None}
    return out


def _none(value: Any) -> float | None:
    return None if not isinstance(value, (int, float)) or isnan(value) else float(value)


def _render_task(name: str, task: Mapping[str, Any]) -> str:
    limits = [f"{key} {task[key]:g}" for key in ("limit", "limit_level") if task[key] is not None]
    capped = task["generation"].get("max_gen_toks")
    head = f"{name}: n={task['n']}, at most {capped} new tokens, extraction {task['extraction']}"
    head += f", data {task['data']}" + "".join(f", {text}" for text in limits)
    if not task["samples"]:
        cells = ", ".join(f"{key} {_pm(entry)}" for key, entry in task["metrics"].items())
        return f"{head}\nno samples file (run with --log_samples): {cells}"
    head += f", {task['questions']} questions, {task['responses']} responses"
    table = _table(task["metrics"], task["levels"])
    reasons = ", ".join(f"{reason} {count}" for reason, count in task["reasons"].items())
    lines = [head, "", *table, "", f"reasons: {reasons}"]
    count = task["statuses"].get("unscored", 0)
    if count:
        flag = f"FLAGGED (above {UNSCORED_FLAG:.0%}): " if task["flagged"] else ""
        lines.append(f"{flag}{count} of {task['responses']} responses unscored, left out of the denominators")
    return "\n".join(lines)


def _table(total: Mapping[str, Any], levels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = [name for name in total if name not in ("acc", "pass@1")]  # pass@1 is acc
    rows = [["level", "questions", "acc ± SE", *names]]
    for label, numbers in [*levels.items(), ("all", total)]:
        cells = [_cell(numbers[name]["value"]) for name in names]
        rows.append([label, str(numbers["acc"]["questions"]), _pm(numbers["acc"]), *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    return [lines[0], "|" + "|".join("-" * (w + 1) + ":" for w in widths) + "|", *lines[1:]]


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f}"


def _pm(entry: Mapping[str, Any]) -> str:
    return f"{_cell(entry['value'])} ± {_cell(entry['se'])}"


def main(argv: list[str] | None = None) -> int:
    """Print the tables, the summary or the difference to another run; 2 where a folder cannot be read."""
    parser = argparse.ArgumentParser("python -m lm_eval_tasks.report", description="Percentages, ± one SE.")
    parser.add_argument("folder", type=Path, help="the --output_path of an lm_eval run (with --log_samples)")
    parser.add_argument("--against", type=Path, metavar="OLD", help="another run, for the paired difference")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    args = parser.parse_args(argv)
    try:
        if args.json:
            print(json.dumps(summary(args.folder), indent=2))
        else:
            print(render(args.folder), end="")
        if args.against:
            for name, d in compare(args.against, args.folder).items():
                alone = f", {d.only_a + d.only_b} unpaired left out" if d.only_a + d.only_b else ""
                pm = _pm({"value": d.diff, "se": _none(d.se)})
                print(f"{name}: acc difference to {args.against}: {pm} ({d.questions} questions{alone})")
    except VerifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
