"""From responses to verdicts: all documents and repeats of a task in one batch.

Promises: the verdict of a response is the one that :func:`verifier.verify` gives for the same text, gold and
config; the rows carry it in full. Nothing here depends on lm-eval.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from verifier import Verdict, VerifierConfig, verify_batch
from verifier.behaviour import has_box, has_code
from verifier.voting import equivalence_classes


class Sample(dict[str, Any]):
    """One response's verdict and traits. ``str()`` is JSON, and ``str()`` is what lm-eval writes to disk."""

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)


def score(*, responses: Sequence[Sequence[str]], golds: Sequence[str], extraction: str) -> list[list[Sample]]:
    """Verdict and traits of every response, in the shape of ``responses`` (questions x repeats).

    extraction: a mode of VerifierConfig; ``answer_tag`` here means the tag where a response has one behind
        its thinking, else its box.
    """
    texts = [response for group in responses for response in group]
    flat_golds = [gold for gold, group in zip(golds, responses, strict=True) for _ in group]
    verdicts = iter(_verdicts(texts, flat_golds, extraction))
    return [_question(group, [next(verdicts) for _ in group]) for group in responses]


def _has_tag(response: str) -> bool:
    return response.rfind("<answer>") > response.rfind("</think>")


def _verdicts(texts: Sequence[str], golds: Sequence[str], extraction: str) -> list[Verdict]:
    modes = [extraction if extraction != "answer_tag" or _has_tag(text) else "boxed" for text in texts]
    out: dict[int, Verdict] = {}
    for mode in sorted(set(modes)):  # one batch, but for answer_tag
        places = [i for i, m in enumerate(modes) if m == mode]
        found = verify_batch(
            responses=[texts[i] for i in places],
            golds=[golds[i] for i in places],
            config=VerifierConfig(extraction=mode),
        )
        out.update(zip(places, found, strict=True))
    return [out[i] for i in range(len(texts))]


def _question(group: Sequence[str], verdicts: Sequence[Verdict]) -> list[Sample]:
    classes = equivalence_classes([verdict.answer for verdict in verdicts])
    first: dict[str, int] = {}
    return [
        Sample(
            verdict.to_dict()
            | {
                "class": number,
                "copy_of": first.setdefault(text, i),
                "box": has_box(text),
                "code": has_code(text),
            }
        )
        for i, (text, verdict, number) in enumerate(zip(group, verdicts, classes, strict=True))
    ]


def unscored_note(questions: Sequence[Sequence[Mapping[str, Any]]], flag_above: float) -> str:
    """One sentence on the unscored responses, empty where there are none.

    >>> unscored_note([[{"status": "correct", "reason": "equal"}]], flag_above=0.01)
    ''
    """
    samples = [sample for question in questions for sample in question]
    reasons = Counter(str(sample["reason"]) for sample in samples if sample["status"] == "unscored")
    count = sum(reasons.values())
    if not count:
        return ""
    named = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common())
    note = f"{count} of {len(samples)} responses are unscored ({named}) and left out of the denominators"
    return f"RUN FLAGGED: {note}" if count > flag_above * len(samples) else note
