"""The verl adapter: by itself, and in verl's own environment through its loader and its reward manager."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from verifier import verify
from verifier.adapters.verl import KEYS, from_settings, load
from verifier.errors import ConfigError
from verifier.rewards import quantise, reward_file_from
from verifier.rows import Row

SUPPORT = Path(__file__).parent / "support" / "verl_manager.py"
MARK = "result: "
USER_FILE = """from pathlib import Path
from verifier.adapters.verl import load
compute_score = load(Path(__file__).with_name("reward.json"))
"""
GROUND_TRUTH = {"reward": {"kind": "ground_truth"}}


def _label(**fields: Any) -> str:
    return Row(**{"id": "train/1", "prompt": "1/2 = ?", "gold": "1/2", **fields}).to_label()


def _write(folder: Path, settings: dict[str, Any]) -> Path:
    (folder / "reward.json").write_text(json.dumps(settings))
    (folder / "reward_for_verl.py").write_text(USER_FILE)
    return folder / "reward_for_verl.py"


# -- by itself ------------------------------------------------------------------------------------------


def test_a_score_is_the_reward_and_acc_the_truth() -> None:
    wrong = _label(label="0.25")
    score = from_settings(reward_file_from({"reward": {"kind": "ground_truth", "against": "label"}}))
    right = score(data_source="math", solution_str=r"\boxed{0.5}", ground_truth=wrong, extra_info={})
    paid = score(data_source="math", solution_str=r"\boxed{1/4}", ground_truth=wrong, extra_info={})
    assert (right["score"], right["acc"]) == (0.0, 1.0)
    assert (paid["score"], paid["acc"]) == (1.0, 0.0)


def test_the_row_in_extra_info_counts_first() -> None:
    score = from_settings(reward_file_from(GROUND_TRUTH))
    given = score(solution_str=r"\boxed{0.5}", ground_truth="7", extra_info={"row": _label(), "index": 3})
    assert given["score"] == 1.0


def test_a_gold_of_numpy_is_a_gold() -> None:
    numpy = pytest.importorskip("numpy")
    score = from_settings(reward_file_from(GROUND_TRUTH))
    found = [score(solution_str=r"\boxed{3}", ground_truth=gold) for gold in (numpy.int64(3), numpy.float32(3))]
    assert [(each["score"], each["bad_label"]) for each in found] == [(1.0, 0.0)] * 2


HOSTILE: list[tuple[Any, Any, Any]] = [
    (None, "1/2", {}),
    (r"\boxed{1/2}", None, None),
    (r"\boxed{1/2}", [1, 2], {}),
    (r"\boxed{1/2}", {"id": "a"}, {}),
    (r"\boxed{1/2}", '{"gold": ', "text"),
    (r"\boxed{1/2}", float("nan"), {"row": 3.5}),
    (b"bytes", "1/2", {}),
    (12, "1/2", {}),
    (r"\boxed{" * 3000, "1/2", {}),
    (r"\boxed{1/2}", "\\frac{", {}),
    (r"\boxed{1/2}", "1/2", {"row": {"id": [], "gold": {}}}),
    ("\ud800", "\ud800", {"question": 5}),
]


@pytest.mark.parametrize(
    "reward",
    [
        {"kind": "ground_truth"},
        {"kind": "ground_truth", "against": "label"},
        {"kind": "any", "of": [{"kind": "format"}, {"kind": "contains", "word": "python"}]},
        {"kind": "noise", "of": {"kind": "ground_truth"}, "false_positive": 0.5, "by": "problem"},
    ],
    ids=["gold", "label", "any", "noise"],
)
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_data_never_raise_and_the_keys_stay(reward: dict[str, Any], hostile: tuple[Any, Any, Any]) -> None:
    response, label, extra = hostile
    score = from_settings(reward_file_from({"reward": reward, "unscored": {"reward": 0.1}}))
    found = score("math", response, label, extra, reward_router_address=None)
    assert tuple(found) == KEYS
    assert all(type(value) is float for value in found.values())
    assert found["score"] == quantise(found["score"])
    if found["unscored"]:
        assert found["score"] == quantise(0.1)


def test_faults_are_counted_and_each_kind_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    score = from_settings(reward_file_from(GROUND_TRUTH))
    with caplog.at_level(logging.WARNING):
        found = [score(solution_str="4", ground_truth=[1], extra_info={}) for _ in range(3)]
    assert [(each["unscored"], each["bad_label"]) for each in found] == [(1.0, 1.0)] * 3
    assert sum("bad_label" in record.getMessage() for record in caplog.records) == 1
    assert score.count.unscored == 3


def test_a_prompt_of_messages_may_be_an_array() -> None:
    """As pandas reads it from verl's parquet."""
    numpy = pytest.importorskip("numpy")
    noise = {"kind": "noise", "of": {"kind": "ground_truth"}, "false_negative": 0.5, "by": "problem"}
    for reward in (noise, {"kind": "ground_truth"}):
        score = from_settings(reward_file_from({"reward": reward}))
        paid = []
        for number in range(12):
            messages = [{"role": "system", "content": "Add."}, {"role": "user", "content": f"{number}+1="}]
            prompts = (numpy.array(messages), messages, "Add.\n" + messages[1]["content"])
            extras = [
                {"prompt": prompt, "question": empty} for prompt, empty in zip(prompts, ("", None, ""), strict=True)
            ]
            found = [score(solution_str=r"\boxed{1}", ground_truth="1", extra_info=extra) for extra in extras]
            assert found[0] == found[1] == found[2]
            assert found[0]["unscored"] == 0.0
            paid.append(found[0]["score"])
        assert set(paid) == ({0.0, 1.0} if reward is noise else {1.0})


