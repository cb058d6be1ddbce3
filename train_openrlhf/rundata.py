"""The rows that one run trains on and is evaluated on, from the prepared files and the label sets.

Promises: a run's ``train.jsonl`` holds exactly ``steps * rollout.batch_size`` rows in the order of the prepared file,
so that no flag has to cut it; where that needs more rows than there are, the problems come again with the next
``visit``, in another order. A label set is joined by id, and one that was made by another model or in another way, or
whose incorrect labels are right, is refused. Every column is text or a whole number, so that `datasets` infers the same
type for each line.
Does not: shuffle the first visit (prepare.py did), or say what is doubtful (checks.py does).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from verifier import equivalent
from verifier.corrupt import METHODS
from verifier.errors import ConfigError, InputError
from verifier.journal import write_atomic
from verifier.records import open_records
from verifier.rows import Row

from .cells import CONFIGS, Cell, named_file, read_yaml


@dataclass(frozen=True, slots=True)
class RunData:
    """train: the rows in the order of the file. available: distinct problems behind them. eval: all four sets.

    groups: how many rows the whole file has of each source or level (`group_of`).
    """

    train: list[Row]
    available: int
    eval: list[Row]
    groups: Mapping[str, int] = field(default_factory=dict)


def run_data(cell: Cell) -> RunData:
    """The cell's rows. Raises InputError or ConfigError, each naming file and line and the mend."""
    rows = read_rows(Path(cell.settings.data.train), "data.train")
    if cell.labels_file is not None:
        rows = labelled(cell, rows)
    if cell.one_shot:
        rows = [_example(cell, rows)]
    tested = read_rows(Path(cell.settings.data.eval), "data.eval") if cell.settings.evaluation.every_steps else []
    for row in tested:
        if row.split != "eval" or not row.benchmark:
            raise InputError(
                f"{cell.settings.data.eval}: row {row.id} must have split eval and a benchmark; run prepare"
            )
    train, groups = list(_take(rows, cell.prompts, cell.seed)), Counter(group_of(row.id) for row in rows)
    return RunData(train, len({row.id for row in rows}), tested, groups)


def group_of(id: str) -> str:
    """The source or level that a row is of: its id without the last part.

    >>> group_of("deepscaler/level_1/7")
    'deepscaler/level_1'
    """
    return id.rpartition("/")[0]


def read_rows(path: Path, key: str) -> list[Row]:
    """The rows of a prepared file. Raises InputError: absent, unreadable, or labels that are bare values."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such file ({key}); make it with: python -m train_openrlhf.prepare --out {path.parent}"
        )
    records, rows = open_records(path), []
    for record in records.read():
        where = records.where(record)
        if record.error:
            raise InputError(f"{where}, {record.error}")
        try:
            rows.append(Row.from_dict(record.fields))
        except InputError as error:
            bare = next(
                (n for n in ("label", "answer", "gold") if n in record.fields and "id" not in record.fields), None
            )
            hint = (
                f" (its {bare} is a bare value; training needs row objects with id and gold: run prepare)"
                if bare
                else ""
            )
            raise InputError(f"{where}: {error}{hint}") from None
    return rows


def labelled(cell: Cell, rows: Sequence[Row]) -> list[Row]:
    """The rows that the cell's label set has a label for, with it.

    Raises InputError for labels of another model or another kind, and for incorrect ones that are right.
    """
    path = cell.labels_file
    assert path is not None
    if not path.is_file():
        made = (
            "verifier vote" if cell.labels == "majority" else "verifier vote, then verifier corrupt incorrect_majority"
        )
        raise InputError(
            f"{path}: no such label set; {cell.reward_name} needs the {cell.labels} labels of {cell.labels_of} "
            f"(python -m train_openrlhf.label_majority {cell.labels_of}, then {made}; README.md, Labels)"
        )
    makers = {cell.labels_of, model_id(cell.labels_of)}
    labels: dict[str, tuple[Row, str]] = {}
    records = open_records(path)
    for record in records.read():
        where = records.where(record)
        if record.error:
            raise InputError(f"{where}, {record.error}")
        fields = record.fields
        if fields.get("id") is None or fields.get("label") is None:
            missing = "id" if fields.get("id") is None else "label"
            raise InputError(f"{where}: no field {missing}; a label set has id, label and label_source in each row")
        row = Row.from_dict({"prompt": "", "gold": "", **fields})
        made_by = _maker(row)
        if made_by not in makers and not cell.smoke:
            raise InputError(_foreign(cell, where, made_by))
        if (mend := _other_kind(cell, row)) is not None and not cell.smoke:
            raise InputError(f"{where}: {mend}")
        labels[row.id] = (row, where)
    kept = [_with_label(cell, row, *labels[row.id]) for row in rows if row.id in labels]
    if not kept:
        raise InputError(
            f"{path}: none of its ids stands in {cell.settings.data.train}; both must come from one `prepare`"
        )
    return kept


def _other_kind(cell: Cell, row: Row) -> str | None:
    """What is wrong with how the label was made, and the mend; None where it is of the cell's kind."""
    method = str((row.label_source or {}).get("method"))
    if cell.labels == "incorrect" and method != "incorrect_majority":
        return (
            f"this label was made by {method}, the cell trains on incorrect ones: make the set with "
            "`verifier corrupt incorrect_majority` from the majority labels (README.md, Labels)"
        )
    if cell.labels == "majority" and (method in METHODS or re.fullmatch(r"(minority|choice_\d+)_vote", method)):
        return (
            f"this label was made by {method}, the cell trains on the majority's: make the set with `verifier vote` "
            "(README.md, Labels)"
        )
    return None


