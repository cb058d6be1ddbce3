"""The training problems and the four evaluation sets as files of rows: ``data/train.jsonl`` and ``data/eval.jsonl``.

    python -m train_openrlhf.prepare                                      # DeepScaleR from the hub, pinned
    RLVR_DATA_DIR=DIR python -m train_openrlhf.prepare --source DIR/deepscaler    # from local files

Promises: every id is unique; the order is a function of (--seed, id), whatever order the source has; problems whose
prompt also stands in an evaluation set, and problems given with golds that contradict each other, are left out unless
told otherwise, and listed by id in ``data/prepare.json`` with the digests of what was read and written. Evaluation
golds are held to the digests of lm_eval_tasks. Does not: judge a problem's gold, or put a problem's text into the
report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from verifier.api import equivalent
from verifier.errors import InputError, VerifierError
from verifier.journal import file_sha256, write_atomic
from verifier.rowfiles import IdRule, RowFields, RowReader, write_rows
from verifier.rows import Row, normal_prompt
from verifier.sources import Hub, sources

HUB_ID = "agentica-org/DeepScaleR-Preview-Dataset"
REVISION = "b6ae8c60f5c1f2b594e2140b91c49c9ad0949e29"
BENCHMARKS = ("math500", "amc", "aime24", "aime25")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: 0, or 2 for one line about what the user can mend."""
    parser = argparse.ArgumentParser("python -m train_openrlhf.prepare", description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add(
        "--source",
        default=f"hub:{HUB_ID}",
        help="hub:OWNER/NAME, a file, or a folder (of one with level_N files only those)",
    )
    add("--revision", default=None, help=f"commit of the hub data set (default for DeepScaleR: {REVISION[:12]}...)")
    add("--out", type=Path, default=Path("data"))
    add("--seed", type=int, default=0, help="of the order")
    add("--visits", type=int, default=1, help="rows a problem, each pass in another order")
    add("--keep-overlaps", action="store_true", help="keep problems that stand in an evaluation set too")
    add("--keep-contradictions", action="store_true", help="keep problems whose golds contradict each other")
    args = parser.parse_args(argv)
    try:
        report = prepare(args)
    except (VerifierError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    removed = {reason: len(ids) for reason, ids in report["removed"].items()}
    print(
        f"{args.out / 'train.jsonl'}: {report['train_rows']} rows of {report['read']} read; left out: "
        f"{removed['overlaps']} that stand in an evaluation set, {removed['contradictions']} with contradictory golds\n"
        f"{args.out / 'eval.jsonl'}: {report['eval_rows']} rows; the ids are in {args.out / 'prepare.json'}"
    )
    return 0


def prepare(args: argparse.Namespace) -> dict[str, Any]:
    """Do it; the report that is written. Raises InputError, ConfigError."""
    tested = evaluation_rows()
    repeated = _repeated(tested)
    if repeated:
        raise InputError(
            f"evaluation problems {repeated[0]} and {repeated[1]} have the same prompt; the sets must differ"
        )
    rows, facts = training_rows(args.source, args.revision)
    overlaps = overlapping(rows, tested)
    differing, contradictions = contradictory(rows)
    drop = set() if args.keep_overlaps else set(overlaps)
    drop |= set() if args.keep_contradictions else set(contradictions)
    kept = [row for row in rows if row.id not in drop]
    args.out.mkdir(parents=True, exist_ok=True)
    train, test, note = (args.out / name for name in ("train.jsonl", "eval.jsonl", "prepare.json"))
    count = write_rows(train, shuffled(kept, args.seed, args.visits))
    write_rows(test, tested)
    report = {
        "source": facts,
        "seed": args.seed,
        "visits": args.visits,
        "read": len(rows),
        "distinct_prompts": len({normal_prompt(row.prompt) for row in rows}),
        "prompts_with_golds_that_differ_as_text": differing,
        "overlaps": overlaps,
        "contradictions": contradictions,
        "removed": {
            "overlaps": [] if args.keep_overlaps else sorted(overlaps),
            "contradictions": [] if args.keep_contradictions else sorted(contradictions),
        },
        "train_rows": count,
        "eval_rows": len(tested),
        "files": {path.name: file_sha256(path) for path in (train, test)},
    }
    write_atomic(note, json.dumps(report, indent=1) + "\n")
    return report


def evaluation_rows() -> list[Row]:
    """All four sets, from RLVR_DATA_DIR or the hub, held to their digests."""
    from lm_eval_tasks import data

    out = []
    for name in BENCHMARKS:
        for row in data.load(name).rows:
            out.append(Row(f"{name}/{row['id']}", row["problem"], row["answer"], split="eval", benchmark=name))
    return out


def training_rows(source: str, revision: str | None = None) -> tuple[list[Row], list[dict[str, Any]]]:
    """The problems of a hub data set, a file or a folder, with unique ids, and what they were read from."""
    folder = Path(source)
    if source.removeprefix("hub:") == HUB_ID:
        revision = revision or REVISION
    names = [source]
    if folder.is_dir():
        names = [str(path) for path in sorted(folder.glob("level_*.json*"))] or names
    hub = Hub(revision=revision)
    if any(getattr(one, "hub", None) is not None for one in sources(names, hub)):
        return _numbered(names, hub)
    reader = RowReader(names, IdRule(prefix="{folder}/{stem}"), RowFields(), hub)
    rows = []
    for item in reader.items():
        try:
            rows.append(replace(reader.row(item), label=None, label_source=None, split="train", visit=0))
        except InputError as error:
            raise InputError(f"{item.where}: {error}") from None
    return rows, [one.facts for one in reader.sources]


def _numbered(names: Sequence[str], hub: Hub) -> tuple[list[Row], list[dict[str, Any]]]:
    """Rows of a hub data set, which has no ids: its name and the row's number, from 0."""
    found, fields, rows = sources(names, hub), RowFields(), []
    for one in found:
        stem = one.stem.rpartition("/")[2].lower()
        for record, _ in one.read():
            prompt, gold = fields.first(record, fields.prompt), fields.first(record, fields.gold)
            values = {"id": f"{stem}/{record.number - 1}", "prompt": prompt, "gold": gold, "visit": 0}
            try:
                rows.append(Row.from_dict(values))
            except InputError as error:
                raise InputError(f"{one.where(record.number)}: {error}") from None
    return rows, [one.facts for one in found]


def overlapping(rows: Iterable[Row], tested: Iterable[Row]) -> dict[str, str]:
    """Id of each training row that says the same as an evaluation problem, with that one's id.

    The same are prompts whose letters and digits are the same: wider than for contradictions, because a problem too
    many left out costs nothing and one too many kept spoils the evaluation.
    """
    known = {letters(row.prompt): row.id for row in tested}
    return {row.id: known[key] for row in rows if (key := letters(row.prompt)) in known}


def letters(prompt: str) -> str:
    r"""The letters and digits of a prompt, in lower case.

    >>> letters(r"Find \( X \).") == letters("find $x$")
    True
    """
    return "".join(character for character in prompt.lower() if character.isalnum())


def contradictory(rows: Iterable[Row]) -> tuple[int, dict[str, list[str]]]:
    """How many prompts have golds that differ as text; and, by id, the other rows whose golds are not equal in value.

    A pair that cannot be decided counts as a contradiction: nothing says which of the two to train on.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[normal_prompt(row.prompt)].append(row)
    differing, out = 0, {}
    for group in groups.values():
        golds = {row.gold.strip() for row in group}
        if len(golds) == 1:
            continue
        differing += 1
        if any(not equivalent(a, b) for a, b in combinations(sorted(golds), 2)):
            for row in group:
                out[row.id] = sorted(other.id for other in group if other.id != row.id)
    return differing, out


def shuffled(rows: Sequence[Row], seed: int, visits: int = 1) -> Iterable[Row]:
    """Each visit of all rows in its own order, which depends on (seed, visit, id) alone."""
    for visit in range(visits):
        for row in sorted(rows, key=lambda row: _key(seed, visit, row.id)):
            yield replace(row, visit=visit)


def _key(seed: int, visit: int, id: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{visit}\0{id}".encode()).digest()


def _repeated(rows: Iterable[Row]) -> tuple[str, str] | None:
    seen: dict[str, str] = {}
    for row in rows:
        key = row.prompt.strip()
        if key in seen:
            return seen[key], row.id
        seen[key] = row.id
    return None


if __name__ == "__main__":
    sys.exit(main())
