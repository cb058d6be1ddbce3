"""The TRL adapter: as a function, and as what a real GRPOTrainer of a tiny model pays.

Promises: rewards under TRL's own grouping are those that the rewards give themselves; groups that a process does not
hold whole are refused; the trainer takes two real steps on ground truth, random, online majority and compound rewards.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verifier.adapters.trl import TrlReward, load, response_text
from verifier.errors import ConfigError
from verifier.rewards import Context, Random, RewardFile, load_reward_file, quantise, reward_file_from
from verifier.rows import Row

ROWS = [Row(f"sum/{n}", f"{n}+1=", str(n + 1), label=str(n), visit=3 * n) for n in range(4)]
COMPOUND = {"kind": "sum", "of": [{"kind": "ground_truth"}, {"kind": "format"}], "weights": [0.9, 0.1]}


def _batch(rows: list[Row], answers: list[list[str]]) -> dict[str, Any]:
    pairs = [(row, answer) for row, told in zip(rows, answers, strict=True) for answer in told]
    return {
        "prompts": [row.prompt for row, _ in pairs],
        "completions": [f"so \\boxed{{{answer}}}" for _, answer in pairs],
        "row": [row.to_label() for row, _ in pairs],
        "completion_ids": [[1, 2] for _ in pairs],
        "trainer_state": None,
    }


def _reward(spec: Any, *, unscored: Any = None, size: int | None = 2) -> TrlReward:
    values = {"reward": spec} | ({} if unscored is None else {"unscored": unscored})
    return TrlReward(reward_file_from(values), num_generations=size)


# -- as a function ----------------------------------------------------------------------------------------


def test_ground_truth_from_the_column_row() -> None:
    reward = _reward("ground_truth", size=None)
    assert reward(**_batch(ROWS[:2], [["1", "5"], ["2.0", "1"]])) == [1.0, 0.0, 1.0, 0.0]
    assert reward.__name__ == "ground_truth"
    assert reward.count.seen == 4


def test_the_schemas_own_columns_and_objects_do_as_well() -> None:
    batch = _batch(ROWS[:2], [["1", "5"], ["2", "1"]])
    rows = [row for row in ROWS[:2] for _ in range(2)]
    del batch["row"]
    assert _reward("ground_truth")(**batch, answer=[row.gold for row in rows]) == [1.0, 0.0, 1.0, 0.0]
    columns = {name: [getattr(row, name) for row in rows] for name in ("id", "gold", "label", "visit")}
    against_label = {"kind": "ground_truth", "against": "label"}
    assert _reward(against_label)(**batch, **columns) == [0.0, 0.0, 0.0, 1.0]
    assert _reward("ground_truth")(**batch, row=[row.to_dict() for row in rows]) == [1.0, 0.0, 1.0, 0.0]


def test_chat_messages_are_read_for_what_the_assistant_said() -> None:
    parts = [{"type": "text", "text": "so \\boxed{1}"}]
    messages = [{"role": "assistant", "content": "wait"}, {"role": "tool", "content": "\\boxed{9}"}]
    assert response_text([*messages, {"role": "assistant", "content": parts}]) == "wait\nso \\boxed{1}"
    prompt = [{"role": "user", "content": "0+1="}]
    completion = [{"role": "assistant", "content": "so \\boxed{1}"}]
    assert _reward("ground_truth")([prompt, prompt], [completion, completion], gold=["1", "2"]) == [1.0, 0.0]
    assert response_text([{"role": "assistant", "content": None}]) == ""


@pytest.mark.parametrize("completion", [None, 4, b"\\boxed{1}", [], [None], ["\\boxed{1}"], {"role": "user"}])
def test_a_completion_that_says_nothing_is_a_response_without_an_answer(completion: Any) -> None:
    said = "so \\boxed{1}"
    for spec, paid in (("ground_truth", 0.0), ("format", 0.0), ({"kind": "not", "of": "contains"}, 1.0)):
        assert _reward(spec)(["0+1="] * 2, [completion, said], gold=["1", "1"]) == [paid, 1.0]
    assert _reward("majority_online", size=3)(["0+1="] * 3, [said, completion, said], gold=["1"] * 3) == [1.0, 0.0, 1.0]
    assert response_text(completion) == ""


def test_rewards_are_multiples_of_1_1024() -> None:
    paid = _reward(COMPOUND)(**_batch(ROWS[:1], [["1", "5"]]))
    assert paid == [1.0, quantise(0.1)] == [1.0, 102 / 1024]


def test_random_is_keyed_by_row_visit_and_place_in_the_group() -> None:
    batch = _batch(ROWS, [["1"] * 8] * 4)
    expected = [Random(0.5, 7)("", row, Context(index)) for row in ROWS for index in range(8)]
    reward = _reward({"kind": "random", "gamma": 0.5, "seed": 7}, size=8)
    assert reward(**batch) == expected
    assert {0.0, 1.0} == set(expected)
    assert pickle.loads(pickle.dumps(reward))(**batch) == expected


def test_the_majority_is_that_of_each_group_also_where_two_groups_have_one_row() -> None:
    batch = _batch([ROWS[0], ROWS[0]], [["4", "4", "5"], ["5", "5", "4"]])
    assert _reward("majority_online", size=3)(**batch) == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("spec", ["majority_online", {"kind": "random", "gamma": 0.5, "seed": 0}])
def test_a_part_of_a_group_is_refused_where_the_reward_needs_the_group(spec: Any) -> None:
    batch = _batch(ROWS[:2], [["1", "2"], ["2", "1"]])
    with pytest.raises(ConfigError, match="needs whole groups of 4; this process has 2 of one: make per_device_train"):
        _reward(spec, size=4)(**batch)
    with pytest.raises(ConfigError, match="give num_generations"):
        _reward(spec, size=None)
    assert _reward("ground_truth", size=4)(**batch) == [1.0, 0.0, 1.0, 0.0]


def test_unscored_is_filled_in_or_skipped_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    row = Row("bad", "?", "\\frac{1}{0}")
    metrics: dict[str, float] = {}
    batch = _batch([row, ROWS[0]], [["1", "2"], ["1", "2"]]) | {"log_metric": metrics.__setitem__}
    assert _reward("ground_truth")(**batch) == [0.0, 0.0, 1.0, 0.0]
    assert _reward("ground_truth", unscored="skip")(**batch) == [None, None, 1.0, 0.0]
    assert _reward("ground_truth", unscored={"reward": -0.3})(**batch) == [quantise(-0.3)] * 2 + [1.0, 0.0]
    assert metrics == {"unscored/ground_truth": 0.5}
    batch["row"] = [json.dumps({"id": 3}), *batch["row"][1:]]
    assert _reward("ground_truth", unscored="skip")(**batch) == [None, None, 1.0, 0.0]
    assert "bad_label" in caplog.text
    mixed = _batch([ROWS[0]], [["1", "0/0"]])
    spec = {"kind": "noise", "of": "ground_truth", "false_positive": 0.0, "false_negative": 0.0, "seed": 0}
    assert _reward(spec, unscored="group_mean")(**mixed) == [1.0, 0.0]


def test_a_data_set_without_golds_and_a_row_without_a_label_are_told() -> None:
    with pytest.raises(ConfigError, match="neither a column row nor a column gold, only: problem"):
        _reward("ground_truth")(["1+1="], ["2"], problem=["1+1="], completion_ids=[[1]], log_metric=print)
    with pytest.raises(ConfigError, match=r"nor a column gold, only: prompt$"):
        _reward("ground_truth")(["1+1="], ["2"], completion_ids=[[1]])
    row = Row("a", "1+1=", "2")
    with pytest.raises(ConfigError, match="visit"):
        _reward({"kind": "random", "gamma": 0.5, "seed": 0}, size=1)(**_batch([row], [["2"]]))


# -- in a real trainer ------------------------------------------------------------------------------------


class _Recorded(TrlReward):
    """Keeps what it was asked and what it paid."""

    calls: list[tuple[Row | None, list[str], list[float | None]]]

    def scored(self, place: slice, row: Any, responses: Any, values: Any, paid: Any, columns: Any) -> None:
        self.calls.append((row, list(responses), list(paid)))


PROCESSES = Path(__file__).parent / "support" / "trl_processes.py"


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, Any]:
    """A Qwen2 of two layers with random weights, and a tokenizer of one token a character."""
    pytest.importorskip("trl")
    spec = importlib.util.spec_from_file_location("trl_processes", PROCESSES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, tokenizer = module.tiny()
    return model, tokenizer


@pytest.mark.trl
@pytest.mark.filterwarnings("ignore")  # those of torch and TRL on a machine without a GPU
@pytest.mark.parametrize(
    "spec",
    ["ground_truth", {"kind": "random", "gamma": 0.5, "seed": 1}, "majority_online", COMPOUND],
    ids=["ground_truth", "random", "ttrl", "compound"],
)
def test_two_steps_of_a_real_trainer(spec: Any, tiny: tuple[Any, Any], tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model, tokenizer = tiny
    path = tmp_path / "reward.json"
    path.write_text(json.dumps({"reward": spec, "unscored": "skip"}), encoding="utf-8")
    args = GRPOConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, per_device_train_batch_size=8, num_generations=4,
        max_completion_length=6, logging_steps=1, report_to=[], save_strategy="no", use_cpu=True, bf16=False, seed=0,
        disable_tqdm=True, gradient_checkpointing=False,
    )  # fmt: skip
    reward = _Recorded(load_reward_file(path), num_generations=args.num_generations)
    reward.calls = []
    rows = Dataset.from_list([{"prompt": row.prompt, "row": row.to_label()} for row in ROWS])
    trainer = GRPOTrainer(model, reward, args, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    assert trainer.state.global_step == 2
    assert len(reward.calls) == 4  # two steps of two groups
    for row, responses, paid in reward.calls:
        assert row is not None
        assert len(responses) == 4
        values = reward.settings.reward.over_group(responses, row)
        assert paid == [None if value is None else quantise(value) for value in values]
    logged = [entry for entry in trainer.state.log_history if "reward" in entry]
    name = reward.settings.reward.kind
    for step, entry in enumerate(logged):
        found = [value for _, _, paid in reward.calls[2 * step : 2 * step + 2] for value in paid]
        assert entry[f"rewards/{name}/mean"] == pytest.approx(sum(found) / len(found), abs=1e-6)
        assert entry[f"unscored/{name}"] == 0.0


@pytest.mark.trl
@pytest.mark.parametrize(("per_device", "code"), [(4, 0), (2, 3)])
def test_two_processes_score_whole_groups_or_are_refused(per_device: int, code: int, tmp_path: Path) -> None:
    root = PROCESSES.parent.parent.parent
    environ = os.environ | {"PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(PROCESSES), str(tmp_path), str(per_device)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600)
    said = [path.read_text(encoding="utf-8").splitlines() for path in sorted(tmp_path.glob("said.*"))]
    if code:
        assert done.returncode != 0
        assert len(said) >= 1  # torchrun ends the others when the first one has failed
        assert all("needs whole groups of 4; this process has 2 of one" in line for lines in said for line in lines)
    else:
        assert done.returncode == 0, done.stderr[-2000:]
        groups = [[line.split() for line in lines if line.startswith("group")] for lines in said]
        assert [[words[-1] for words in lines] for lines in groups] == [["4"], ["4"]]
        assert groups[0][0][1] != groups[1][0][1]  # each a prompt of its own
        assert [lines[-1] for lines in said] == ["trained", "trained"]


def test_a_reward_file_by_name(tmp_path: Path) -> None:
    path = tmp_path / "reward.json"
    path.write_text('{"reward": {"kind": "format"}}', encoding="utf-8")
    reward = load(path, name="box")
    assert (reward.__name__, reward.settings) == ("box", RewardFile(reward_file_from({"reward": "format"}).reward))
    assert reward(**_batch(ROWS[:1], [["5", ""]])) == [1.0, 0.0]
