"""The one row schema of training and evaluation data, wherever it travels.

Promises: :class:`Row` is frozen and picklable; ``Row.from_dict(row.to_dict()) == row``; what is wrong with a row is
an InputError that names the field. ``gold`` is always the true answer; ``label`` is what training compares with, so
that corrupting a data set never loses what was right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .api import gold_text
from .errors import InputError


@dataclass(frozen=True, slots=True)
class Row:
    """One problem on one visit.

    id: unique in its data set, ``source/level/id`` or a digest of the prompt.
    prompt: text, or the JSON text of a list of chat messages.
    gold: the true answer, as text. label: what training compares with, None where there is none.
    label_source: where the label came from (method, model, seed, vote share, rung of the proof).
    split: ``train`` or ``eval``. benchmark: the evaluation set, None in training.
    visit: how often training has come back to this problem, from 0; None where the data do not say.
    """

    id: str
    prompt: str
    gold: str
    label: str | None = None
    label_source: Mapping[str, Any] | None = None
    split: str = "train"
    benchmark: str | None = None
    visit: int | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """A row from plain values; further fields are ignored. Raises InputError naming the field.

        >>> Row.from_dict({"id": "a", "prompt": "1+1=", "gold": 2}).gold
        '2'
        """
        known = {name: values[name] for name in _NAMES if values.get(name) is not None}
        for name in ("id", "prompt", "gold"):
            if name not in known:
                raise InputError(f"the row has no field {name!r}; a row needs id, prompt and gold")
        if isinstance(known["prompt"], list):
            known["prompt"] = json.dumps(known["prompt"], ensure_ascii=False)
        for name in ("gold", "label"):
            if name in known:
                text = gold_text(known[name])
                if text is None:
                    raise InputError(f"field {name!r} is {known[name]!r}; it must be text or a number")
                known[name] = text
        if isinstance(known["id"], int) and not isinstance(known["id"], bool):
            known["id"] = str(known["id"])
        for name in ("id", "prompt", "split", "benchmark"):
            if not isinstance(known.get(name, ""), str):
                raise InputError(f"field {name!r} is {known[name]!r}; it must be text")
        visit = known.get("visit", 0)
        if isinstance(visit, bool) or not isinstance(visit, int) or visit < 0:
            raise InputError(f"field 'visit' is {visit!r}; it must be a whole number from 0")
        source = known.get("label_source")
        if isinstance(source, str):
            known["label_source"] = {"method": source}
        elif source is not None and not isinstance(source, Mapping):
            raise InputError(f"field 'label_source' is {source!r}; it must be an object or a text")
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values, the keys in the order of the schema."""
        values = {name: getattr(self, name) for name in _NAMES}
        if self.label_source is not None:
            values["label_source"] = dict(self.label_source)
        return values


_NAMES = tuple(field.name for field in fields(Row))
