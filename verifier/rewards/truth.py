r"""Rewards for the right answer: against the gold, against a label, against the majority of the group.

Promises: they use the one grader, `verify`; a fault of the gold or of the instrument is None, never 0. Extraction
``paper`` follows the paper's order (a box, else a phrase such as "the answer is", else the last number); what counts
as equal stays ours, whose normaliser deletes no letters. Not promised: the paper's variant for R1-style templates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..api import verify
from ..config import DEFAULT_CONFIG, VerifierConfig
from ..errors import ConfigError
from ..extraction import Candidate, Extraction, extract
from ..rows import Row
from ..verdict import Status, Verdict
from ..voting import vote
from . import _check
from .base import NO_CONTEXT, Context, FieldError, Reward

EXTRACTIONS = ("ours", "paper")
_NUMBER = re.compile(r"-?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)")
_VALUES = {Status.CORRECT: 1.0, Status.INCORRECT: 0.0, Status.UNSCORED: None}


def _boxed(text: str) -> str:
    return f"\\boxed{{{text}}}"


def _paper(response: str, config: VerifierConfig) -> tuple[str, VerifierConfig]:
    """The text and config with which the paper's order of extraction is ours."""
    boxed = replace(config, extraction="boxed")
    if extract(response, "boxed").answer is not None:
        return response, boxed
    if extract(response, "final_answer").answer is not None:
        return response, replace(config, extraction="final_answer")
    number = None
    for number in _NUMBER.finditer(response):  # noqa: B007
        pass
    return ("" if number is None else _boxed(number.group()), boxed)


@dataclass(frozen=True, slots=True)
class GroundTruth(Reward):
    r"""1 where the response's answer is the gold, 0 where it is not, None where gold or instrument is at fault.

    against: ``gold``, or ``label``: the same reward against the row's label. With the majority answers of the
        initial model as labels that is the paper's majority-vote reward, with wrong ones its incorrect reward.
    extraction: ``ours`` (what the config says; by default only a box counts) or ``paper``.
    config: of the verifier; its own ``extraction`` counts under ``ours``.

    >>> GroundTruth()(r"\boxed{0.5}", Row("a", "1/2?", "1/2"))
    1.0
    """

    kind: ClassVar[str] = "ground_truth"
    against: str = "gold"
    extraction: str = "ours"
    config: VerifierConfig = DEFAULT_CONFIG

    def __post_init__(self) -> None:
        _check.choice("against", self.against, ("gold", "label"))
        _check.choice("extraction", self.extraction, EXTRACTIONS)
        if not isinstance(self.config, VerifierConfig):
            raise FieldError("config", f"{self.config!r} is no VerifierConfig")

    @property
    def needs_label(self) -> bool:
        return self.against == "label"

    def verdict(self, response: str | None, row: Row) -> Verdict:
        """What `verify` says of the response against this row's gold or label."""
        config = self.config
        if self.extraction == "paper" and response is not None:
            response, config = _paper(response, config)
        return verify(response=response, gold=row.gold if self.against == "gold" else row.label, config=config)

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return _VALUES[self.verdict(response, row).status]

    def over_group(self, responses: Sequence[str | None], row: Row) -> list[float | None]:
        """As for single responses; equal answers are decided once, so that a hang costs its time once."""
        known: dict[Extraction, float | None] = {}
        values = []
        for response in responses:
            key = self._key(response)
            if key is None:
                values.append(self(response, row))
                continue
            if key not in known:
                known[key] = self(response, row)
            values.append(known[key])
        return values

    def _key(self, response: str | None) -> Extraction | None:
        """What the verdict hangs on; None where that is more than the box."""
        if response is None or len(response) > self.config.limits.response_chars:
            return None
        found = extract(response, "boxed" if self.extraction == "paper" else self.config.extraction)
        if found.answer is None or not found.boxes:
            return None
        return replace(found, answer=_placeless(found.answer), joined=_placeless(found.joined), boxes=())


def _placeless(candidate: Candidate | None) -> Candidate | None:
    return None if candidate is None else replace(candidate, span=(0, 0))


@dataclass(frozen=True, slots=True)
class MajorityOnline(Reward):
    r"""1 for the answer that most of the group gave (TTRL): the label is voted anew on every visit.

    The vote is `verifier.voting.vote`: over classes of equal value among the answers that can be read; of two classes
    with as many votes the one whose first member was started first wins. A response is then rewarded as by
    GroundTruth against the winner's label, with the same extraction and config. A group without a readable answer
    has no label: its responses gave no answer, so each gets 0, which is no signal under group-normalised advantages.

    >>> MajorityOnline().over_group([r"\boxed{1}", r"\boxed{2}", r"\boxed{2.0}", "no idea"], Row("a", "?", "9"))
    [0.0, 1.0, 1.0, 0.0]
    """

    kind: ClassVar[str] = "majority_online"
    extraction: str = "ours"
    config: VerifierConfig = DEFAULT_CONFIG

    def __post_init__(self) -> None:
        _check.choice("extraction", self.extraction, EXTRACTIONS)
        if not isinstance(self.config, VerifierConfig):
            raise FieldError("config", f"{self.config!r} is no VerifierConfig")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"group"})

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        raise ConfigError("the reward 'majority_online' needs the whole group: call over_group")

    def label(self, responses: Sequence[str | None]) -> str | None:
        """The majority's answer, None where no answer can be read."""
        answers = [self._answer(response) for response in responses]
        majority = vote(answers, config=self.config).majority
        return None if majority is None else majority.label

    def over_group(self, responses: Sequence[str | None], row: Row) -> list[float | None]:
        label = self.label(responses)
        if label is None:
            return [0.0] * len(responses)
        return GroundTruth("label", self.extraction, self.config).over_group(responses, replace(row, label=label))

    def _answer(self, response: str | None) -> str | None:
        """What a response votes for: its answer, or the run of boxes that it ends, as a list."""
        config = self.config
        if self.extraction == "paper" and response is not None:
            response, config = _paper(response, config)
        found = extract(response, config.extraction)
        best = found.joined or found.answer
        return None if best is None else best.text