def test_a_keyed_reward_needs_an_id() -> None:
    noise = {"kind": "noise", "of": {"kind": "ground_truth"}, "false_positive": 0.5, "by": "problem"}
    score = from_settings(reward_file_from({"reward": noise}))
    assert score(solution_str=r"\boxed{1}", ground_truth="1", extra_info={})["bad_label"] == 1.0
    assert score(solution_str=r"\boxed{1}", ground_truth="1", extra_info={"question": "0+1="})["bad_label"] == 0.0
    assert score(solution_str=r"\boxed{1}", ground_truth=_label())["bad_label"] == 0.0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"reward": {"kind": "random", "gamma": 0.5}}, "needs the visit and the index of each response"),
        ({"reward": {"kind": "majority_online"}}, "needs the group of each response"),
        ({"reward": {"kind": "all", "of": [{"kind": "format"}, {"kind": "majority_online"}]}}, "needs the group"),
        ({**GROUND_TRUTH, "unscored": "skip"}, "unscored: skip cannot be honoured by verl"),
        ({**GROUND_TRUTH, "unscored": "group_mean"}, "unscored: group_mean needs the group"),
    ],
)
def test_what_verl_does_not_tell_is_refused_at_load(settings: dict[str, Any], says: str, tmp_path: Path) -> None:
    _write(tmp_path, settings)
    with pytest.raises(ConfigError, match=says) as caught:
        load(tmp_path / "reward.json")
    assert "TRL" in str(caught.value)


def test_it_is_picklable_and_safe_in_threads() -> None:
    score = pickle.loads(pickle.dumps(from_settings(reward_file_from(GROUND_TRUTH))))
    pairs = [(rf"\boxed{{{n}/{n + 1}}}", f"{2 * n}/{2 * n + 2}" if n % 2 else "7") for n in range(200)]
    with ThreadPoolExecutor(8) as executor:
        found = list(executor.map(lambda pair: score(solution_str=pair[0], ground_truth=pair[1])["score"], pairs))
    assert found == [float(n % 2) for n in range(200)]


# -- in verl --------------------------------------------------------------------------------------------


def _in_verl(verl: str, path: Path, items: list[dict[str, Any]], manager: str = "naive") -> Any:
    job = {"path": str(path), "name": "compute_score", "manager": manager, "items": items}
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [verl, SUPPORT],
        input=json.dumps(job),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        cwd=path.parent,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    return json.loads(line.removeprefix(MARK))


ANSWERS = ["0.5", r"\frac{2}{4}", "1/3", "50\\%", "x", r"\frac{\sqrt{4}}{4}", r"\int_0^1 x\,dx", ""]


@pytest.mark.verl
def test_verl_s_own_loader_and_manager_drive_it(verl: str, tmp_path: Path) -> None:
    path = _write(tmp_path, GROUND_TRUTH | {"unscored": {"reward": 0.25}})
    responses = [rf"so it is \boxed{{{answer}}}" for answer in ANSWERS]
    items = [{"response": text, "ground_truth": _label()} for text in responses]
    items.append({"response": responses[0], "ground_truth": "7", "extra_info": {"row": _label(), "index": 1}})
    items.append({"response": responses[0], "ground_truth": "\\frac{"})
    items.append({"response": responses[0], "ground_truth": []})
    found = _in_verl(verl, path, items)
    assert all(tuple(each["reward_extra_info"]) == KEYS for each in found)
    scores = [each["reward_score"] for each in found]
    ours = [float(verify(response=text, gold="1/2").correct) for text in responses]
    assert scores == [*ours, 1.0, 0.25, 0.25]
    assert 0 < sum(ours) < len(ours)
    assert [each["reward_extra_info"]["acc"] for each in found] == [*ours, 1.0, 0.0, 0.0]
    assert [each["reward_extra_info"]["bad_label"] for each in found[-2:]] == [0.0, 1.0]


@pytest.mark.verl
def test_verl_refuses_to_load_what_it_cannot_serve(verl: str, tmp_path: Path) -> None:
    path = _write(tmp_path, {"reward": {"kind": "random", "gamma": 0.5}})
    found = _in_verl(verl, path, [])
    assert found["error"].startswith("Error loading module")
    assert "needs the visit and the index" in found["cause"]
    assert "GroupExecutor) or TRL" in found["cause"]
