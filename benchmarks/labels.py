"""Label all training problems and the sets of majority labels: ``python -m benchmarks.labels [--folder DIR]``.

Promises: real ``verifier`` commands over ``../shared/data/deepscaler`` and made votes; writes ``results/labels/*.json``
(counts, ids of what was left out, digests; no problem texts) and prints each command's CPU time and memory. The label
files themselves go to the folder, by default a temporary one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.votes import watched, write

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "deepscaler"
LEVELS = [str(DATA / f"level_{level}.json") for level in range(1, 6)]
MODELS = ("qwen2.5_math_7b", "olmo_2_1124_7b", "llama3.2_3b_instruct")
NAMED_IDS = 200  # more of one reason are only counted


def commands(folder: Path) -> dict[str, list[str]]:
    """Name -> the command's words, without the output."""
    found = {
        method: ["corrupt", method, *LEVELS, "--id-prefix", "deepscaler/{stem}"]
        for method in ("perturb", "random_same_type", "shuffle")
    }
    golds = [word for level in LEVELS for word in ("--golds", level)]
    for model in MODELS:
        source = str(DATA / f"majority_labels_{model}.sample.json")
        words = ["corrupt", "incorrect_majority", source, "--label-field", "answer", *golds]
        found[f"incorrect_majority_{model}"] = [*words, "--match", "prompt", "--id-prefix", model]
    votes = folder / "votes.jsonl"
    found["incorrect_majority_generated_votes"] = ["corrupt", "incorrect_majority", str(votes)]
    return found


def kept(out: Path) -> dict[str, Any]:
    """What is published of a run."""
    manifest = json.loads(out.with_name(out.name + ".manifest.json").read_text(encoding="utf-8"))
    ids: dict[str, list[str]] = {}
    for line in out.with_name(out.name + ".left_out.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ids.setdefault(row["reason"], []).append(row["id"])
    names = ("command", "version", "input", "config_fingerprint", "settings", "summary")
    return {name: manifest[name] for name in names} | {
        "output_sha256": manifest["output"]["sha256"],
        "left_out_ids": {reason: some for reason, some in sorted(ids.items()) if len(some) <= NAMED_IDS},
    }


def run(folder: Path) -> None:
    """All commands, in order."""
    verifier = [sys.executable, "-m", "verifier"]
    responses = folder / "responses.jsonl"
    write(responses, 4_000, 64, "prompts", hard=True)
    watched([*verifier, "vote", str(responses), "--out", str(folder / "votes.jsonl"), "--overwrite"])
    for name, words in commands(folder).items():
        out = folder / f"{name}.jsonl"
        cpu, wall, memory = watched([*verifier, *words, "--out", str(out), "--overwrite"])
        made = kept(out)
        target = ROOT / "results" / "labels" / f"{name}.json"
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        summary = made["summary"]
        print(f"{name}: {summary['written']:,} of {summary['rows']:,} written, left out {summary['left_out']}")
        print(f"  CPU {cpu:.1f} s, wall {wall:.1f} s, memory {memory:.0f} MiB, rungs {summary.get('rung')}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the label files here")
    args = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is not there; the training problems are no part of this repository")
    with tempfile.TemporaryDirectory() as scratch:
        run(args.folder or Path(scratch))


if __name__ == "__main__":
    main()
