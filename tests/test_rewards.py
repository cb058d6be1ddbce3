"""Each reward: what it pays, when it cannot tell, alone and over groups; compounds in three-valued logic."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import pytest

from verifier import ConfigError, VerifierConfig, rewards
from verifier.rewards import (
    NO_CONTEXT,
    All,
    Any,
    Clip,
    Contains,
    Context,
    FieldError,
    Format,
    GroundTruth,
    LengthPenalty,
    MajorityOnline,
    Noise,
    NoRepetition,
    Not,
    Random,
    Reward,
    Sum,
    Unscored,
    quantise,
    reward_file_from,
    reward_from,
)
from verifier.rows import Row

ROW = Row("a/1", "1/2 + 1/2 = ?", "1", label="2", visit=3)
BAD_GOLD = replace(ROW, gold=r"\frac{1}{")
EVERY: tuple[Reward, ...] = (
    GroundTruth(),
    GroundTruth("label", "paper", VerifierConfig(extraction="any")),
    Format(),
    Random(0.3, 7),
    MajorityOnline(),
    Contains("python", fenced=True),
    NoRepetition(),
    LengthPenalty(3000, 1000, "cosine", "words"),
    Noise(GroundTruth(), 0.1, 0.2, 5, "answer_type", ("text",)),
    Noise(MajorityOnline(), 0.1, 0.2),
    All((GroundTruth(), Not(Contains()))),
    Any((Format(), Contains())),
    Sum((GroundTruth(), LengthPenalty(100)), (1.0, 0.5)),
    Clip(Sum((Format(), NoRepetition())), 0.0, 1.5),
)


@dataclass(frozen=True, slots=True)
class Fixed(Reward):
    """Gives what the response says: a number, or None."""

    kind: ClassVar[str] = "fixed"

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return None if response is None else float(response)


@dataclass(frozen=True, slots=True)
class Always(Reward):
    """Gives one value, whatever the response."""

    kind: ClassVar[str] = "always"
    value: float | None

    def __call__(self, response: str | None, row: Row, context: Context = NO_CONTEXT) -> float | None:
        return self.value


# --- the single ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reward", "response", "expected"),
    [
        (GroundTruth(), r"\boxed{1.0}", 1.0),
        (GroundTruth(), r"\boxed{2}", 0.0),
        (GroundTruth(), "the answer is 1", 0.0),
        (GroundTruth(), None, 0.0),
        (GroundTruth("label"), r"\boxed{2}", 1.0),
        (GroundTruth("label"), r"\boxed{1}", 0.0),
        (GroundTruth(config=VerifierConfig(extraction="final_answer")), "the answer is 1", 1.0),
        (Format(), r"\boxed{wrong}", 1.0),
        (Format(), r"\boxed{ }", 0.0),
        (Format(), None, 0.0),
        (Contains(), "PyThOn", 1.0),
        (Contains("sympy"), "python", 0.0),
        (Contains(fenced=True), "```python\n", 1.0),
        (Contains(), None, 0.0),
        (NoRepetition(), "0123456789" * 10, 0.0),
        (NoRepetition(), None, 1.0),
        (LengthPenalty(10), None, 0.0),
        (LengthPenalty(10), "x" * 5, -0.5),
        (LengthPenalty(10), "x" * 11, -1.0),
        (LengthPenalty(4, unit="words"), "a bc d", -0.75),
        (LengthPenalty(10, shape="cosine"), "x" * 5, -0.5),
        (LengthPenalty(30, 20, shape="cosine"), "x" * 20, 0.0),
        (LengthPenalty(30, 20, shape="cosine"), "x" * 30, -1.0),
    ],
)
def test_what_a_reward_pays(reward: Reward, response: str | None, expected: float) -> None:
    value = reward(response, ROW)
    assert value == pytest.approx(expected, abs=1e-12)
    assert type(value) is float
    assert math.copysign(1, value) == math.copysign(1, expected)  # no -0.0
    assert reward.bounds[0] <= value <= reward.bounds[1]


def test_faults_of_gold_and_label_are_unscored() -> None:
    assert GroundTruth()(r"\boxed{1}", BAD_GOLD) is None
    assert GroundTruth("label")(r"\boxed{1}", replace(ROW, label=None)) is None
    with pytest.raises(ConfigError, match="the reward 'ground_truth' needs the row's label; let `label` travel"):
        GroundTruth("label").checked(replace(ROW, label=None))
    assert GroundTruth().checked(replace(ROW, label=None)).label is None
    assert GroundTruth("label").checked(ROW) is ROW
    assert GroundTruth("label")(r"\boxed{1}", replace(ROW, label="")) is None
    assert GroundTruth("label")(r"\boxed{2}", BAD_GOLD) == 1.0


def test_cosine_falls_slowly_at_both_ends() -> None:
    reward = LengthPenalty(100, shape="cosine")
    values = [reward("x" * n, ROW) for n in range(0, 101, 10)]
    assert values == pytest.approx([(math.cos(math.pi * n / 10) - 1) / 2 for n in range(11)])


@pytest.mark.parametrize(
    ("response", "ours", "paper"),
    [
        (r"so \boxed{1}, or 2", 1.0, 1.0),
        ("The answer is 1.", 0.0, 1.0),
        ("We get 5, then 1", 0.0, 1.0),
        ("1, then -1", 0.0, 0.0),
        ("The answer is 1. Check: 2 + 2 = 4", 0.0, 1.0),  # the phrase comes before the last number
        (r"The answer is 1. \boxed{3}", 0.0, 0.0),  # the box before the phrase
        ("no number here", 0.0, 0.0),
        (None, 0.0, 0.0),
    ],
)
def test_extraction_of_the_paper_needs_no_box(response: str | None, ours: float, paper: float) -> None:
    assert GroundTruth()(response, ROW) == ours
    assert GroundTruth(extraction="paper")(response, ROW) == paper


def test_last_numbers_with_separators() -> None:
    reward = GroundTruth(extraction="paper")
    assert reward("it costs 12,500", replace(ROW, gold="12500")) == 1.0
    assert reward("it is -3.50", replace(ROW, gold="-7/2")) == 1.0
    assert reward("it is .5", replace(ROW, gold="1/2")) == 1.0


# --- over groups ----------------------------------------------------------------------------------------

GROUP = (r"\boxed{1}", r"\boxed{2}", None, r"\boxed{\frac{2}{2}}", "python 1", r"\fbox{1}", r"\boxed{1}, \boxed{2}")


@pytest.mark.parametrize("reward", [reward for reward in EVERY if "group" not in reward.needs], ids=lambda r: r.kind)
def test_over_a_group_is_one_by_one(reward: Reward) -> None:
    alone = [reward(response, ROW, Context(index)) for index, response in enumerate(GROUP)]
    assert reward.over_group(GROUP, ROW) == alone
    assert reward.over_group([], ROW) == []


def test_equal_answers_of_a_group_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = rewards.truth.verify
    monkeypatch.setattr(rewards.truth, "verify", lambda **kwargs: calls.append(kwargs) or real(**kwargs))
    assert GroundTruth().over_group([f"{n} tries: " + r"\boxed{1}" for n in range(8)], ROW) == [1.0] * 8
    assert len(calls) == 1
    # which member of a run counts depends on the gold, so runs are not taken for their last box
    several = [r"\boxed{1}", r"\boxed{2}, \boxed{1}", r"\boxed{2} or \boxed{1}"]
    assert GroundTruth().over_group(several, ROW) == [1.0, 1.0, 0.0]
    assert GroundTruth().over_group(several, replace(ROW, gold="1, 2")) == [0.0, 1.0, 1.0]
    assert len(calls) == 7


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["1", "1", "2"], [1, 1, 0]),
        (["0.5", "1", r"\frac12", "1/2"], [1, 0, 1, 1]),
        (["2", "1", "1", "2"], [1, 0, 0, 1]),  # a tie: the earliest sample decides
        (["3", "2", "1"], [1, 0, 0]),
        ([None, None, "7"], [0, 0, 1]),  # no answer is no vote
        ([None, None], [0, 0]),
        ([r"\frac{1}{", r"\frac{1}{"], [0, 0]),  # nor is one that cannot be read
        (["7"], [1]),
        ([], []),
        ([r"1}, \boxed{2", "1,2", "2"], [1, 1, 0]),  # a run of boxes votes as the list it is
        ([r"1} or \boxed{2", "1,2", "2"], [1, 1, 0]),
    ],
)
def test_majority_of_the_group(answers: Sequence[str | None], expected: list[int]) -> None:
    responses = [None if answer is None else f"so \\boxed{{{answer}}}" for answer in answers]
    assert MajorityOnline().over_group(responses, ROW) == [float(value) for value in expected]


def test_the_majority_by_the_paper_s_extraction() -> None:
    responses = ["The answer is 7", "so 3, then 7.0", r"\boxed{3}", "none"]
    assert MajorityOnline("paper").over_group(responses, ROW) == [1.0, 1.0, 0.0, 0.0]
    assert MajorityOnline().over_group(responses, ROW) == [0.0, 0.0, 1.0, 0.0]


def test_the_majority_ignores_gold_and_label() -> None:
    responses = [r"\boxed{8}", r"\boxed{8}", r"\boxed{1}"]
    rows = [ROW, BAD_GOLD, replace(ROW, gold="8", label=None)]
    assert [MajorityOnline().over_group(responses, row) for row in rows] == [[1.0, 1.0, 0.0]] * 3


def test_compounds_give_their_parts_the_whole_group() -> None:
    reward = All((MajorityOnline(), Not(Contains("python"))))
    responses = [r"\boxed{8}", r"python \boxed{8}", r"\boxed{1}"]
    assert reward.over_group(responses, ROW) == [1.0, 0.0, 0.0]
    assert Noise(MajorityOnline(), 1.0, 1.0).over_group(responses, ROW) == [0.0, 0.0, 1.0]


def test_needs_are_those_of_the_parts() -> None:
    assert GroundTruth().needs == Noise(GroundTruth(), by="problem").needs == frozenset()
    assert Random(0.5).needs == Noise(Format(), 0.1).needs == {"visit", "index"}
    assert Sum((Format(), Not(Clip(MajorityOnline())))).needs == {"group"}
    assert All((Random(0.5), MajorityOnline())).needs == {"visit", "index", "group"}
    assert Not(GroundTruth("label")).needs_label
    assert Noise(GroundTruth("label"), 0.1).needs_label
    assert not All((GroundTruth(), Format())).needs_label
    assert [Noise(Format(), by=by).needs_id for by in ("iid", "problem", "answer_type", "surface")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reward", "row", "context", "missing"),
    [
        (Random(0.5), replace(ROW, visit=None), Context(0), "visit"),
        (Random(0.5), ROW, NO_CONTEXT, "index"),
        (Noise(Format(), 0.1), ROW, NO_CONTEXT, "index"),
        (Not(Random(0.5)), ROW, NO_CONTEXT, "index"),
        (MajorityOnline(), ROW, Context(0), "group"),
        (All((Format(), MajorityOnline())), ROW, Context(0), "group"),
    ],
)
def test_a_reward_without_what_it_needs_is_refused(reward: Reward, row: Row, context: Context, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        reward("", row, context)


# --- compounds ------------------------------------------------------------------------------------------

TRUTH = (0.0, 1.0, None)


def worlds(values: Sequence[float | None]) -> list[list[float]]:
    """What the values may be where None may be 0 or 1."""
    return [list(world) for world in product(*([0.0, 1.0] if value is None else [value] for value in values))]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("cls", "decide"), [(All, min), (Any, max)])
def test_and_or_are_three_valued(size: int, cls: type[All], decide: object) -> None:
    """A value is given exactly where every world agrees on it."""
    for values in product(TRUTH, repeat=size):
        outcomes = {decide(world) for world in worlds(values)}  # type: ignore[operator]
        expected = outcomes.pop() if len(outcomes) == 1 else None
        assert cls(tuple(Always(value) for value in values))("", ROW) == expected, values


def test_de_morgan() -> None:
    for a, b in product(TRUTH, repeat=2):
        left, right = Always(a), Always(b)
        assert Not(All((left, right)))("", ROW) == Any((Not(left), Not(right)))("", ROW)


def test_graded_values_take_the_least_and_the_greatest() -> None:
    assert All((Always(0.5), Always(0.75)))("", ROW) == 0.5
    assert Any((Always(0.5), Always(0.75)))("", ROW) == 0.75
    assert All((Always(0.5), Always(None)))("", ROW) is None
    assert Not(Always(0.25))("", ROW) == 0.75


def test_none_stays_none() -> None:
    unknown = Always(None)
    for reward in (Not(unknown), Sum((Always(1.0), unknown)), Sum((unknown,), (0.0,)), Clip(unknown, 0.5)):
        assert reward("", ROW) is None
        assert reward.over_group(["", ""], ROW) == [None, None]
    assert Noise(unknown, 1.0, 1.0)("", ROW, Context(0)) is None


def test_sums_and_clips() -> None:
    reward = Sum((Fixed(), Always(1.0)), (2.0, -0.5))
    assert [reward(text, ROW) for text in ("0", "1")] == [-0.5, 1.5]
    assert reward.bounds == (-0.5, 2.0)
    assert [Clip(reward)(text, ROW) for text in ("0", "1")] == [0.0, 1.0]
    assert Clip(reward, 0.25, 0.5).bounds == (0.25, 0.5)
    assert Sum((Format(), Format())).weights == (1.0, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Random(1.3), "gamma: 1.3 must lie in 0 to 1"),
        (lambda: Random(math.nan), "gamma: nan must lie in 0 to 1"),
        (lambda: Random(True), "gamma: True must be a number"),
        (lambda: Random(0.5, 1.5), "seed: 1.5 must be a whole number"),  # type: ignore[arg-type]
        (lambda: GroundTruth("truth"), "against: 'truth' is unknown; choose one of gold, label"),
        (lambda: Contains(""), "word: '' must be a text that is not empty"),
        (lambda: LengthPenalty(0), "limit: 0 must be a whole number of 1 or more"),
        (lambda: LengthPenalty(5, 5), "free: 5 must be less than limit, 5"),
        (lambda: All(()), "of: must be a list of one or more rewards"),
        (lambda: All(Format()), "of: must be a list of one or more rewards"),  # type: ignore[arg-type]
        (lambda: All((Format(), 1)), r"of[1]: 1 is no reward"),  # type: ignore[arg-type]
        (lambda: All((Format(), LengthPenalty(5))), "of[1]: a length_penalty gives -1 to 0, which is no yes or no"),
        (lambda: Not(Sum((Format(), Format()))), "of: a sum gives 0 to 2, which is no yes or no"),
        (lambda: Noise(LengthPenalty(5)), "of: a length_penalty gives -1 to 0"),
        (lambda: Noise(Format(), 0.1, -0.1), "false_negative: -0.1 must lie in 0 to 1"),
        (lambda: Noise(Format(), by="day"), "by: 'day' is unknown; choose one of iid, problem, answer_type, surface"),
        (lambda: Noise(Format(), only=("text",)), "only: has no meaning by iid"),
        (lambda: Sum((Format(),), (1.0, 2.0)), "weights: 2 weights for 1 rewards"),
        (lambda: Sum((Format(),), (math.inf,)), "weights[0]: inf must be finite"),
        (lambda: Sum((Format(),), (1e306,)), "weights: leads to rewards of 1e+306, which cannot be rounded to 1/1024"),
        (lambda: Sum((Format(),) * 2, (1e308, 1e308)), "weights: leads to rewards of inf"),
        (lambda: Sum((Sum((Format(),), (1e304,)),), (-100,)), "weights: leads to rewards of -1e+306"),
        (lambda: Clip(Format(), 1e306, 1e307), "low: leads to rewards of 1e+306"),
        (lambda: Clip(Format(), -1e307, -1e306), "high: leads to rewards of -1e+306"),
        (lambda: Unscored("reward", -1e306), "value: leads to rewards of -1e+306"),
        (lambda: Random(10**400), "gamma: a whole number as long as that is too large"),
        (lambda: Clip(Format(), 2.0), "low: 2 must not be above high, 1"),
    ],
)
def test_settings_that_cannot_be_honoured(make: object, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        make()  # type: ignore[operator]
    assert str(caught.value).startswith(message)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_largest_rewards_can_be_rounded() -> None:
    reward = Sum((Format(), LengthPenalty(1)), (1e305, 1e305))
    assert [quantise(end) for end in reward.bounds] == [-1e305, 1e305]
    assert Clip(Format(), -1e308, 1e308).bounds == (0.0, 1.0)  # no bounds of its own are fine


@pytest.mark.parametrize("reward", EVERY, ids=lambda r: r.kind)
def test_rewards_travel(reward: Reward) -> None:
    """Pickled, described and read back, each is the same reward, and gives the same."""
    copy = pickle.loads(pickle.dumps(reward))
    assert copy == reward_from(reward.describe()) == reward
    assert hash(copy) == hash(reward)
    assert copy.over_group(GROUP, ROW) == reward.over_group(GROUP, ROW)


def test_every_kind_is_exercised_here() -> None:
    assert {reward.kind for reward in EVERY} | {"not"} == set(rewards.KINDS)


AGAINST_LABEL = {"kind": "all", "of": [{"kind": "ground_truth", "against": "label"}, {"kind": "not", "of": "contains"}]}


def test_a_row_without_the_label_that_is_paid_for_is_no_quiet_zero(caplog: pytest.LogCaptureFixture) -> None:
    """Also where a compound would know its value: `all` of unknown and no is no."""
    from verifier.adapters import openrlhf, ray, trl, verl

    file = reward_file_from({"reward": AGAINST_LABEL})
    label = replace(ROW, label=None).to_label()
    paid = openrlhf.reward_func(file)(["? python"], ["?"], [label])
    assert (paid["rewards"], paid["extra_logs"]["bad_label"]) == (0.0, 1.0)
    assert verl.from_settings(file)("", "python", label)["bad_label"] == 1.0
    assert "needs the row's label" in caplog.text
    with pytest.raises(ConfigError, match="needs the row's label"):
        trl.TrlReward(file)(["?"], ["python"], row=[label])
    scorer = ray.Scorer(file, GroundTruth())
    with pytest.raises(ConfigError, match="needs the row's label"):
        scorer({"response": ["python"], "row": [label]})
