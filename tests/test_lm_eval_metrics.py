"""The estimators against values worked out by hand and against brute force over subsets."""

from __future__ import annotations

from itertools import combinations, product
from math import isnan, sqrt

import pytest

from lm_eval_tasks import metrics, scoring
from verifier import verify


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (8, 3, 1, 3 / 8),
        (8, 3, 2, 1 - (5 * 4) / (8 * 7)),  # both drawn from the 5 wrong ones
        (8, 3, 4, 1 - 5 / 70),  # C(5,4) / C(8,4)
        (8, 3, 8, 1.0),
        (8, 5, 4, 1.0),  # only 3 wrong ones: 4 drawn must hold a right one
        (4, 0, 4, 0.0),
        (1, 1, 1, 1.0),
    ],
)
def test_pass_at_k_by_hand(n: int, c: int, k: int, expected: float) -> None:
    assert metrics.pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-15)


def test_pass_at_k_is_the_share_of_subsets_with_a_right_one() -> None:
    for n in range(1, 8):
        for c, k in product(range(n + 1), range(1, n + 1)):
            subsets = list(combinations([i < c for i in range(n)], k))
            assert metrics.pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 1, 0), (4, 1, 5)])
def test_pass_at_k_refuses_the_impossible(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"impossible|not defined"):
        metrics.pass_at_k(n, c, k)


@pytest.mark.parametrize(
    ("classes", "correct", "expected"),
    [
        ([0, 1, 1, 2], [True, False, False, False], 0.0),  # plurality is wrong
        ([0, 0, 1, 1], [True, True, False, False], 0.5),  # a tie of two
        ([0, 1, 2], [False, True, False], 1 / 3),  # a tie of three
        ([None, None, 0], [False, False, True], 1.0),  # answers that are absent cast no vote
        ([None], [False], 0.0),
        ([], [], 0.0),
        ([0, 0, 0], [True, False, True], 2 / 3),  # a class that a gold-side leniency splits
    ],
)
def test_maj_at_n_by_hand(classes: list[int | None], correct: list[bool], expected: float) -> None:
    assert metrics.maj_at_n(classes, correct) == pytest.approx(expected)


def test_clustered_se_by_hand() -> None:
    # mean 0.5, squared deviations 0.25 + 0.25 + 0 + 0 = 0.5, / (N - 1) / N = 0.5 / 12
    assert metrics.clustered_se([0.0, 1.0, 0.5, 0.5]) == pytest.approx(sqrt(0.5 / 12))
    assert metrics.clustered_se([0.25, 0.25]) == 0.0
    assert isnan(metrics.clustered_se([1.0]))
    assert isnan(metrics.mean([]))


def test_paired_difference_by_hand() -> None:
    a = {"p": 0.0, "q": 0.5, "r": 1.0, "only": 1.0}
    b = {"p": 0.5, "q": 0.25, "r": 1.0}
    d = metrics.paired_difference(a, b)
    # differences 0.5, -0.25, 0: mean 1/12, squared deviations (25 + 16 + 1) / 144, / 2 / 3
    assert d.diff == pytest.approx(1 / 12)
    assert d.se == pytest.approx(sqrt(42 / 144 / 6))
    assert (d.questions, d.only_a, d.only_b) == (3, 1, 0)
    with pytest.raises(ValueError, match="no question in common"):
        metrics.paired_difference({"p": 1.0}, {"q": 1.0})


def test_a_paired_difference_beats_two_separate_errors_where_questions_differ_in_difficulty() -> None:
    a = {str(i): float(i % 2) for i in range(20)}
    b = {key: value * 0.5 + 0.25 for key, value in a.items()}
    unpaired = sqrt(metrics.clustered_se(list(a.values())) ** 2 + metrics.clustered_se(list(b.values())) ** 2)
    assert metrics.paired_difference(a, b).se < unpaired


def sample(status: str, number: int | None, copy_of: int, *, box: bool = True, code: bool = False) -> dict:
    return {"status": status, "class": number, "copy_of": copy_of, "box": box, "code": code}


def test_unscored_responses_leave_the_denominators_but_not_the_traits() -> None:
    rows = [
        sample("correct", 0, 0, code=True),
        sample("unscored", 1, 1, box=False),
        sample("incorrect", 1, 2),
        sample("unscored", 1, 2),
    ]
    assert metrics.question_metrics(rows, 4) == {
        "acc": 0.5,  # 1 of the 2 scored
        "pass@1": 0.5,
        "pass@2": 1.0,
        "pass@4": 1.0,  # pass@2: a lower bound
        "maj@4": 0.5,  # one vote each; the unscored ones cast none
        "no_box": 0.25,
        "distinct": 0.75,
        "code_freq": 0.25,
        "unscored": 0.5,
    }


def test_a_question_without_a_scored_response_is_left_out_of_the_averages() -> None:
    rows = [sample("unscored", None, 0), sample("unscored", None, 0)]
    assert metrics.question_metrics(rows, 2) == {
        "no_box": 0.0,
        "distinct": 0.5,
        "code_freq": 0.0,
        "unscored": 1.0,
    }


@pytest.mark.parametrize("n", [1, 2, 3, 8, 12])
def test_the_declared_names_are_the_produced_ones(n: int) -> None:
    rows = [sample("correct", 0, i) for i in range(n)]
    assert tuple(metrics.question_metrics(rows, n)) == metrics.metric_names(n)


def test_scores_are_those_of_verify_field_by_field() -> None:
    responses = [[r"\boxed{3}", r"so \boxed{4}", "none"], [r"\boxed{4}", r"\boxed{4}", "Python"]]
    golds = ["3", "4"]
    rows = scoring.score(responses=responses, golds=golds, extraction="boxed")
    for group, gold, samples in zip(responses, golds, rows, strict=True):
        for response, found in zip(group, samples, strict=True):
            alone = verify(response=response, gold=gold).to_dict()
            assert {key: found[key] for key in alone if key != "elapsed_s"} == {
                key: value for key, value in alone.items() if key != "elapsed_s"
            }
    assert [s["status"] for s in rows[0]] == ["correct", "incorrect", "incorrect"]
    assert [s["class"] for s in rows[1]] == [0, 0, None]
    assert [s["copy_of"] for s in rows[1]] == [0, 0, 2]
    assert [s["code"] for s in rows[1]] == [False, False, True]


def test_a_tag_is_the_answer_and_a_box_where_there_is_no_tag() -> None:
    responses = [
        [
            r"think \boxed{9} </think> <answer> 5 ",  # lm-eval cut the closing tag off
            r"think <answer> 9 </answer> </think> so \boxed{5}",
            r"no tag \boxed{5}",
            r"<answer> \boxed{5} </answer>",
            "5",
        ]
    ]
    (rows,) = scoring.score(responses=responses, golds=["5"], extraction="answer_tag")
    assert [(s["status"], s["answer"]) for s in rows] == [("correct", "5")] * 4 + [("incorrect", None)]


def test_the_note_on_unscored_responses() -> None:
    good, bad = {"status": "correct", "reason": "equal"}, {"status": "unscored", "reason": "timeout"}
    assert scoring.unscored_note([[good] * 4], 0.01) == ""
    assert scoring.unscored_note([[good] * 99, [bad]], 0.01).startswith("1 of 100 responses")
    assert scoring.unscored_note([[good] * 98, [bad] * 2], 0.01).startswith("RUN FLAGGED: 2 of 100")
