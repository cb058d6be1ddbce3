"""How long the hostile inputs of the tests take: ``python -m benchmarks.adversarial``.

Promises: every input of `tests/adversarial.py` in every role, and every pair of the heaviest ones against each other,
one after the other at the default limits with nothing remembered; prints the slowest, the peak of memory, and every
answer that took longer than ``AIM_S`` seconds; exit status 1 where there is one. Wall-clock time counts, as a caller
feels it; on a machine that was busier than it has cores, CPU time counts instead (this process's, and a worker's whole
limit where one was killed), and a line says so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from verifier import VerifierConfig

ROOT = Path(__file__).resolve().parent.parent
AIM_S = 1.5
TIMEOUT_S = VerifierConfig().timeout_s
AIM_MB = 512
HEAVIEST = 8  # inputs that are then set against each other


def _run(code: str) -> list[dict[str, Any]]:
    """Rows of `adversarial_runner`, run as `python -c` so that workers are started as everywhere."""
    prelude = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; sys.path.append({str(ROOT / 'tests')!r})\n"
    done = subprocess.run([sys.executable, "-c", prelude + code], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _heaviest(rows: list[dict[str, Any]]) -> list[str]:
    """The inputs that cost this process most where they are the answer."""
    boxed = [row for row in rows if row["role"] == "boxed"]
    return [row["name"] for row in sorted(boxed, key=lambda row: -row["cpu_s"])[:HEAVIEST]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="part of the names to run")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    rows = _run(
        f"import adversarial_runner as r; r.main({TIMEOUT_S}, only={arguments.only!r}, audit=False, fresh=True)"
    )
    pairs = list(itertools.permutations(_heaviest(rows), 2))
    rows += _run(f"import adversarial_runner as r; r.versus({TIMEOUT_S}, {pairs!r})")
    busy = load > (os.cpu_count() or 1)
    for row in rows:
        killed = row.get("reason") == "timeout"
        row["judged_s"] = row["cpu_s"] + killed * TIMEOUT_S if busy else row["wall_s"]
    slow = [row for row in rows if row["judged_s"] > AIM_S]
    failed = [row for row in rows if row["error"]]
    for row in sorted(rows, key=lambda row: -row["judged_s"])[:20]:
        print(f"{row['wall_s']:7.3f} s  {row['cpu_s']:7.3f} s CPU  {row['role']:12s} {row['name'][:90]}")
    peak = max(row["peak_mb"] for row in rows)
    seconds = sorted(row["judged_s"] for row in rows)
    print(f"{len(rows)} verifications, load average {load:.1f} on {os.cpu_count()} cores")
    if busy:
        print("the machine was busy: CPU time is judged, not wall-clock time")
    print(f"median {seconds[len(rows) // 2] * 1000:.2f} ms, p99 {seconds[len(rows) * 99 // 100] * 1000:.0f} ms")
    print(f"longer than {AIM_S} s: {len(slow)}; errors: {len(failed)}; peak memory {peak} MB (aim: below {AIM_MB})")
    for row in failed:
        print(f"  {row['role']:12s} {row['name']}: {row['error']}")
    return int(bool(slow or failed or peak >= AIM_MB))


if __name__ == "__main__":
    sys.exit(main())
