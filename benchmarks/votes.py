r"""How long a vote takes: ``python -m benchmarks.votes [--prompts N] [--samples N] [--rows prompts|samples] [--hard]``.

Promises: responses are generated from a fixed seed, as long as real ones and with answers in several spellings; a real
``verifier vote`` reads them from disk, and the gold is the answer that the generator made most frequent. What is
reported is the command's own CPU time, wall-clock time and greatest resident memory. Does not promise real text: the
prose is words at random, and only the boxes matter; with --hard the majority is often another answer than the gold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clock import descendants

CHARS = 1_100  # of a response, as in the runs that were looked at
BODIES = 2_000  # different ones; the reader cannot know that they repeat
_WORDS = r"the sum of $x^2$ and \frac{1}{2} is then equal to so we get by adding both sides \sqrt{3} = 12, 345 ".split()
_GAP_S = 0.2


def bodies(rng: random.Random) -> list[str]:
    """Prose of about CHARS characters, as JSON text without its quotes."""
    made = []
    for _ in range(BODIES):
        length, words = rng.randint(CHARS // 2, CHARS * 3 // 2), []
        while length > 0:
            words.append(rng.choice(_WORDS))
            length -= len(words[-1]) + 1
        made.append(json.dumps(" ".join(words))[1:-1])
    return made


def spellings(rng: random.Random) -> list[str]:
    """A value in a few spellings: numbers mostly, as in the training problems."""
    kind, a, b = rng.random(), rng.randint(2, 999), rng.randint(2, 99)
    if kind < 0.6:
        return [str(a), f"{a}.0", rf"\text{{{a}}}"]
    if kind < 0.8:
        b += a % b == 0
        return [rf"\frac{{{a}}}{{{b}}}", f"{a}/{b}", rf"\dfrac{{{2 * a}}}{{{2 * b}}}"]
    if kind < 0.95:
        return [rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{b}}} \cdot {a}", rf"\sqrt{{{a * a * b}}}"]
    return [rf"x^2+{a}x-{b}", rf"-{b}+x(x+{a})", rf"{a}x-{b}+x^2"]


def prompts(count: int, samples: int, hard: bool, seed: int = 0) -> Iterator[tuple[str, list[str], list[str]]]:
    """(id, the right answer's spellings, JSON texts of the responses) of each prompt.

    About 55 % of the samples (hard: of each prompt a share between 0 and 40 %) give one value; the others spread over
    many, and one in twenty has no box.
    """
    rng = random.Random(seed)
    texts = bodies(rng)
    for number in range(count):
        right, wrong = spellings(rng), [spellings(rng) for _ in range(24)]
        share, made = rng.uniform(0, 0.4) if hard else 0.55, []
        for _ in range(samples):
            draw = rng.random()
            body = texts[int(rng.random() * BODIES)]
            if draw < 0.05:
                made.append(f'"{body}"')
                continue
            answer = rng.choice(right) if draw < 0.05 + share else rng.choice(wrong[int(24 * rng.random() ** 2)])
            escaped = answer.replace("\\", "\\\\")
            made.append(f'"{body} So it is \\\\boxed{{{escaped}}}."')
        yield f"made/{number}", right, made


def write(path: Path, count: int, samples: int, rows: str, hard: bool) -> None:
    """The input file. Single samples come in rounds: all prompts' first samples, then all second ones, ..."""
    with path.open("w", encoding="utf-8") as file:
        if rows == "prompts":
            for id, right, made in prompts(count, samples, hard):
                head = json.dumps({"id": id, "prompt": f"Problem {id}", "gold": right[0]})[:-1]
                file.write(f'{head}, "responses": [{", ".join(made)}]}}\n')
            return
        block = 500  # prompts whose samples are shuffled into rounds at a time, so that this script stays small
        held: list[tuple[str, str, list[str]]] = []
        for id, right, made in prompts(count, samples, hard):
            held.append((id, right[0], made))
            if len(held) == block or id == f"made/{count - 1}":
                for index in range(samples):
                    for one, gold, texts in held:
                        head = json.dumps({"id": one, "index": index, "gold": gold})[:-1]
                        file.write(f'{head}, "response": {texts[index]}}}\n')
                held = []


def watched(command: list[str]) -> tuple[float, float, float]:
    """(CPU seconds, wall-clock seconds, greatest resident MiB with all children) of a command."""
    before, start, greatest = os.times(), time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            greatest = max(greatest, sum(_resident(pid) for pid in [process.pid, *descendants(process.pid)]))
            time.sleep(_GAP_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.monotonic() - start, greatest / 2**20


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=40_000)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rows", choices=("prompts", "samples"), default="prompts")
    parser.add_argument("--hard", action="store_true", help="problems whose majority is often wrong")
    parser.add_argument("--folder", type=Path, help="keep the files here (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        source, out = folder / f"votes-{args.rows}.jsonl", folder / f"labels-{args.rows}.jsonl"
        write(source, args.prompts, args.samples, args.rows, args.hard)
        command = [sys.executable, "-m", "verifier", "vote", str(source), "--out", str(out), "--overwrite"]
        cpu, wall, memory = watched(command)
        manifest = json.loads((folder / f"{out.name}.manifest.json").read_text())
        summary = manifest["summary"]
        count = args.prompts * args.samples
        print(f"{count:,} responses of {args.prompts:,} prompts ({args.rows}), {source.stat().st_size / 1e9:.2f} GB")
        print(f"  CPU {cpu:.1f} s ({1e6 * cpu / count:.1f} us a response), wall {wall:.1f} s, memory {memory:.0f} MiB")
        classes, accuracy = summary["total_classes"] / args.prompts, summary["accuracy_against_gold"]
        print(f"  written {summary['written']:,}, accuracy {accuracy:.4f}, classes a prompt {classes:.1f}")
        print(f"  sha256 of the labels {manifest['output']['sha256']}")


if __name__ == "__main__":
    main()
