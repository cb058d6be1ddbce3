"""Votes over classes of equal value, and over strings."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import equivalent, voting
from verifier.compare import reader
from verifier.config import DEFAULT_CONFIG
from verifier.errors import ConfigError
from verifier.voting import Vote, VoteClass, equivalence_classes, vote

TEXTS = ["1/2", "0.5", r"\frac{2}{4}", "2", "2.0", r"\sqrt{4}", "x+1", "1+x", "(1,2)", r"50\%", "", None, "))", "7"]


def test_values_are_counted_not_spellings() -> None:
    outcome = vote(["0.5", "1/2", "1/2", "2", None, "))"])
    assert outcome.classes == (VoteClass("1/2", 3, 0, 2), VoteClass("2", 1, 3, 1))
    assert (outcome.n, outcome.empty, outcome.unread, outcome.undecided) == (6, 1, 1, 0)
    assert outcome.share(outcome.classes[0]) == 0.5
    assert outcome.empty_share == 1 / 6


def test_ties_go_to_most_samples_then_the_earliest() -> None:
    assert vote(["1", "2", "2", "1"]).majority == VoteClass("1", 2, 0, 1)
    assert vote(["3", "1", "2", "2", "1"]).majority == VoteClass("1", 2, 1, 1)
    assert [one.label for one in vote(["3", "1", "2", "2", "1"]).classes] == ["1", "2", "3"]


def test_choices_beyond_the_end_and_the_minority() -> None:
    outcome = vote(["1", "1", "2", "3"])
    assert [outcome.choice(place) and outcome.choice(place).label for place in (1, 2, 3)] == ["1", "2", "3"]  # type: ignore[union-attr]
    assert outcome.choice(4) is None
    assert outcome.minority == VoteClass("3", 1, 3, 1)
    assert vote(["1", "1"]).minority is None
    with pytest.raises(ConfigError, match="choice=0"):
        outcome.choice(0)


@pytest.mark.parametrize("answers", [[], [None], ["", "  ", None], ["))", "0/0"]])
def test_without_a_vote_there_is_no_label(answers: list[str | None]) -> None:
    outcome = vote(answers)
    assert outcome.majority is None
    assert outcome.minority is None
    assert outcome.n == len(answers)
    assert outcome.empty + outcome.unread == outcome.n


def test_the_papers_rule_counts_texts_and_the_empty_one() -> None:
    answers = ["1/2", "0.5", " 1/2 ", None, "", None]
    assert vote(answers, rule="paper-strings").classes[0] == VoteClass("", 3, 3, 1)
    assert vote(answers).majority == VoteClass("1/2", 3, 0, 2)
    assert vote(["2", "1", "1", "2"], rule="paper-strings").majority == VoteClass("2", 2, 0, 1)
    assert vote(["))", "))", "1"], rule="paper-strings").majority == VoteClass("))", 2, 0, 1)
    with pytest.raises(ConfigError, match="classes, paper-strings"):
        vote([], rule="median")


def test_the_representative_is_the_same_in_every_order() -> None:
    answers = ["0.5", "1/2", r"\frac{1}{2}", r"\frac{1}{2}", "1/2", "3"]
    assert vote(answers).majority == VoteClass("1/2", 5, 0, 3)  # as frequent as the fraction, and shorter
    for seed in range(20):
        random.Random(seed).shuffle(answers)
        found = vote(answers).majority
        assert found is not None
        assert (found.label, found.votes, found.spellings) == ("1/2", 5, 3)


def test_what_only_a_worker_process_decides_is_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    integral, value = r"\int_0^3 x^5 dx", r"\frac{243}{2}"
    read = reader(DEFAULT_CONFIG)
    assert read.decide(read.read(integral), read.read(value), strict=True, workers=False).equal is None
    answers = [integral, "7", value, value]
    assert vote(answers).classes == (VoteClass(value, 3, 0, 2), VoteClass("7", 1, 1, 1))
    # a call asks workers about so many pairs, and counts the others: one for each class that it does not join
    monkeypatch.setattr(voting, "_WORKER_CALLS", 0)
    read.forget()
    assert (len(vote(answers).classes), vote(answers).undecided) == (3, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=24), st.randoms())
def test_classes_are_those_of_equivalent_and_sizes_do_not_depend_on_the_order(
    answers: list[str | None], rng: random.Random
) -> None:
    classes = equivalence_classes(answers)
    for one, a in zip(answers, classes, strict=True):
        for other, b in zip(answers, classes, strict=True):
            if a is not None and b is not None:
                assert one is not None
                assert other is not None
                assert (a == b) == equivalent(one, other)
    outcome = vote(answers)
    assert sum(one.votes for one in outcome.classes) + outcome.empty + outcome.unread == len(answers)
    shuffled = list(answers)
    rng.shuffle(shuffled)
    assert _sizes(vote(shuffled)) == _sizes(outcome)


def _sizes(outcome: Vote) -> list[tuple[int, str]]:
    return sorted((one.votes, one.label) for one in outcome.classes)
