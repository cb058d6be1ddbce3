"""Cells: every model with every reward, the paper's values, and errors that name file and key."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from lm_eval_tasks.task_names import own_tasks
from train_openrlhf import grid, launch
from train_openrlhf.cells import CONFIGS, Cell, base_prompt, load_cell, names, read_yaml, split_name
from verifier.errors import ConfigError
from verifier.rewards import reward_from, unscored_from
from verifier.rows import Row

MODELS = names("models")
REWARDS = names("rewards")


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A copy of the configurations that a test may spoil."""
    return Path(shutil.copytree(CONFIGS, tmp_path / "configs"))


def test_the_ten_models_and_the_listed_rewards_are_there() -> None:
    assert len(MODELS) == 10
    assert {read_yaml(CONFIGS / "models" / f"{name}.yaml")["hub_id"].partition("/")[0] for name in MODELS} == {
        "Qwen", "meta-llama", "allenai"
    }  # fmt: skip
    wanted = "ground-truth majority one-shot format incorrect python ttrl no-repetition noisy-0.1 " \
        "random-0.7 random-0.5 random-0.3 random-0.001 random-0 " \
        "ground-truth-no-python format-no-python incorrect-no-python random-0.5-no-python " \
        "random-0.5-noclip-loss random-0.5-noclip-train-batch random-0.5-noclip-rollout-batch"  # fmt: skip
    assert set(wanted.split()) <= set(REWARDS)


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("smoke", [False, True])
def test_every_cell_resolves_completely(reward: str, smoke: bool) -> None:
    for model in MODELS:
        cell = load_cell(f"{model}/{reward}/s3", smoke=smoke)
        assert Cell.from_dict(json.loads(json.dumps(cell.to_dict()))) == cell
        assert pickle.loads(pickle.dumps(cell)) == cell
        assert cell.folder() == Path("runs") / model / reward / "s3"
        made = reward_from(dict(cell.reward))
        assert made.needs_label == (cell.labels != "none")
        assert unscored_from(cell.unscored).to == "reward"
        assert read_yaml(CONFIGS / "rewards" / f"{reward}.yaml")["extraction"] in ("ours", "paper")


def test_the_defaults_are_the_papers() -> None:
    s = load_cell("qwen2.5-math-7b/ground-truth/s0").settings
    assert (s.rollout.batch_size, s.rollout.samples_per_prompt, s.train.batch_size, s.steps) == (64, 16, 128, 300)
    assert (s.optimizer.lr, s.optimizer.schedule, s.optimizer.warmup_ratio) == (5e-7, "constant", 0.0)
    assert (s.algorithm.kl, s.algorithm.clip_low, s.algorithm.clip_high) == (0.0, 0.2, 0.2)
    assert (s.rollout.max_prompt_tokens, s.rollout.max_new_tokens, s.rollout.temperature) == (1024, 3072, 1.0)
    assert (s.evaluation.samples, s.evaluation.temperature, s.evaluation.greedy) == (8, 0.6, ("math500",))


@pytest.mark.parametrize(
    ("reward", "steps"),
    [("one-shot", 100), ("ttrl", 100), ("python", 100), ("format-no-python", 60), ("random-0.5-noclip-loss", 650)],
)
def test_the_papers_shorter_and_longer_runs(reward: str, steps: int) -> None:
    settings = load_cell(f"qwen2.5-math-7b/{reward}/s0").settings
    assert settings.steps == steps
    assert steps % settings.checkpoint.save_every == 0


def test_every_model_file_says_how_many_gpus_it_takes() -> None:
    for name in MODELS:
        values = read_yaml(CONFIGS / "models" / f"{name}.yaml")
        assert values["set"]["hardware"]["gpus_per_node"] == (4 if values["billions"] < 4 else 8)
    assert load_cell("llama3.2-3b/format/s0").settings.hardware.gpus_per_node == 4
    assert load_cell("llama3.2-3b/format/s0", smoke=True).settings.hardware.gpus_per_node == 2
    assert load_cell("llama3.2-3b/format/s0", [("hardware.gpus_per_node", 8)]).settings.hardware.gpus_per_node == 8


