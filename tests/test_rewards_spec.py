"""The declarative form: round trips, and errors that name the key, the file and the line; what unscored becomes."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any as Anything

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import ConfigError, Policy, VerifierConfig
from verifier.answer_types import UNREADABLE, answer_types
from verifier.rewards import (
    KINDS,
    All,
    Any,
    Clip,
    Contains,
    Format,
    GroundTruth,
    LengthPenalty,
    MajorityOnline,
    Noise,
    NoRepetition,
    Not,
    Random,
    Reward,
    RewardFile,
    Sum,
    Unscored,
    UnscoredCount,
    load_reward_file,
    quantise,
    reward_file_from,
    reward_from,
    unscored_from,
)
from verifier.rewards.chance import surface

# --- round trips ------------------------------------------------------------------------------------------

share = st.floats(0, 1)
weight = st.floats(-1e6, 1e6)
seed = st.integers(-(2**40), 2**40)
config = st.builds(
    VerifierConfig,
    extraction=st.sampled_from(["boxed", "any"]),
    policy=st.builds(Policy, drop_units=st.booleans()),
    timeout_s=st.floats(0.1, 10),
)
leaf = st.one_of(
    st.builds(GroundTruth, st.sampled_from(["gold", "label"]), st.sampled_from(["ours", "paper"]), config),
    st.builds(MajorityOnline, st.sampled_from(["ours", "paper"]), config),
    st.just(Format()),
    st.just(NoRepetition()),
    st.builds(Random, share, seed),
    st.builds(Contains, st.text(min_size=1), st.booleans()),
)
penalty = st.builds(
    LengthPenalty,
    st.integers(100, 10**9),
    st.integers(0, 99),
    st.sampled_from(["linear", "cosine"]),
    st.sampled_from(["characters", "words"]),
)


def _grown(part: st.SearchStrategy[Reward]) -> st.SearchStrategy[Reward]:
    several = st.lists(part, min_size=1, max_size=3).map(tuple)
    types = st.lists(st.sampled_from([*answer_types(), UNREADABLE]), max_size=2).map(tuple)
    patterns = st.lists(st.text().map(surface), max_size=2).map(tuple)
    return st.one_of(
        st.builds(All, several),
        st.builds(Any, several),
        st.builds(Not, part),
        st.builds(Clip, st.one_of(part, penalty), st.floats(0, 0.5), st.floats(0.5, 1)),
        st.builds(Noise, part, share, share, seed, st.sampled_from(["iid", "problem"])),
        st.builds(Noise, part, share, share, seed, st.just("answer_type"), types),
        st.builds(Noise, part, share, share, seed, st.just("surface"), patterns),
    )


truths = st.recursive(leaf, _grown, max_leaves=6)
sums = st.lists(st.tuples(st.one_of(truths, penalty), weight), min_size=1, max_size=3).map(
    lambda pairs: Sum(tuple(part for part, _ in pairs), tuple(w for _, w in pairs))
)
anything = st.one_of(truths, penalty, sums)


@settings(max_examples=300)
@given(anything)
def test_a_reward_is_what_it_describes(reward: Reward) -> None:
    spec = json.loads(json.dumps(reward.describe()))
    assert reward_from(spec) == reward
    assert reward_from(spec).describe() == reward.describe()
    assert pickle.loads(pickle.dumps(reward)) == reward


@settings(max_examples=50)
@given(anything, st.sampled_from([Unscored(), Unscored("reward", -0.5), Unscored("group_mean"), Unscored("skip")]))
def test_a_file_is_what_it_describes(reward: Reward, unscored: Unscored) -> None:
    file = RewardFile(reward, unscored)
    again = reward_file_from(json.loads(json.dumps(file.describe())))
    assert again == file
    assert again.fingerprint() == file.fingerprint()


def test_defaults_may_be_left_out() -> None:
    assert reward_from("ground_truth") == reward_from({"kind": "ground_truth"}) == GroundTruth()
    spec = {"kind": "all", "of": ["ground_truth", {"kind": "not", "of": {"kind": "contains", "word": "python"}}]}
    assert reward_from(spec) == All((GroundTruth(), Not(Contains("python"))))
    config = {"extraction": "any", "policy": {"drop_units": False}, "timeout_s": 2, "limits": {"digits": 50}}
    reward = reward_from({"kind": "ground_truth", "config": config})
    assert isinstance(reward, GroundTruth)
    assert (reward.config.timeout_s, reward.config.limits.digits, reward.config.policy.drop_units) == (2.0, 50, False)


# --- what is wrong with a form ----------------------------------------------------------------------------

RANDOM_13 = {"kind": "random", "gamma": 1.3}
ALL_KINDS = ", ".join(KINDS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "sum", "of": ["format", RANDOM_13]}, "reward.of[1].gamma: 1.3 must lie in 0 to 1"),
        ({"kind": "not", "of": {"kind": "any", "of": [RANDOM_13]}}, "reward.of.of[0].gamma: 1.3 must lie in 0 to 1"),
        ({"kind": "random"}, "reward.gamma: is missing; random needs it"),
        ({"kind": "random", "gama": 1}, "reward.gama: unknown key; random knows gamma, seed"),
        ({"kind": "format", "of": []}, "reward.of: unknown key; format has no settings"),
        ({"kind": "random", "gamma": "0.5"}, "reward.gamma: '0.5' must be a number"),
        ({"kind": "random0.5"}, f"reward.kind: 'random0.5' is unknown; it is one of {ALL_KINDS}"),
        ({"kind": ["format"]}, f"reward.kind: ['format'] is unknown; it is one of {ALL_KINDS}"),
        ({"gamma": 1}, f"reward: has no kind; it is one of {ALL_KINDS}"),
        ({}, f"reward: has no kind; it is one of {ALL_KINDS}"),
        (3, f"reward: 3 must be a kind of reward or a mapping with one ({ALL_KINDS})"),
        (None, f"reward: None must be a kind of reward or a mapping with one ({ALL_KINDS})"),
        ("format_AND_random", f"reward.kind: 'format_AND_random' is unknown; it is one of {ALL_KINDS}"),
        ("random", "reward.gamma: is missing; random needs it"),
        ({"kind": "all", "of": "format"}, "reward.of: must be a list of one or more rewards"),
        ({"kind": "all", "of": []}, "reward.of: must be a list of one or more rewards"),
        ({"kind": "not", "of": ["format"]}, "reward.of: ['format'] must be a kind of reward"),
        ({"kind": "all", "of": ["format", {"kind": "length_penalty", "limit": 9}]},
         "reward.of[1]: a length_penalty gives -1 to 0, which is no yes or no; clip it to 0 to 1"),
        ({"kind": "sum", "of": ["format"], "weights": [1, "2"]}, "reward.weights: 2 weights for 1 rewards"),
        *(({"kind": "sum", "of": ["format"], "weights": value}, f"reward.weights: {value!r} must be a list of numbers")
          for value in (0, False, "", None, {})),
        ({"kind": "sum", "of": ["format"], "weights": []}, "reward.weights: 0 weights for 1 rewards; each needs one"),
        ({"kind": "sum", "of": ["format"], "weights": [1e306]}, "reward.weights: leads to rewards of 1e+306"),
        ({"kind": "sum", "of": ["format"], "weights": ["2"]}, "reward.weights[0]: '2' must be a number"),
        ({"kind": "noise", "of": "format", "only": "text"}, "reward.only: 'text' must be a list of texts"),
        ({"kind": "ground_truth", "against": None}, "reward.against: None is unknown; choose one of gold, label"),
        ({"kind": "ground_truth", "against": ["gold"]}, "reward.against: ['gold'] is unknown"),
        ({"kind": "ground_truth", "config": {"extract": "any"}}, "reward.config.extract: unknown key; known are extr"),
        ({"kind": "ground_truth", "config": {"policy": {"x": True}}}, "reward.config.policy.x: unknown key; known"),
        ({"kind": "ground_truth", "config": {"limits": {"digits": True}}},
         "reward.config.limits.digits: True must be a whole number"),
        ({"kind": "ground_truth", "config": {"extraction": "all"}}, "reward.config: extraction='all' is unknown"),
        ({"kind": "majority_online", "config": 3}, "reward.config: 3 must be a mapping of settings (extraction"),
    ],
)  # fmt: skip
def test_an_error_names_the_key(spec: Anything, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reward_from(spec)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_key_begins_where_the_caller_says() -> None:
    with pytest.raises(ConfigError, match=r"^cells\.random\.gamma: 1\.3 must lie in 0 to 1$"):
        reward_from(RANDOM_13, "cells.random")


def test_endless_nesting_is_refused() -> None:
    spec: Anything = "format"
    for _ in range(5000):
        spec = {"kind": "not", "of": spec}
    with pytest.raises(ConfigError, match="is nested more than 50 deep"):
        reward_from(spec)


@settings(max_examples=300)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(list(KINDS))),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["kind", "of", "gamma", "weights", "config", "limit", "by"]), inner),
        ),
        max_leaves=8,
    )
)
def test_whatever_a_file_holds_is_a_reward_or_one_clear_error(values: Anything) -> None:
    for spec in (values, {"reward": values}, {"reward": "format", "unscored": values}):
        try:
            file = reward_file_from(spec)
        except ConfigError:
            continue
        assert reward_file_from(file.describe()) == file


# --- files ------------------------------------------------------------------------------------------------

GOOD = """\
# a comment
reward:
  kind: noise
  of: {kind: ground_truth, against: label}
  false_positive: 1e-3
  false_negative: 0.25
  by: answer_type
  only: ["text", 'real set']
