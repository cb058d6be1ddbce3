"""Our own HTTP protocol: what a request must look like, and one clear error for each way in which it does not.

``POST /v1/verify``  {"responses": [text|null, ...], "golds": [...]}  -> {"verdicts": [{status, reason, ...}, ...]}
``POST /v1/reward``  {"responses": [text|null, ...], "rows": [{id, prompt, gold, ...}, ...]}
                     -> {"rewards": [number, ...], "scored": [bool, ...], "unscored": {reason: count}}
A reward that is not scored is what the reward file's ``unscored`` says; all are multiples of 1/1024.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import InputError, VerifierError
from .rows import Row


class RequestError(VerifierError):
    """What is wrong with a request. status: of HTTP; field: where, empty for the whole body."""

    def __init__(self, message: str, *, field: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.field, self.status = field, status


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; RequestError where it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise RequestError(f"the body is not JSON{where}; send a JSON object in UTF-8") from None
    if not isinstance(data, dict):
        raise RequestError("the body is JSON, but no object; send {...}")
    return data


def verify_items(data: dict[str, Any]) -> list[tuple[str | None, Any]]:
    """(response, gold) of each pair."""
    responses, golds = _lists(data, "responses", "golds")
    return [(_response(response, at), gold) for at, (response, gold) in enumerate(zip(responses, golds, strict=True))]


def reward_items(data: dict[str, Any]) -> list[tuple[str | None, Row]]:
    """(response, row) of each pair."""
    responses, rows = _lists(data, "responses", "rows")
    return [
        (_response(response, at), _row(row, at)) for at, (response, row) in enumerate(zip(responses, rows, strict=True))
    ]


def _lists(data: dict[str, Any], first: str, second: str) -> tuple[list[Any], list[Any]]:
    for name in (first, second):
        if not isinstance(data.get(name), list):
            raise RequestError(f"{name!r} must be a list; send {first!r} and {second!r} of one length", field=name)
    if unknown := data.keys() - {first, second}:
        name = min(unknown)
        raise RequestError(f"unknown field {name[:80]!r}; known are {first!r} and {second!r}", field=name[:80])
    if len(data[first]) != len(data[second]):
        counts = f"{len(data[first])} {first} but {len(data[second])} {second}"
        raise RequestError(f"{counts}: they must pair up", field=second)
    return data[first], data[second]


def _response(value: Any, at: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    field = f"responses[{at}]"
    raise RequestError(f"{field} is {_kind(value)}; it must be text or null", field=field)


def _row(value: Any, at: int) -> Row:
    field = f"rows[{at}]"
    if not isinstance(value, dict):
        raise RequestError(f"{field} is {_kind(value)}; it must be an object with id, prompt and gold", field=field)
    try:
        return Row.from_dict(value)
    except InputError as error:
        raise RequestError(f"{field}: {error}"[:400], field=field) from None


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "text" if isinstance(value, str) else "null")
