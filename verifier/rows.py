"""The one row schema of training and evaluation data, wherever it travels.

Promises: :class:`Row` is frozen and picklable; ``Row.from_dict(row.to_dict()) == row``; what is wrong with a row is
an InputError that names the field. ``gold`` is always the true answer; ``label`` is what training compares with, so
that corrupting a data set never loses what was right. Files of rows are read by :mod:`verifier.rowfiles`.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, TypeAlias

from .api import gold_text
from .errors import InputError
from .jsontext import NumberText, kind, parse_json

Prompt: TypeAlias = "str | Sequence[Mapping[str, Any]]"

PROMPT_FIELDS = ("prompt", "problem", "question")
GOLD_FIELDS = ("gold", "answer")
"""Names under which data sets keep the two; the first that a row has counts."""

_ID_HEX = 20  # 80 bits: among a million prompts two share an id once in 10**12 tries


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

        ``answer`` counts as ``gold`` where there is no ``gold``, ``problem`` and ``question`` as ``prompt``.

        >>> Row.from_dict({"id": "a", "question": "1+1=", "answer": 2}).gold
        '2'
        """
        if not isinstance(values, Mapping):
            raise InputError(f"a row is {kind(values)}; it must be an object with id, prompt and gold")
        known = {name: values[name] for name in _NAMES if values.get(name) is not None}
        for names in (PROMPT_FIELDS, GOLD_FIELDS):
            found = next((values[name] for name in names if values.get(name) is not None), None)
            if found is not None:
                known[names[0]] = found
        for name in ("id", "prompt", "gold"):
            if name not in known:
                raise InputError(f"the row has no field {name!r}; a row needs id, prompt and gold")
        known["prompt"] = prompt_text(known["prompt"])
        for name in ("gold", "label"):
            if name in known:
                known[name] = _answer_text(known[name], name)
        if isinstance(known["id"], (Integral, NumberText)) and not isinstance(known["id"], bool):
            known["id"] = str(known["id"])
        for name in ("id", "split", "benchmark"):
            if not isinstance(known.get(name, ""), str):
                raise InputError(f"field {name!r} is {known[name]!r}; it must be text")
        if not known["id"]:
            raise InputError("field 'id' is empty; rows without an id of their own would be taken for one problem")
        if "visit" in known:
            known["visit"] = whole_field(known["visit"], "visit")
        source = known.get("label_source")
        if isinstance(source, str) and source.startswith("{"):  # as it stands in a parquet column
            known["label_source"] = source = _object(source)
        if isinstance(source, str):
            known["label_source"] = {"method": source}
        elif source is not None and not isinstance(source, Mapping):
            raise InputError(f"field 'label_source' is {source!r}; it must be an object or a text")
        elif source is not None:
            known["label_source"] = plain(source)
        return cls(**known)

    @classmethod
    def from_label(cls, label: Any, prompt: Prompt) -> Row:
        """The row behind what a framework's label column holds, which travels without its prompt.

        label: a row object, the JSON text of one, or a bare gold (text or a number): then ``gold`` and ``label`` are
            that, and ``id`` is the prompt's digest, as it is for an object without ``id``.
        prompt: what the framework has; text or a list of chat messages. A row object's own prompt wins.

        Raises InputError where the label is neither.

        >>> Row.from_label('{"id": "a/7", "gold": 142.0, "label": "3"}', "1+1=").gold
        '142.0'
        >>> row = Row.from_label(7, "What is 3 + 4?")
        >>> row.gold, row.label, row.id == prompt_id("What is 3 + 4?")
        ('7', '7', True)
        """
        values = label
        if isinstance(label, str) and label.lstrip()[:1] == "{":
            try:
                values = parse_json(label)
            except (ValueError, RecursionError):
                values = label  # a gold such as {1, 2}
        if not isinstance(values, Mapping):
            gold = _answer_text(label, "label")
            return cls(prompt_id(prompt), prompt_text(prompt), gold, gold)
        missing = {} if values.get("id") is not None else {"id": prompt_id(prompt)}
        if all(values.get(name) is None for name in PROMPT_FIELDS):
            missing["prompt"] = prompt_text(prompt)
        return cls.from_dict({**values, **missing} if missing else values)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values, the keys in the order of the schema."""
        values = {name: getattr(self, name) for name in _NAMES}
        if self.label_source is not None:
            values["label_source"] = dict(self.label_source)
        return values

    def to_label(self) -> str:
        """The JSON text that `from_label` reads back: the row without its prompt and without what is null.

        >>> row = Row("a/7", "1+1=", "2", label="3")
        >>> Row.from_label(row.to_label(), "1+1=") == row
        True
        """
        values = {name: value for name, value in self.to_dict().items() if name != "prompt" and value is not None}
        return json.dumps(values, ensure_ascii=False)


_NAMES = tuple(field.name for field in fields(Row))


# -- prompts --------------------------------------------------------------------------------------------

_LOOKS = re.compile(r"\\\(|\\\)|\\\[|\\\]|\$|\\(?:left|right|displaystyle|q?quad)(?![a-zA-Z])|\\[,;:! ]|\s+")
_FRAC = re.compile(r"\\[dt]frac(?![a-zA-Z])")


def normal_prompt(text: str) -> str:
    r"""A prompt without what does not change its meaning: spacing, dollars, the size of fractions.

    >>> normal_prompt(r"Find \( x \).") == normal_prompt("Find  $x$.")
    True
    """
    return _LOOKS.sub("", _FRAC.sub(r"\\frac", unicodedata.normalize("NFC", text)))


def prompt_text(prompt: Prompt) -> str:
    """A row's prompt: text as it is, chat messages as JSON text. Raises InputError."""
    if isinstance(prompt, str) and not isinstance(prompt, NumberText):
        return prompt
    if isinstance(prompt, Sequence) and not isinstance(prompt, (str, bytes)):
        return json.dumps(plain(list(prompt)), ensure_ascii=False)
    raise InputError(f"field 'prompt' is {prompt!r}; it must be text or a list of chat messages")


