"""Labels wrong on purpose: proven wrong, keyed, independent of order and of which other rows are there."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import Status, VerifierConfig, equivalent, verify
from verifier.compare import reader
from verifier.config import DEFAULT_CONFIG
from verifier.corrupt import METHODS, OPERATIONS, REASONS, Corrupter, Corruption, Ring, answer_type, prove_wrong
from verifier.corrupt._draws import Draws
from verifier.corrupt._members import cut, joined
from verifier.corrupt._numerals import braced, numerals
from verifier.corrupt._slips import Gold
from verifier.errors import ConfigError
from verifier.rows import Row

GOLDS = [
    "0", "1", "7", "-12", "120", "1,234", "1000000", "0.5", "3.14", ".25", "12.0", r"\frac12", r"-\frac{3}{4}", "9/64",
    r"\sqrt2", r"2+\sqrt{3}", r"\frac{1-\sqrt{5}}{2}", r"2\pi", r"\pi", "e", "1+i", "3-4i", "x", "n+1", "x^2-3x+2",
    r"\frac{1}{2n}", "(1,2)", "(a,b)", "1, 2, 3", r"\{1,2\}", "[1,2)", r"(-\infty, 3]", r"[-1,0) \cup (0,1]", "x < 2",
    r"-1 \le x \le 4", "y=2x+1", "k=3", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "52_8", "1010_2", "3:1",
    r"15\%", r"\$28.00", r"90^\circ", r"12 \text{ cm}", "A", r"\text{(C)}", r"\text{Yes}", "odd", "Saturday", "P and S",
    r"1 \pm \sqrt{2}", r"2 \text{ or } 3", r"$\frac{1}{3}$", r"\left( \frac{7}{9}, -\frac{2}{9} \right)",
]  # fmt: skip
ROWS = [Row(f"set/{n}", f"Problem {n}?", gold) for n, gold in enumerate(GOLDS * 2)]
DRAWN = ("perturb", "random_same_type", "shuffle")


def corrupter(method: str, seed: int = 0, pool: list[Row] = ROWS, **more: object) -> Corrupter:
    how = Corruption(method, seed, **more)  # type: ignore[arg-type]
    return Corrupter(how, Ring(pool, seed, DEFAULT_CONFIG) if method == "shuffle" else None)


def labels(method: str, rows: list[Row], **more: object) -> dict[str, tuple[str | None, str | None]]:
    corrupt = corrupter(method, **more)  # type: ignore[arg-type]
    results = {row.id: corrupt(row) for row in rows}
    return {id: (result.row and result.row.label, result.reason) for id, result in results.items()}


@pytest.mark.parametrize("method", DRAWN)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_label_is_wrong_both_ways_and_says_how_it_was_proven(method: str, seed: int) -> None:
    corrupt = corrupter(method, seed)
    written = 0
    for row in ROWS:
        result = corrupt(row)
        if result.row is None:
            assert result.reason in REASONS
            continue
        written += 1
        label, source = result.row.label, result.row.label_source
        assert label is not None
        assert source is not None
        assert result.row.gold == row.gold
        for answer, gold in ((label, row.gold), (row.gold, label)):
            verdict = verify(response=f"\\boxed{{{answer}}}", gold=gold)
            assert verdict.status is Status.INCORRECT, (label, row.gold)
            assert verdict.reason.value in ("not_equal", "type_mismatch")
        assert not equivalent(label, row.gold)
        assert (source["method"], source["seed"], source["rung"] in ("exact", "numeric")) == (method, seed, True)
    assert written >= 0.9 * len(ROWS)


@pytest.mark.parametrize("method", DRAWN)
def test_labels_do_not_depend_on_order_or_on_the_other_rows(method: str) -> None:
    whole = labels(method, ROWS)
    for seed in range(3):
        some = random.Random(seed).sample(ROWS, 25)
        reader(DEFAULT_CONFIG).forget()
        assert labels(method, some) == {row.id: whole[row.id] for row in some}
    assert labels(method, ROWS[::-1], pool=ROWS[::-1]) == whole
    assert labels(method, ROWS, seed=1) != whole


@pytest.mark.parametrize("method", DRAWN)
def test_labels_are_the_same_in_another_process(method: str) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_corrupt as t; "
        f"print(sorted(t.labels({method!r}, t.ROWS[:30]).items()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == str(sorted(labels(method, ROWS[:30]).items()))


def test_labels_do_not_depend_on_what_workers_decided_before() -> None:
    # Both are left to the symbolic rung; having been decided there must not make a proof.
    label, gold = r"\sin^2(x)+\cos^2(x)+\int_0^1 t^x dt", r"1+\int_0^1 t^{x} dt+1"
    before = prove_wrong(label, gold, DEFAULT_CONFIG)
    verify(response=f"\\boxed{{{label}}}", gold=gold)
    assert prove_wrong(label, gold, DEFAULT_CONFIG) == before


def test_a_shuffle_deals_each_gold_once_and_keeps_the_type() -> None:
    pool = [Row(f"n{n}", f"p{n}", str(n)) for n in range(200)] + [Row(f"w{n}", f"w{n}", w) for n, w in enumerate("ABC")]
    corrupt = corrupter("shuffle", pool=pool)
    results = [corrupt(row) for row in pool]
    assert sorted(result.row.label for result in results if result.row) == sorted(row.gold for row in pool)  # type: ignore[type-var]
    assert all(result.row and result.row.label_source and result.row.label_source["same_type"] for result in results)


def test_a_shuffle_passes_over_its_own_prompt_and_falls_back_to_other_types() -> None:
    pool = [Row("a", "same $x$", "1"), Row("b", "same x", "2"), Row("c", "other", "Yes")]
    result = corrupter("shuffle", pool=pool)(pool[0])
    assert result.row is not None
    assert result.row.label == "Yes"
    assert result.row.label_source is not None
    assert (result.row.label_source["from"], result.row.label_source["same_type"]) == ("c", False)
    assert corrupter("shuffle", pool=pool[:2])(pool[0]).reason == "no_candidate"


def test_adding_to_the_pool_changes_few_labels() -> None:
    pool = [Row(f"n{n}", f"p{n}", str(n)) for n in range(300)]
    before = labels("shuffle", pool, pool=pool)
    after = labels("shuffle", pool, pool=[*pool, Row("new", "new", "1001")])
    assert sum(before[id] != after[id] for id in before) == 1


def test_the_pools_digest_is_that_of_its_rows() -> None:
    one, two = Ring(ROWS, 0, DEFAULT_CONFIG), Ring(ROWS[::-1], 5, DEFAULT_CONFIG)
    assert one.sha256 == two.sha256
    assert one.sha256 != Ring(ROWS[1:], 0, DEFAULT_CONFIG).sha256


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_a_rate_corrupts_that_share_by_id(rate: float) -> None:
    rows = [Row(f"r{n}", "p", str(n)) for n in range(2000)]
    corrupt, whole = corrupter("perturb", rate=rate), labels("perturb", rows)
    results = [corrupt(row) for row in rows]
    share = sum(result.corrupted for result in results) / len(rows)
    assert abs(share - rate) < 0.04
    for row, result in zip(rows, results, strict=True):
        assert result.row is not None
        assert result.row.label == (whole[row.id][0] if result.corrupted else row.gold)
        if not result.corrupted:
            assert result.row.label_source == {"method": "ground_truth", "within": "perturb", "seed": 0}


def test_systematic_variants() -> None:
    rows = [Row(f"r{n}", "p", gold) for n, gold in enumerate(["12", "1/2", "12.0", "12", "x"] * 20)]
    found = labels("perturb", rows, systematic=True)
    by_gold = {gold: {found[row.id][0] for row in rows if row.gold == gold} for gold in ("12", "1/2", "x")}
    assert all(len(made) == 1 for made in by_gold.values())
    assert len({label for label, _ in labels("perturb", rows).values()}) > 5
    signs = labels("perturb", rows, operations=("sign",))
    assert {signs[row.id][0] for row in rows if row.gold == "12"} == {"-12"}
    integers = corrupter("perturb", types=("integer",))
    assert all(integers(row).corrupted == (answer_type(row.gold, DEFAULT_CONFIG) == "integer") for row in rows)
    fractions = corrupter("perturb", pattern="/")
    assert all(fractions(row).corrupted == ("/" in row.gold) for row in rows)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_operation_makes_its_example(operation: object) -> None:
    text, kind, wanted = operation.example  # type: ignore[attr-defined]
    assert answer_type(text, DEFAULT_CONFIG) == kind
    made = {c for seed in range(60) for c in operation.candidates(Gold(text, kind), Draws(seed))}  # type: ignore[attr-defined]
    assert wanted in made
    assert prove_wrong(wanted, text, DEFAULT_CONFIG).wrong


def test_perturbing_uses_many_operations() -> None:
    corrupt = corrupter("perturb")
    names = Counter()  # type: ignore[var-annotated]
    for seed in range(5):
        corrupt = corrupter("perturb", seed)
        for row in ROWS:
            result = corrupt(row)
            if result.row and result.row.label_source:
                names[result.row.label_source["operation"]] += 1
    assert set(names) >= {"off_by_one", "digit_swap", "sign", "reciprocal", "conjugate", "neighbouring_choice",
                          "swapped_members", "dropped_member", "open_or_closed", "neighbouring_word"}  # fmt: skip


@pytest.mark.parametrize(
    ("label", "gold", "reason"),
    [("7", "8", None), ("7.0", "7", "label_right"), (r"15\%", "15", "label_lenient"), ("52", "52_8", "label_lenient"),
     ("))", "8", "label_unreadable"), ("0/0", "8", "label_unreadable"), ("8", "))", "gold_unreadable"),
     ("7}", "8", "label_unreadable"), (r"\binom{2037171}{2019}", "8", "undecided")],
)  # fmt: skip
def test_what_is_proven_and_what_is_not(label: str, gold: str, reason: str | None) -> None:
    proof = prove_wrong(label, gold, DEFAULT_CONFIG)
    assert proof.reason == reason
    assert proof.wrong == (reason is None)


@pytest.mark.parametrize(
    ("label", "gold", "short"),
    [(r"40\%", "40 feet", "40"), (r"40^\circ", "40 feet", "40"), ("3 dogs", "3 cats", "3"), ("k = 1", "m = 1", "1"),
     ("g(x) = x", "f(x) = x", "x"), (r"x = 3\%, y = 5", "x = 3 feet, y = 5", "3, 5"), ("(C) 0", "(A) 0", "0"),
     ("(C) 5", "(C) 6", "C"), ("(b,a) = (1,2)", "(a,b) = (1,2)", "(1,2)"), ("40_8", "40_9", "40"),
     ("3A7_{12}", "3A7_{11}", "3A7"), ("4:30 am", "4:30 pm", "4:30"), (r"\{2,1\}", "(1,2)", "1,2"),
     ("[1,2]", "(1,2)", "1,2"), (r"x+1, x \ne 0", r"x+1, x \ne 2", "x+1"), ("x = z", "x = y", "x"),
     (r"\begin{pmatrix} 1 \text{ cm} \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \text{ m} \\ 2 \end{pmatrix}",
      r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}")],
)  # fmt: skip
def test_a_label_that_shares_a_short_answer_with_its_gold_is_not_wrong(label: str, gold: str, short: str) -> None:
    assert all(verify(response=f"\\boxed{{{short}}}", gold=side).status is Status.CORRECT for side in (label, gold))
    assert prove_wrong(label, gold, DEFAULT_CONFIG).reason == "label_lenient"
    assert prove_wrong(gold, label, DEFAULT_CONFIG).reason == "label_lenient"


@pytest.mark.parametrize(
    ("label", "gold"),
    [("41 feet", "40 feet"), (r"41\%", r"40\%"), ("m = 2", "m = 1"), ("(C) 1", "(A) 0"),
     ("x = 2, y = 1", "x = 1, y = 2"), ("(2,1)", "(1,2)"),
     ("41_8", "40_8"), ("C", "B"), (r"[1,\infty)", r"(1,\infty)"), ("4:31 pm", "4:30 pm")],
)  # fmt: skip
def test_a_label_that_differs_in_its_value_is_still_wrong(label: str, gold: str) -> None:
    assert prove_wrong(label, gold, DEFAULT_CONFIG).rung == "exact"


def test_the_numeric_rung_is_named() -> None:
    assert prove_wrong(r"\sin(1)", r"\cos(1)", DEFAULT_CONFIG).rung == "numeric"
    assert prove_wrong("1", "2", DEFAULT_CONFIG).rung == "exact"


@pytest.mark.parametrize("gold", ["))", "", "0/0", "{" * 100])
@pytest.mark.parametrize("method", DRAWN)
def test_a_gold_that_cannot_be_read_is_left_out_with_its_reason(gold: str, method: str) -> None:
    result = corrupter(method)(Row("a", "p", gold))
    assert (result.row, result.reason, result.type) == (None, "gold_unreadable", "unreadable")


def test_wrong_majorities_are_kept_and_right_ones_are_not() -> None:
    corrupt = Corrupter(Corruption("incorrect_majority"))
    row = Row("a", "p", "7", "8", {"method": "majority_vote", "share": 0.5})
    kept = corrupt(row)
    assert kept.row is not None
    assert kept.row.label == "8"
    assert kept.row.label_source is not None
    assert kept.row.label_source["votes"] == {"method": "majority_vote", "share": 0.5}
    for label, reason in (("7", "label_right"), ("7.0", "label_right"), (None, "label_missing"), (" ", "label_missing"),
                          ("))", "label_unreadable"), (r"7\%", "label_lenient")):  # fmt: skip
        assert corrupt(replace(row, label=label)).reason == reason


@pytest.mark.parametrize(
    ("more", "named"),
    [({"method": "scramble"}, "perturb"), ({"method": "perturb", "rate": 1.5}, "rate"),
     ({"method": "perturb", "operations": ("typo",)}, "off_by_one"), ({"method": "perturb", "pattern": "("}, "pattern"),
     ({"method": "shuffle", "operations": ("sign",)}, "operations"),
     ({"method": "incorrect_majority", "rate": 0.5}, "rate")],
)  # fmt: skip
def test_settings_that_cannot_be_honoured(more: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Corruption(**more)  # type: ignore[arg-type]


def test_a_pool_is_for_shuffle_only() -> None:
    with pytest.raises(ConfigError, match="pool"):
        Corrupter(Corruption("shuffle"))
    with pytest.raises(ConfigError, match="pool"):
        Corrupter(Corruption("perturb"), Ring(ROWS, 0, DEFAULT_CONFIG))
    with pytest.raises(ConfigError, match="seed 1"):
        Corrupter(Corruption("shuffle", seed=0), Ring(ROWS, 1, DEFAULT_CONFIG))
    assert set(METHODS) == {*DRAWN, "incorrect_majority"}


def test_the_config_is_honoured() -> None:
    strict = VerifierConfig(extraction="any", policy=replace(DEFAULT_CONFIG.policy, drop_percent=False))
    how = Corruption("incorrect_majority", config=strict)
    assert Corrupter(how)(Row("a", "p", "15", r"15\%")).row is not None


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.sampled_from(DRAWN[:2]), st.integers(0, 3))
def test_any_gold_at_all_gives_a_proven_label_or_a_reason(gold: str, method: str, seed: int) -> None:
    result = corrupter(method, seed)(Row("a", "p", gold))
    if result.row is None:
        assert result.reason in REASONS
    else:
        assert prove_wrong(result.row.label or "", gold, DEFAULT_CONFIG).wrong


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="12,;: ()[]{}\\andorcup$-.^_/frac", max_size=30))
def test_cutting_and_finding_numerals_lose_nothing(text: str) -> None:
    parts = cut(text)
    assert joined(parts, parts.members) == text
    for numeral in numerals(text):
        assert text[numeral.start : numeral.end] == numeral.text
    assert braced(braced(text)) == braced(text)