unscored: group_mean
"""


def write(folder: Path, text: str, name: str = "reward.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    loaded = load_reward_file(write(tmp_path, GOOD))
    assert loaded == RewardFile(
        Noise(GroundTruth("label"), 0.001, 0.25, by="answer_type", only=("text", "real set")), Unscored("group_mean")
    )
    assert load_reward_file(str(write(tmp_path, json.dumps(loaded.describe()), "reward.json"))) == loaded
    yaml = pytest.importorskip("yaml")
    assert load_reward_file(write(tmp_path, yaml.safe_dump(loaded.describe()))) == loaded
    assert load_reward_file(write(tmp_path, "\ufeffreward: format")) == RewardFile(Format(), Unscored())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reward:\n  kind: sum\n  of:\n  - format\n  - kind: random\n    gamma: 1.3\n",
         ", line 6: reward.of[1].gamma: 1.3 must lie in 0 to 1"),
        ("reward:\n  kind: sum\n  of:\n  - format\n  - {kind: random}\n", ", line 5: reward.of[1].gamma: is missing"),
        ("reward:\n  kind: random\n  gamma: 0.5\n  gamma: 0.7\n", ", line 4: the key 'gamma' is given twice"),
        ("reward: format\nreward: format\n", ", line 2: the key 'reward' is given twice"),
        ("reward: format\nrewards: format\n", ", line 2: rewards: unknown key; known are reward, unscored"),
        ("unscored: skip\n", ": has no key reward, such as: reward: {kind: ground_truth}"),
        ("reward: format\nunscored: {reward: a}\n", ", line 2: unscored.reward: 'a' must be a number"),
        ("reward: format\nunscored: {reward: 0, value: 1}\n", ", line 2: unscored.value: unknown key; write {reward"),
        ("reward: format\nunscored: {reward: 1e306}\n", ", line 2: unscored.reward: leads to rewards of 1e+306"),
        ("reward: format\nunscored: zero\n", ", line 2: unscored: 'zero' is unknown; write {reward: VALUE}, group_m"),
        ("reward: format\nunscored:\n", ", line 2: unscored: None is unknown"),
        ("reward: format\nunscored: {}\n", ", line 2: unscored: is empty"),
        ("reward: {kind: random, gamma: .inf}\n", ", line 1: reward.gamma: '.inf' must be a number"),
        ("reward: {kind: contains, word: 12}\n", ", line 1: reward.word: 12 must be a text that is not empty"),
        ("reward: {kind: random, gamma: 1:30}\n", ", line 1: reward.gamma: '1:30' must be a number"),
        ("reward: {kind: contains, fenced: yes}\n", ", line 1: reward.fenced: 'yes' must be true or false"),
        ("reward: &a {kind: format}\nunscored: *a\n", ", line 1: aliases (&, *) are not read; write it out"),
        ("reward: &a [*a]\n", ", line 1: aliases (&, *) are not read; write it out"),
        ("reward: !!python/name:os.system\n", ", line 1: tags such as tag:yaml.org,2002:python/name:os.system are not"),
        ("reward: !mine format\n", ", line 1: tags such as !mine are not read"),
        ("? [a]\n: format\n", ", line 1: a key must be a text"),
        ("reward: format\n---\nreward: format\n", ", line 2: expected a single document"),
        ("reward: {kind: format\n", ", line 2: while parsing a flow mapping"),
        ("reward:\n\t- format\n", ", line 2: while scanning for the next token, found character"),
        ("reward: \x00\n", ": unacceptable character #x0000"),
        ("", ": the reward file is empty; write for example: reward: {kind: ground_truth}"),
        ("# nothing yet\n", ": the reward file is empty"),
        ("- format\n", ": a reward file is a mapping with the keys reward and unscored, not ['format']"),
    ],
)  # fmt: skip
def test_an_error_names_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_reward_file(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"reward": "format", "reward": "format"}', ": the key 'reward' is given twice"),
        ('{"reward": \n"format",}', ", line 2: "),
        ('{"reward": {"kind": "random", "gamma": NaN}}', ": reward.gamma: nan must lie in 0 to 1"),
        ("[" * 100_000, " cannot be read: "),
        (" \n", ": the reward file is empty"),
    ],
)
def test_errors_of_json_files(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, text, "reward.json")
    with pytest.raises(ConfigError) as caught:
        load_reward_file(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file"):
        load_reward_file(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"reward: \xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml is not UTF-8 text \(byte 8\)"):
        load_reward_file(tmp_path / "latin.yaml")
    with pytest.raises(ConfigError, match="is nested too deeply"):
        load_reward_file(write(tmp_path, "reward: " + "[" * 20_000))


def test_yaml_is_asked_for_by_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"YAML needs PyYAML: pip install 'rlvr-verifier\[yaml\]', or write JSON"):
        load_reward_file(write(tmp_path, GOOD))
    assert load_reward_file(write(tmp_path, '{"reward": "format"}', "r.json")).reward == Format()


# --- unscored and rounding --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        ({"reward": 0.0}, [1.0, None, 0.0], [1.0, 0.0, 0.0]),
        ({"reward": -1}, [None, 0.5], [-1.0, 0.5]),
        ("group_mean", [1.0, None, 0.0, 1.0, None], [1.0, 2 / 3, 0.0, 1.0, 2 / 3]),
        ("group_mean", [None, None], [0.0, 0.0]),
        ("skip", [1.0, None], [1.0, None]),
        ("group_mean", [], []),
    ],
)
def test_what_unscored_becomes(
    spec: Mapping[str, float] | str, values: list[float | None], expected: list[float | None]
) -> None:
    unscored = unscored_from(spec)
    before = list(values)
    assert unscored.apply(values) == expected
    assert values == before
    assert unscored_from(unscored.describe()) == unscored


def test_unscored_is_counted_and_logged_by_powers_of_ten(caplog: pytest.LogCaptureFixture) -> None:
    count = UnscoredCount("ground_truth")
    with caplog.at_level(logging.WARNING, "verifier.rewards.unscored"):
        count.add([1.0, 0.0])
        assert not caplog.records
        for _ in range(30):
            count.add([1.0, None])
    assert (count.seen, count.unscored) == (62, 30)
    assert [record.getMessage() for record in caplog.records] == [
        "ground_truth: 1 of 4 responses so far are unscored",
        "ground_truth: 10 of 22 responses so far are unscored",
    ]
    copy = pickle.loads(pickle.dumps(count))
    copy.add([None])
    assert (copy.seen, copy.unscored, count.unscored) == (63, 31, 30)


@given(st.floats(-1e6, 1e6))
def test_quantised_rewards_are_near_multiples(value: float) -> None:
    rounded = quantise(value)
    assert type(rounded) is float
    assert (Fraction(rounded) * 1024).denominator == 1
    assert abs(Fraction(rounded) - Fraction(value)) <= Fraction(1, 2048)
    assert quantise(rounded) == rounded
    assert str(quantise(-0.0)) == "0.0"


# --- the documentation ------------------------------------------------------------------------------------

DOCS = (Path(__file__).parent.parent / "docs" / "rewards.md").read_text(encoding="utf-8")


def test_the_examples_of_the_documentation_load(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    blocks = DOCS.split("```yaml\n")[1:]
    files = [load_reward_file(write(tmp_path, block.partition("```")[0])) for block in blocks]
    assert files[0] == RewardFile(All((GroundTruth(), Not(Contains("python")))), Unscored())
    assert [file.reward.kind for file in files] == ["all", "sum", "noise"]


def test_the_documentation_has_every_kind_and_setting() -> None:
    for kind, cls in KINDS.items():
        row = next(line for line in DOCS.splitlines() if line.startswith(f"| `{kind}` |"))
        for field in fields(cls):  # type: ignore[arg-type]
            assert f"`{field.name}`" in row, (kind, field.name)