def spoken(prompt: Prompt) -> str:
    """What a prompt says: of chat messages (a list, or its JSON text) their contents, joined by line breaks.

    >>> spoken([{"role": "user", "content": "1+1="}]), spoken("1+1=")
    ('1+1=', '1+1=')
    """
    messages: Any = prompt
    if isinstance(prompt, str):
        if prompt[:1] != "[" or '"content"' not in prompt:
            return prompt
        try:
            messages = json.loads(prompt)
        except (ValueError, RecursionError):
            return prompt
    if not isinstance(messages, Sequence) or not all(isinstance(message, Mapping) for message in messages):
        return prompt_text(prompt)
    contents = [message.get("content") for message in messages]
    return "\n".join(content for content in contents if isinstance(content, str))


def prompt_id(prompt: Prompt) -> str:
    """The id of a row that has none: 20 hexadecimal digits over the normalised prompt.

    Equal for a text and for chat messages that say the same, so it does not depend on a chat template that
    the framework applies later. It does where the framework hands out prompts under the template, as OpenRLHF does
    to its reward functions, executors and servers: let the id travel in the row there.

    >>> prompt_id("Find  $x$.") == prompt_id([{"role": "user", "content": "Find $x$."}])
    True
    """
    text = normal_prompt(spoken(prompt))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_HEX]


# -- values ---------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The same value with JSON numbers as Python's: `NumberText` is for golds only."""
    if isinstance(value, NumberText):
        text = str(value)
        if re.fullmatch(r"-?\d{1,4000}", text):
            return int(text)
        try:
            return float(text)
        except ValueError:
            return text  # an integer longer than Python converts
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def _answer_text(value: Any, name: str) -> str:
    text = gold_text(value)
    if text is None:
        raise InputError(f"field {name!r} is {value!r}; it must be text or a number")
    return str(text)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"field 'label_source' is {text!r}, which is no JSON object") from None


def whole_field(value: Any, name: str) -> int:
    """A field's whole number from 0, numpy's too. Raises InputError."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < 0:
        raise InputError(f"field {name!r} is {value!r}; it must be a whole number from 0")
    return int(number)
