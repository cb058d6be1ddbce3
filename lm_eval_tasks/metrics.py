"""Estimators over n sampled responses per question: pure functions, no lm-eval.

Promises: unbiased pass@k (Chen et al. 2021, arXiv 2107.03374), majority vote over equivalence classes with
ties averaged, standard errors clustered by question (Miller 2024, arXiv 2411.00640), and one definition of
what an unscored response does: it leaves every denominator of its question, and a question with no scored
response leaves the averages altogether.

Does not say anything about a single sample's correctness: that is the verifier's.

A *sample* below is a mapping with the keys ``status`` (correct, incorrect, unscored), ``class`` (number of
the answer's equivalence class within its question, or None), ``copy_of`` (index of the first sample of the
question with the same text), ``box`` and ``code`` (bools); see :mod:`lm_eval_tasks.scoring`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, nan, sqrt
from typing import Any

UNSCORED_FLAG = 0.01  # a run with a larger share of unscored responses is flagged


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that k of n samples, drawn without replacement, hold one of the c correct: 1 - C(n-c,k)/C(n,k).

    >>> pass_at_k(n=4, c=1, k=2)
    0.5
    >>> pass_at_k(n=8, c=8, k=1), pass_at_k(n=8, c=0, k=8)
    (1.0, 0.0)
    """
    if not 0 <= c <= n:
        raise ValueError(f"c={c} correct of n={n} samples is impossible")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} is not defined for n={n} samples")
    return 1.0 - comb(n - c, k) / comb(n, k)


def maj_at_n(classes: Sequence[int | None], correct: Sequence[bool]) -> float:
    """Expected accuracy of a plurality vote over equivalence classes, ties broken by a fair draw.

    classes: class of each sample's answer; None (no answer, or one that cannot be read) casts no vote.
    correct: the verdict of each sample. Members of one class nearly always share it; where a gold-side
    leniency splits a class, the class counts with its mean.

    >>> maj_at_n([0, 0, 1, None], [True, True, False, False])
    1.0
    >>> maj_at_n([0, 0, 1, 1, 2], [False, False, True, True, False])
    0.5
    >>> maj_at_n([None, None], [False, False])
    0.0
    """
    members: dict[int, list[bool]] = {}
    for number, right in zip(classes, correct, strict=True):
        if number is not None:
            members.setdefault(number, []).append(right)
    if not members:
        return 0.0
    most = max(len(votes) for votes in members.values())
    winners = [sum(votes) / most for votes in members.values() if len(votes) == most]
    return sum(winners) / len(winners)


def ks(n: int) -> tuple[int, ...]:
    """The k of the reported pass@k: powers of two below n, and n.

    >>> ks(1), ks(8), ks(12)
    ((1,), (1, 2, 4, 8), (1, 2, 4, 8, 12))
    """
    powers = [1 << i for i in range(n.bit_length()) if 1 << i < n]
    return (*powers, n)


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, nan of nothing."""
    return sum(values) / len(values) if values else nan


def clustered_se(values: Sequence[float]) -> float:
    """Standard error of the mean of per-question values: sd / sqrt(N), sd with N - 1; nan for N < 2.

    With one value per question (the mean over its samples) this is the question-clustered error: it holds
    both the spread between questions and the noise of decoding. It treats the questions as a sample.

    >>> clustered_se([0.0, 1.0, 0.5, 0.5])
    0.2041241452319315
    """
    if len(values) < 2:
        return nan
    m = mean(values)
    return sqrt(sum((v - m) ** 2 for v in values) / (len(values) - 1) / len(values))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """``b - a`` over the questions that both runs scored. diff and se in the unit of the values.

    questions: number of pairs; only_a, only_b: questions that one run alone has, which take no part.
    """

    diff: float
    se: float
    questions: int
    only_a: int
    only_b: int


def paired_difference(a: Mapping[str, float], b: Mapping[str, float]) -> PairedDifference:
    """Difference of two runs on the same questions and its standard error, from per-question differences.

    a, b: per-question value by question id. Raises ValueError when no question is common.

    >>> d = paired_difference({"p": 0.0, "q": 0.5, "r": 1.0}, {"p": 0.5, "q": 0.5, "r": 1.0, "s": 1.0})
    >>> round(d.diff, 4), round(d.se, 4), d.questions, d.only_b
    (0.1667, 0.1667, 3, 1)
    """
    common = sorted(a.keys() & b.keys())
    if not common:
        raise ValueError("the two runs have no question in common")
    diffs = [b[key] - a[key] for key in common]
    return PairedDifference(mean(diffs), clustered_se(diffs), len(common), len(a) - len(common), len(b) - len(common))


def question_metrics(samples: Sequence[Mapping[str, Any]], n: int) -> dict[str, float]:
    """Every metric of one question. ``n`` names pass@k and maj@n; ``samples`` may hold fewer.

    acc, pass@k and maj@n are over the scored samples, m of them. Where m = 0 they are left out. Where k > m,
    pass@k falls back to pass@m: a lower bound, which keeps the same questions under every k.
    no_box, distinct, code_freq and unscored are over all samples.

    >>> rows = [{"status": s, "class": c, "copy_of": i, "box": True, "code": False}
    ...         for i, (s, c) in enumerate([("correct", 0), ("incorrect", 1), ("unscored", None)])]
    >>> {key: round(value, 3) for key, value in question_metrics(rows, 3).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'acc': 0.5, 'pass@1': 0.5, 'pass@2': 1.0, 'pass@3': 1.0, 'maj@3': 0.5,
     'no_box': 0.0, 'distinct': 1.0, 'code_freq': 0.0, 'unscored': 0.333}
    """
    if not samples:
        raise ValueError("a question without samples has no metrics")
    scored = [s for s in samples if s["status"] != "unscored"]
    correct = [s["status"] == "correct" for s in scored]
    m, c = len(scored), sum(correct)
    out: dict[str, float] = {}
    if m:
        out["acc"] = c / m
        for k in ks(n):
            out[f"pass@{k}"] = pass_at_k(m, c, min(k, m))
        out[f"maj@{n}"] = maj_at_n([s["class"] for s in scored], correct)
    total = len(samples)
    out["no_box"] = sum(not s["box"] for s in samples) / total
    out["distinct"] = sum(s["copy_of"] == i for i, s in enumerate(samples)) / total
    out["code_freq"] = sum(bool(s["code"]) for s in samples) / total
    out["unscored"] = (total - m) / total
    return out


def metric_names(n: int) -> tuple[str, ...]:
    """The keys of :func:`question_metrics`, in its order."""
    return ("acc", *(f"pass@{k}" for k in ks(n)), f"maj@{n}", "no_box", "distinct", "code_freq", "unscored")