def test_clipping_is_off_in_each_of_its_three_ways() -> None:
    cells = {
        way: load_cell(f"qwen2.5-math-7b/random-0.5-noclip-{way}/s0")
        for way in ("loss", "train-batch", "rollout-batch")
    }
    assert cells["loss"].settings.algorithm.clip_high == 1e9
    assert cells["loss"].updates_per_step == 8
    assert [cells[way].updates_per_step for way in ("train-batch", "rollout-batch")] == [1, 1]
    assert cells["rollout-batch"].settings.rollout.batch_size == 8
    assert load_cell("qwen2.5-math-7b/random-0.5/s0").updates_per_step == 8


def test_base_models_get_the_prompt_of_the_lm_eval_tasks_and_its_stop() -> None:
    base = [name for name in MODELS if load_cell(f"{name}/format/s0").prompt_template is not None]
    assert base == ["llama3.1-8b", "llama3.2-3b", "olmo2-7b"]
    llama = load_cell("llama3.1-8b/ground-truth/s0")
    assert llama.model.stop == ("</answer>",)
    assert llama.prompt_template == "<|begin_of_text|>" + base_prompt()
    assert base_prompt().count("{}") == 1
    shown = base_prompt().format("PROBLEM {x}")
    assert "\\n" not in shown
    assert shown.endswith("Assistant: <think>")
    assert "PROBLEM {x}" in shown
    assert "answer_tag" in str(llama.reward)
    assert "rlvr_math500_base" in own_tasks()


def test_seed_and_extraction_are_filled_in() -> None:
    assert load_cell("qwen2.5-math-7b/random-0.5/s7").reward == {"kind": "random", "gamma": 0.5, "seed": 7}
    both = load_cell("qwen2.5-math-7b/random-0.5-no-python/s7").reward["of"]
    assert both[0]["seed"] == 7
    assert load_cell("qwen2.5-math-7b/ground-truth-paper/s0").reward["extraction"] == "paper"
    assert load_cell("qwen2.5-math-7b/ground-truth/s0").reward["extraction"] == "ours"


def test_the_votes_are_read_with_the_cells_extraction(configs: Path) -> None:
    assert load_cell("qwen2.5-math-7b/ttrl/s0").reward == {"kind": "majority_online", "extraction": "ours"}
    path = configs / "rewards/ttrl.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("extraction: ours", "extraction: paper", 1), encoding="utf-8")
    reward = load_cell("qwen2.5-math-7b/ttrl/s0", configs=configs).reward
    assert reward["extraction"] == "paper"
    group = ["so it is 7", "it is 7", "\\boxed{8}"]
    assert reward_from(dict(reward)).over_group(group, Row("a", "?", "9")) == [1.0, 1.0, 0.0]


def test_label_sets_are_the_models_own_unless_told() -> None:
    assert load_cell("llama3.2-3b/format/s0").labels_file is None
    assert load_cell("llama3.2-3b/majority/s0").labels_file == Path("labels/llama3.2-3b.jsonl")
    assert load_cell("llama3.2-3b/incorrect/s0").labels_file == Path("labels/llama3.2-3b.incorrect.jsonl")
    other = load_cell("llama3.2-3b/majority/s0", labels_of="qwen2.5-7b")
    assert other.labels_file == Path("labels/qwen2.5-7b.jsonl")