def _with_label(cell: Cell, row: Row, found: Row, where: str) -> Row:
    """The training row with the label that was found for it. Raises InputError for an incorrect one that is right."""
    label = str(found.label)
    if cell.labels == "incorrect" and (label.strip() == row.gold.strip() or equivalent(label, row.gold)):
        raise InputError(
            f"{where}: the label of {row.id} equals its gold in {cell.settings.data.train}, so it is not incorrect: "
            "make the set again with `verifier corrupt incorrect_majority` from labels with these golds"
        )
    return replace(row, label=label, label_source=found.label_source)


def _maker(row: Row) -> Any:
    """The model whose votes made the label: `corrupt` keeps what `vote` said under ``votes``."""
    source = row.label_source or {}
    votes = source.get("votes")
    return source.get("model") or (votes.get("model") if isinstance(votes, Mapping) else None)


def _foreign(cell: Cell, where: str, made_by: Any) -> str:
    if made_by is None:
        return f"{where}: label_source names no model; make the set with `verifier vote --model {cell.labels_of}`"
    return (
        f"{where}: this label was made by {made_by}, the cell asks for the labels of {cell.labels_of}; "
        "the paper uses each model's own. To use another's on purpose: --labels-of NAME with that set in place"
    )


def model_id(name: str, configs: Path = CONFIGS) -> str:
    """The hub id of a configured model."""
    return str(read_yaml(named_file(configs / "models", name, "model")).get("hub_id"))


def _example(cell: Cell, rows: Sequence[Row]) -> Row:
    if cell.example is None:
        raise ConfigError(f"{cell.reward_name} trains on one problem: name it with --example ID, such as {rows[0].id}")
    for row in rows:
        if row.id == cell.example:
            return row
    raise ConfigError(
        f"--example {cell.example}: {cell.settings.data.train} has no such id; there is {rows[0].id}, say"
    )


def _take(rows: Sequence[Row], count: int, seed: int) -> Iterator[Row]:
    """``count`` rows; each pass over all of them is a further visit."""
    span = 1 + max((row.visit or 0 for row in rows), default=0)
    lap = 0
    while count > 0:
        order = rows if lap == 0 else sorted(rows, key=lambda row: _key(seed, lap, row))
        for row in order[:count]:
            yield replace(row, visit=(row.visit or 0) + lap * span)
        count -= len(order)
        lap += 1


def _key(seed: int, lap: int, row: Row) -> bytes:
    return hashlib.sha256(f"{seed}\0{lap}\0{row.visit}\0{row.id}".encode()).digest()


def line(row: Row, system_prompt: str | None = None) -> str:
    """One line of a run's data file: the columns that a framework reads."""
    prompt: Any = row.prompt
    if system_prompt is not None:
        prompt = [{"role": "system", "content": system_prompt}, {"role": "user", "content": row.prompt}]
    out: dict[str, Any] = {"id": row.id, "prompt": prompt, "gold": row.gold}
    out |= {"label": row.label} if row.label is not None else {}
    out |= {"split": row.split, "datasource": row.benchmark or row.split, "row": row.to_label()}
    out |= {"visit": row.visit} if row.visit is not None else {"benchmark": row.benchmark}
    return json.dumps(out, ensure_ascii=False)


def write(path: Path, rows: Iterable[Row], system_prompt: str | None = None) -> str:
    """The data file, whole or not at all; its SHA-256."""
    text = _lines(rows, system_prompt)
    write_atomic(path, text)
    return hashlib.sha256(text.encode()).hexdigest()


def digests(cell: Cell, data: RunData) -> dict[str, str]:
    """The SHA-256 that `write` would give, by file, without writing."""
    files = {"train.jsonl": data.train, "eval.jsonl": data.eval}
    texts = {name: _lines(rows, cell.model.system_prompt) for name, rows in files.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def _lines(rows: Iterable[Row], system_prompt: str | None) -> str:
    return "".join(line(row, system_prompt) + "\n" for row in rows)


def write_smoke(cell: Cell, folder: Path) -> None:
    """The sums that a smoke run is made of, and label sets beside them that claim nothing."""
    from .smoke import make_data

    make_data(folder)
    if cell.labels_file is None:
        return
    cell.labels_file.parent.mkdir(parents=True, exist_ok=True)
    shift = 0 if cell.labels == "majority" else 1
    rows = [
        {
            "id": row.id,
            "label": str(int(row.gold) + shift),
            "label_source": {"method": "smoke", "model": cell.labels_of},
        }
        for row in read_rows(folder / "train.jsonl", "data.train")
    ]
    write_atomic(cell.labels_file, "".join(json.dumps(row) + "\n" for row in rows))
