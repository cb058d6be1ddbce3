"""JSON in and out: a number keeps its own text, and a value is named in JSON's words.

Promises: ``142.0``, ``1e400`` and a 5,000-digit integer are read as they were written, and written as they were read;
what is written is one line of UTF-8 text. Does not check what a value means: :mod:`verifier.records` does.
"""

from __future__ import annotations

import base64
import json
import math
import re
from decimal import Decimal
from typing import Any


class NumberText(str):
    """The text of a JSON number: ``142.0`` and ``1e400`` are golds as they were written, in messages without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


_DECODER = json.JSONDecoder(parse_float=NumberText, parse_int=NumberText, parse_constant=NumberText)


def parse_json(text: str) -> Any:
    """A JSON value, its numbers kept as :class:`NumberText`.

    >>> parse_json('{"gold": 142.0, "big": 1e400}')
    {'gold': 142.0, 'big': 1e400}
    """
    return _DECODER.decode(text)


def parse_json_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at an offset, as :func:`parse_json` gives it, and where it ends."""
    return _DECODER.raw_decode(text, at)


def dump_json(value: Any) -> str:
    """JSON text on one line; numbers by their own text, what JSON lacks in plain words.

    A float that is not finite becomes null, bytes become base64, dates their ISO text.

    >>> dump_json({"gold": NumberText("142.0"), "ids": [1, None]})
    '{"gold": 142.0, "ids": [1, null]}'
    """
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dump_plain(str(k))}: {dump_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(dump_json, value)) + "]"
    if isinstance(value, str):
        return dump_plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    return dump_plain(value)


def dump_plain(value: Any) -> str:
    """JSON text of a value without :class:`NumberText`, such as a verdict; faster than :func:`dump_json`."""
    text = _ENCODER.encode(value)
    # A lone surrogate, which JSON can spell but UTF-8 cannot, stays an escape.
    return json.dumps(value) if _SURROGATE.search(text) else text


def _plain(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain)
_SURROGATE = re.compile("[\ud800-\udfff]")


def kind(value: Any) -> str:
    """What a value is, in JSON's words, for messages."""
    if isinstance(value, bool):
        return f"a boolean ({str(value).lower()})"
    if isinstance(value, (NumberText, int, float, Decimal)):
        text = str(value)
        return f"a number ({text if len(text) <= 40 else text[:37] + '...'})"
    if value is None:
        return "null"
    names: dict[type, str] = {str: "text", dict: "an object", list: "a list", bytes: "binary data"}
    return names.get(type(value), f"a {type(value).__name__}")


def json_message(error: json.JSONDecodeError) -> str:
    """What is wrong with a JSON text, as part of a sentence."""
    return error.msg[:1].lower() + error.msg[1:]
