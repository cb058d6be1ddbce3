"""Keyed randomness: exact shares, independence of everything but the key, and that no policy can learn it."""

from __future__ import annotations

import hashlib
import math
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.answer_types import answer_type, answer_types
from verifier.corrupt import Corruption
from verifier.rewards import Context, FieldError, Format, GroundTruth, MajorityOnline, Noise, Random
from verifier.rewards._draw import happens
from verifier.rewards.chance import surface
from verifier.rows import Row

ROW = Row("a/1", "?", "1", visit=0)
BOX, PLAIN = r"\boxed{1}", "nothing"


def coin(reward: Random, row_id: str, visit: int, index: int, response: str = "") -> float | None:
    return reward(response, replace(ROW, id=row_id, visit=visit), Context(index))


def test_a_draw_hangs_on_its_whole_key_and_on_nothing_else() -> None:
    keys = list(product(("a", "b", "a/1", "\ud800"), range(4), range(8)))
    reward = Random(0.5, 7)
    values = {key: coin(reward, *key) for key in keys}
    shuffled = random.Random(1).sample(keys, len(keys))
    assert {key: coin(reward, *key, response=f"text {n}") for n, key in enumerate(shuffled)} == values
    assert reward.over_group(["x"] * 8, replace(ROW, id="a", visit=2)) == [values["a", 2, index] for index in range(8)]
    assert {key: coin(Random(0.5, 8), *key) for key in keys} != values
    # parts of a key cannot run into one another
    assert {happens(0.5, "a", 1, 23, n) for n in range(64)} == {True, False}
    assert [happens(0.5, "1", "23", n) for n in range(64)] != [happens(0.5, "12", "3", n) for n in range(64)]


