"""What a reward is: a picklable callable from (response, row, context) to a float, or None where it cannot tell.

Promises: a reward never raises for what a model or a data set wrote; it raises ConfigError where it is called
without what it ``needs``. ``reward_from(reward.describe()) == reward``. None means unscored and is never a zero;
one setting, :class:`~verifier.rewards.Unscored`, says what training makes of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ..config import VerifierConfig
from ..errors import ConfigError
from ..rows import Row

NEEDS = ("visit", "index", "group")
PARTS = 1024  # of one: rewards leave as multiples of 1/1024, see `verifier.rewards.quantise`


class FieldError(ConfigError):
    """A setting of a reward that cannot be honoured.

    path: where it stands, ``gamma`` in a reward or ``reward.of[1].gamma`` in a declarative form; text: what is wrong.
    """

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path, text)
        self.path, self.text = path, text

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class Context:
    """What a response's surroundings say about it.

    index: its place in its group (the samples of one prompt on one visit), from 0, in the order in which they were
        started; None where the caller does not know it.
    """

    index: int | None = None


NO_CONTEXT = Context()


class Reward(ABC):
    """Base of all rewards; subclasses are frozen dataclasses, so equal settings are equal rewards.

    kind: its name in the declarative form.
    """

    __slots__ = ()
    kind: ClassVar[str]

    @property
    def needs(self) -> frozenset[str]:
        """Which of NEEDS the caller must provide: ``visit`` (in the row), ``index`` (in the context), ``group``."""
        return frozenset()

    @property
    def needs_id(self) -> bool:
        """Whether the reward depends on the row's ``id``; it always does where it needs the visit or the index."""
        return False

    @property
    def needs_label(self) -> bool:
        """Whether the row must carry a ``label``; without one the response is unscored."""
        return False

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that it can give."""
        return 0.0, 1.0

    def checked(self, row: Row) -> Row:
        """The same row; ConfigError where it lacks the label that the reward needs. For callers that can say so."""
        if self.needs_label and row.label is None:
            raise ConfigError(f"the reward {self.kind!r} needs the row's label; let `label` travel in the row")
        return row

    @abstractmethod
    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        """The reward of one response; ConfigError where it ``needs`` more than it was given."""

    def over_group(self, responses: Sequence[str | None], row: Row) -> list[float | None]:
        """The rewards of all samples of one prompt on one visit, in the order in which they were started."""
        return [self(response, row, Context(index)) for index, response in enumerate(responses)]

    def describe(self) -> dict[str, Any]:
        """The declarative form, complete with defaults: JSON-ready, for manifests, and read by `reward_from`."""
        settings = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, **settings}


def _plain(value: Any) -> Any:
    if isinstance(value, Reward):
        return value.describe()
    if isinstance(value, VerifierConfig):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value
