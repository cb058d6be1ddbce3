"""Checks that the rewards share; each raises FieldError naming the field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .base import PARTS, FieldError, Reward


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """The value as a finite float between low and high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(name, f"{value!r} must be a number")
    try:
        float(value)
    except OverflowError:
        raise FieldError(name, "a whole number as long as that is too large") from None
    if not (math.isfinite(value) and low <= value <= high):
        if math.isinf(low):
            place = "be finite"
        else:
            place = f"be {low:g} or more" if math.isinf(high) else f"lie in {low:g} to {high:g}"
        raise FieldError(name, f"{value!r} must {place}")
    return float(value)


def payable(name: str, low: float, high: float) -> None:
    """Values from low to high must be finite, and stay so while they are rounded to multiples of 1/1024."""
    for end in (low, high):
        if not math.isfinite(end * PARTS):
            raise FieldError(
                name, f"leads to rewards of {end:g}, which cannot be rounded to 1/{PARTS}; make it smaller"
            )


def whole(name: str, value: Any, low: int | None = None) -> None:
    """The value must be an int, and ``low`` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or (low is not None and value < low):
        raise FieldError(name, f"{value!r} must be a whole number" + (f" of {low} or more" if low is not None else ""))


def switch(name: str, value: Any) -> None:
    """The value must be a bool."""
    if not isinstance(value, bool):
        raise FieldError(name, f"{value!r} must be true or false")


def choice(name: str, value: Any, known: Sequence[str]) -> None:
    """The value must be one of ``known``."""
    if value not in known:
        raise FieldError(name, f"{value!r} is unknown; choose one of {', '.join(known)}")


def reward(name: str, value: Any) -> None:
    """The value must be a reward."""
    if not isinstance(value, Reward):
        raise FieldError(name, f"{value!r} is no reward")


def truth(name: str, value: Any) -> None:
    """The value must be a reward whose values lie in 0 to 1, so that they can be read as no and yes."""
    reward(name, value)
    low, high = value.bounds
    if low < 0 or high > 1:
        raise FieldError(name, f"a {value.kind} gives {low:g} to {high:g}, which is no yes or no; clip it to 0 to 1")


def members(value: Any) -> tuple[Reward, ...]:
    """A non-empty sequence of rewards as a tuple."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise FieldError("of", "must be a list of one or more rewards")
    for place, member in enumerate(value):
        reward(f"of[{place}]", member)
    return tuple(value)