def test_another_process_draws_the_same() -> None:
    code = (
        "from verifier.rewards import Context, Random; from verifier.rows import Row\n"
        "print([Random(0.5, 7)('', Row('a', '?', '1', visit=2), Context(i)) for i in range(32)])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str([coin(Random(0.5, 7), "a", 2, index) for index in range(32)])


@pytest.mark.parametrize("gamma", [0.001, 0.3, 0.5, 0.7])
def test_the_share_is_gamma(gamma: float) -> None:
    """20,000 draws; five standard deviations, under a fixed seed."""
    n = 20_000
    hits = sum(coin(Random(gamma, 3), f"p{i}", i % 3, i % 16) or 0.0 for i in range(n))
    assert abs(hits - n * gamma) < 5 * math.sqrt(n * gamma * (1 - gamma))


def test_certain_and_impossible() -> None:
    assert {coin(Random(1.0), str(i), 0, 0) for i in range(1000)} == {1.0}
    assert {coin(Random(0), str(i), 0, 0) for i in range(1000)} == {0.0}


def test_neighbouring_keys_are_independent() -> None:
    """Chi-square of the pairs (one draw, the next index's draw) against four equal cells."""
    reward, n = Random(0.5, 11), 4000
    for step in ((1, 0), (0, 1)):
        cells = dict.fromkeys(product((0.0, 1.0), repeat=2), 0)
        for i in range(n):
            cells[coin(reward, str(i), 0, 0), coin(reward, str(i), *step)] += 1  # type: ignore[index]
        assert sum((count - n / 4) ** 2 / (n / 4) for count in cells.values()) < 16.3  # 0.1 % of chi-square(3)


# --- a policy ---------------------------------------------------------------------------------------------

RESPONSES, GROUP, STEPS = 8, 16, 400


def train(pay: Callable[[str, int, int], float], seed: int) -> list[float]:
    """Mean reward of each step of a softmax policy over a few responses: REINFORCE with group-normalised advantages."""
    rng = random.Random(seed)
    logits = [0.0] * RESPONSES
    means = []
    for step in range(STEPS):
        weights = [math.exp(logit) for logit in logits]
        chances = [weight / sum(weights) for weight in weights]
        chosen = rng.choices(range(RESPONSES), chances, k=GROUP)
        paid = [pay(f"response {choice}", step, index) for index, choice in enumerate(chosen)]
        mean = sum(paid) / GROUP
        spread = math.sqrt(sum((value - mean) ** 2 for value in paid) / GROUP)
        for choice, value in zip(chosen, paid, strict=True):
            advantage = (value - mean) / (spread + 1e-9)
            for other in range(RESPONSES):
                logits[other] += 0.2 / GROUP * advantage * ((other == choice) - chances[other])
        means.append(mean)
    return means


def by_hash(response: str, step: int, index: int) -> float:
    """What a random reward must not be."""
    return float(hashlib.blake2b(response.encode(), digest_size=1).digest()[0] % 2)


def by_key(response: str, step: int, index: int) -> float:
    value = Random(0.5, 5)(response, replace(ROW, visit=step), Context(index))
    assert value is not None
    return value


@pytest.mark.parametrize("seed", range(3))
def test_a_hash_of_the_response_is_learnt_and_ours_is_not(seed: int) -> None:
    hashed, keyed = train(by_hash, seed), train(by_key, seed)
    assert 0.2 < sum(hashed[:5]) / 5 < 0.8
    assert sum(hashed[-100:]) / 100 > 0.95
    assert abs(sum(keyed[-100:]) / 100 - 0.5) < 5 * 0.5 / math.sqrt(100 * GROUP)


# --- noise ------------------------------------------------------------------------------------------------


def test_iid_noise_has_two_rates() -> None:
    reward, n = Noise(Format(), false_positive=0.1, false_negative=0.3, seed=2), 10_000
    for response, clean, rate in ((PLAIN, 0.0, 0.1), (BOX, 1.0, 0.3)):
        values = [reward(response, replace(ROW, id=f"p{i}"), Context(i % 8)) for i in range(n)]
        flips = sum(value != clean for value in values)
        assert set(values) == {0.0, 1.0}
        assert abs(flips - n * rate) < 5 * math.sqrt(n * rate * (1 - rate))


def test_iid_noise_draws_for_each_member_of_a_group_as_for_it_alone() -> None:
    reward, flips = Noise(Format(), 0.5, 0.5, seed=4), []
    for row in (replace(ROW, id=f"p{i}", visit=i % 3) for i in range(8)):
        responses = [BOX, PLAIN] * 4
        alone = [reward(response, row, Context(index)) for index, response in enumerate(responses)]
        assert reward.over_group(responses, row) == alone
        flips.append({value != clean for value, clean in zip(alone, [1.0, 0.0] * 4, strict=True)})
    assert {True, False} in flips  # members differ, so one draw for all of them would be seen


def test_the_seed_and_what_a_fault_holds_for_are_part_of_the_key() -> None:
    rows = [replace(ROW, id=f"p{i}", gold=str(i) if i % 2 else f"{i},x") for i in range(64)]

    def faults(by: str, seed: int) -> list[float | None]:
        return [Noise(Format(), 0.0, 0.5, seed=seed, by=by)(BOX, row, Context(0)) for row in rows]

    for by in ("iid", "problem"):
        assert faults(by, 1) != faults(by, 2)
    for by in ("answer_type", "surface"):
        assert len({tuple(faults(by, seed)) for seed in range(16)}) > 1
    # one name as a problem's id and as its gold's type, or pattern: two keys
    for by, gold in (("answer_type", "text"), ("surface", "9a")):
        row = replace(ROW, id=gold, gold=gold)
        assert (answer_type if by == "answer_type" else surface)(gold) == gold
        draws = [[Noise(Format(), 0.0, 0.5, seed, way)(BOX, row) for seed in range(64)] for way in (by, "problem")]
        assert draws[0] != draws[1]


def test_noise_by_problem_holds_for_every_sample_of_it() -> None:
    reward = Noise(Format(), 0.5, 0.5, seed=1, by="problem")
    assert reward.needs == frozenset()
    faulty = set()
    for i in range(64):
        rows = [replace(ROW, id=f"p{i}", visit=visit) for visit in (None, 0, 1)]
        values = {tuple(reward.over_group([BOX, PLAIN, BOX], row)) for row in rows}
        assert len(values) == 1
        faulty |= values
    assert faulty == {(1.0, 0.0, 1.0), (0.0, 1.0, 0.0)}  # one draw decides for right and wrong ones


@pytest.mark.parametrize(("by", "name"), [("answer_type", answer_type), ("surface", surface)])
def test_systematic_noise_holds_for_every_problem_of_a_kind(by: str, name: Callable[[str], str]) -> None:
    golds = ["1", "22", "-3", r"\frac{1}{2}", r"\frac{33}{4}", "(1,2)", "(5,6)", "x", "B", "cat", "5 cm", r"\pi"]
    hit: dict[str, set[float | None]] = {}
    for gold, seed in product(golds, range(20)):
        reward = Noise(Format(), 0.0, 0.5, seed=seed, by=by)
        value = reward(BOX, replace(ROW, id=f"{gold}/{seed}", gold=gold))
        hit.setdefault(f"{seed} {name(gold)}", set()).add(value)
    assert all(len(values) == 1 for values in hit.values())
    assert {value for values in hit.values() for value in values} == {0.0, 1.0}


def test_noise_only_on_some_kinds() -> None:
    reward = Noise(GroundTruth(), false_negative=1.0, by="answer_type", only=("list", "tuple"))
    assert reward(r"\boxed{1,2}", replace(ROW, gold="1,2")) == 0.0
    assert reward(r"\boxed{1}", ROW) == 1.0
    integers = Noise(GroundTruth(), false_negative=1.0, by="answer_type", only=("integer",))
    assert [integers(f"\\boxed{{{gold}}}", replace(ROW, gold=gold)) for gold in ("7", "1/2", "x")] == [0.0, 1.0, 1.0]
    unreadable = Noise(Format(), false_negative=1.0, by="answer_type", only=("unreadable",))
    assert unreadable(BOX, replace(ROW, gold="))")) == 0.0
    fractions = Noise(GroundTruth(), false_negative=1.0, by="surface", only=(r"\frac{9}{9}",))
    assert fractions(r"\boxed{\frac{10}{3}}", replace(ROW, gold=r"\frac{10}{3}")) == 0.0
    assert fractions(r"\boxed{10/3}", replace(ROW, gold="10/3")) == 1.0


@pytest.mark.parametrize(
    ("by", "only", "message"),
    [("answer_type", ("integer", "collection"), "only[1]: 'collection' is unknown; choose one of integer, deci"),
     ("answer_type", ("Integer",), "only[0]: 'Integer' is unknown; choose one of integer, "),
     ("surface", ("9", r"\frac{17}{4}"), r"only[1]: no gold has the pattern '\\frac{17}{4}'; that of such a gold is "),
     ("surface", ("12 cm",), "only[0]: no gold has the pattern '12 cm'; that of such a gold is '9a'")],
)  # fmt: skip
def test_noise_only_on_kinds_that_there_are(by: str, only: tuple[str, ...], message: str) -> None:
    with pytest.raises(FieldError) as caught:
        Noise(GroundTruth(), false_negative=1.0, by=by, only=only)
    assert str(caught.value).startswith(message)


@given(st.text(alphabet="0192ab\\fracxé {}.,-"))
def test_the_pattern_of_every_gold_may_be_named(gold: str) -> None:
    Noise(Format(), by="surface", only=(surface(gold),))


def test_noise_and_corruption_name_types_alike() -> None:
    for name in (*answer_types(), "unreadable"):
        Noise(Format(), by="answer_type", only=(name,))
    for name in answer_types():
        Corruption("perturb", types=(name,))
    golds = [
        "1",
        "0.5",
        "1/2",
        r"\pi",
        "1+i",
        "x",
        "1,2",
        "(1,2)",
        r"\{1,2\}",
        "[1,2)",
        "B",
        "cat",
        "5 cm",
        "x=1",
        "x<1",
    ]
    assert {answer_type(gold) for gold in golds} <= set(answer_types())


def test_noise_at_its_ends() -> None:
    group = [BOX, PLAIN]
    assert Noise(Format()).over_group(group, ROW) == [1.0, 0.0]
    assert Noise(Format(), 1.0, 1.0).over_group(group, ROW) == [0.0, 1.0]
    assert Noise(Noise(Format(), 1.0, 1.0), 1.0, 1.0).over_group(group, ROW) == [1.0, 0.0]
    assert Noise(MajorityOnline(), 1.0).over_group([BOX, BOX, PLAIN], ROW) == [1.0, 1.0, 1.0]


def test_noise_and_coin_under_one_seed_do_not_share_draws() -> None:
    """Else a fault would depend on the very value that it is to change."""
    n = 2000
    noisy = Noise(Random(0.5, 4), 0.5, 0.5, seed=4)
    rows = [replace(ROW, id=f"p{i}") for i in range(n)]
    flips = sum(noisy("", row, Context(0)) != Random(0.5, 4)("", row, Context(0)) for row in rows)
    ones = sum(noisy("", row, Context(0)) or 0.0 for row in rows)
    for count in (flips, ones):
        assert abs(count - n / 2) < 5 * math.sqrt(n / 4)