@pytest.mark.parametrize(
    ("name", "overrides", "options", "said"),
    [
        ("qwen2.5-math-7b/random-0.5", [], {}, ["MODEL/REWARD/sSEED"]),
        ("qwen2.5-maths-7b/random-0.5/s0", [], {}, ["unknown model", "did you mean qwen2.5-math-7b?"]),
        ("qwen2.5-math-7b/randon-0.5/s0", [], {}, ["unknown reward", "did you mean random-0.5?"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.batch=3"], {}, ["--set rollout.batch=3", "rollout.batch_size?"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.batch_size=many"], {}, ["batch_size", "whole number", "'many'"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.batch_size=true"], {}, ["rollout.batch_size", "True"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.samples_per_prompt=1"], {}, ["samples_per_prompt is 1", "at least 2"]),
        ("qwen2.5-math-7b/format/s0", ["memory.zero_stage=7"], {}, ["memory.zero_stage is 7", "at most 3"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.top_p=5"], {}, ["rollout.top_p is 5", "above 0, and at most 1"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.top_p=0"], {}, ["rollout.top_p is 0", "above 0, and at most 1"]),
        ("qwen2.5-math-7b/format/s0", ["hardware.vllm_memory=60"], {}, ["vllm_memory is 60", "and at most 1"]),
        ("qwen2.5-math-7b/format/s0", ["optimizer.warmup_ratio=3"], {}, ["warmup_ratio is 3", "at most 1"]),
        ("qwen2.5-math-7b/format/s0", ["optimizer.lr=.nan"], {}, ["optimizer.lr is nan", "a finite number"]),
        ("qwen2.5-math-7b/format/s0", ["rollout.temperature=.inf"], {}, ["temperature is inf", "a finite number"]),
        ("qwen2.5-math-7b/format/s0", ["algorithm.loss=mean"], {}, ["algorithm.loss", "token-mean"]),
        ("qwen2.5-math-7b/format/s0", ["rollout=3"], {}, ["rollout must be a mapping"]),
        ("qwen2.5-math-7b/format/s0", ["steps"], {}, ["KEY=VALUE"]),
        ("qwen2.5-math-7b/format/s0", ["steps=[1"], {}, ["--set steps=[1", "not readable"]),
        ("qwen2.5-math-7b/format/s0", [], {"example": "a"}, ["--example", "not a one-shot"]),
        ("qwen2.5-math-7b/format/s0", [], {"labels_of": "qwen2.5-7b"}, ["--labels-of", "golds"]),
        ("qwen2.5-math-7b/majority/s0", [], {"labels_of": "gpt"}, ["unknown model 'gpt'"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(
    name: str, overrides: list[str], options: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_cell(name, overrides, **options)
    assert "\n" not in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_the_flags_are_short_for_settings() -> None:
    name = "qwen2.5-math-7b/format/s0"
    args = launch._parser().parse_args([name, "--gpus", "2", "--nodes", "3", "--log-share", "0.25"])
    settings = launch.resolve(args, name).settings
    assert (settings.hardware.gpus_per_node, settings.hardware.nodes, settings.data.log_share) == (2, 3, 0.25)
    with pytest.raises(ConfigError, match=r"data\.log_share is 1\.5; it must be at least 0, and at most 1"):
        launch.resolve(launch._parser().parse_args([name, "--log-share", "1.5"]), name)


def test_overrides_are_read_as_people_write_them() -> None:
    cell = load_cell("qwen2.5-math-7b/format/s0", ["optimizer.lr=1e-6", "evaluation.greedy=[]", ("steps", 5)])
    assert (cell.settings.optimizer.lr, cell.settings.evaluation.greedy, cell.settings.steps) == (1e-6, (), 5)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("base.yaml", "batch_size: 64", "batch_sise: 64", ["configs/base.yaml", "rollout.batch_sise", "batch_size?"]),
        ("base.yaml", "lr: 5.0e-7", "lr: 5e-7", ["configs/base.yaml", "optimizer.lr", "5.0e-7", "1.0e+9"][:2]),
        ("base.yaml", "steps: 300", "step: [", ["base.yaml, line"]),
        ("base.yaml", "  keep: 1\n", "", ["configs/base.yaml", "checkpoint.keep is missing"]),
        ("models/olmo2-7b.yaml", "template: r1", "template: r2", ["olmo2-7b.yaml", "template", "chat, r1"]),
        ("models/olmo2-7b.yaml", "hub_id:", "hub:", ["configs/models/olmo2-7b.yaml", "unknown key hub", "hub_id"]),
        ("models/olmo2-7b.yaml", "set: {", "set: {stepz: 1, ", ["olmo2-7b.yaml", "stepz"]),
        ("rewards/majority.yaml", "labels: majority", "labels: own", ["rewards/majority.yaml", "labels", "incorrect"]),
        ("rewards/majority.yaml", "extraction: ours", "extraction: theirs", ["majority.yaml", "extraction", "paper"]),
        ("rewards/majority.yaml", "unscored:", "unscorde:", ["majority.yaml", "unknown key unscorde"]),
        ("rewards/majority.yaml", "{kind: ground_truth, against: label}", "[1]", ["majority.yaml: reward[0]"]),
    ],
)  # fmt: skip
def test_a_spoilt_file_is_named_with_its_key(configs: Path, file: str, old: str, new: str, said: list[str]) -> None:
    path = configs / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_cell("olmo2-7b/majority/s0", configs=configs)
    for part in said:
        assert part in str(caught.value)


def test_a_new_model_and_a_new_reward_are_one_file_each(configs: Path) -> None:
    text = (configs / "models/qwen2.5-7b.yaml").read_text(encoding="utf-8").replace("Qwen/Qwen2.5-7B", "me/mine")
    (configs / "models/mine.yaml").write_text(
        text.replace("{gpus_per_node: 8}", "{gpus_per_node: 2}, steps: 20"), encoding="utf-8"
    )
    (configs / "rewards/short.yaml").write_text(
        "extraction: ours\nreward: {kind: format}\nset: {steps: 40}\n", encoding="utf-8"
    )
    cell = load_cell("mine/short/s1", configs=configs)
    assert (cell.model.hub_id, cell.settings.hardware.gpus_per_node) == ("me/mine", 2)
    assert cell.settings.steps == 40  # the reward's word is later than the model's
    assert load_cell("mine/short/s1", ["steps=3"], configs=configs).settings.steps == 3


def test_a_cell_of_another_version_is_refused() -> None:
    values = load_cell("qwen2.5-7b/format/s0").to_dict()
    del values["labels"]
    with pytest.raises(ConfigError, match="labels is missing"):
        Cell.from_dict(values)
    with pytest.raises(ConfigError, match="cell 'a/b/c'"):
        split_name("a/b/c")


def test_every_cell_of_the_grid_resolves() -> None:
    sets = grid.sets()
    everything = grid.cells_of("all")
    assert len(everything) == len(set(everything)) > 100
    assert set().union(*sets.values()) == set(everything)
    for name in everything:
        assert load_cell(name).name == name


def test_a_model_of_ones_own_does_not_make_the_papers_sets_grow(configs: Path) -> None:
    before = grid.sets(configs)
    assert len(before["python"]) == 10
    shutil.copy(configs / "models/qwen2.5-7b.yaml", configs / "models/mine.yaml")
    assert grid.sets(configs) == before
    path = configs / "grid.yaml"
    own = "  own:\n    shows: mine\n    models: all\n    rewards: [format]\n    seeds: [0]\n"
    path.write_text(path.read_text(encoding="utf-8") + own, encoding="utf-8")
    assert "mine/format/s0" in grid.sets(configs)["own"]


def test_the_controls_cover_spurious_arms_two_families_and_three_seeds() -> None:
    cells = [split_name(name) for name in grid.cells_of("controls")]
    families = {load_cell(f"{model}/format/s0").model.family for model, _, _ in cells}
    assert len(families) >= 2
    assert {"ground-truth", "random-0.5", "random-0", "format", "incorrect"} <= {reward for _, reward, _ in cells}
    assert {seed for _, _, seed in cells} == {0, 1, 2}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rewards: [noisy-0.1]", "rewards: [noisy]", ["unknown reward 'noisy'", "noisy-0.1"]),
        (
            "llama3.1-8b-instruct]\n    rewards: [python]",
            "llama3.1]\n    rewards: [python]",
            ["unknown model 'llama3.1'"],
        ),
        ("models: [qwen2.5-math-7b]", "models: []", ["sets.headline.models"]),
        ("shows: paying for not repeating", "show: x", ["sets.no-repetition", "shows"]),
        ("seeds: [0, 1, 2]", "seeds: [a]", ["seeds"]),
    ],
)
def test_a_spoilt_grid_is_explained(configs: Path, old: str, new: str, said: list[str]) -> None:
    path = configs / "grid.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        grid.sets(configs)
    for part in said:
        assert part in str(caught.value)
    with pytest.raises(ConfigError, match="unknown set 'fig1'"):
        grid.cells_of("fig1")
