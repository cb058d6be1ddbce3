"""Records: immutable for the type checker, and as cheap to make as any object with slots.

A frozen dataclass writes each field through ``object.__setattr__``, three times the price of an assignment; a
verification makes about twenty records, so that was a seventh of its time. What a caller keeps and could change by
mistake for others (verdicts, configs, rows) is a frozen dataclass all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def record(cls: type[T]) -> type[T]:
        """A dataclass with slots, equality and a hash, whose fields are assigned once."""

else:
    record = dataclass(slots=True, unsafe_hash=True)
