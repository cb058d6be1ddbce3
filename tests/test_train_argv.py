"""Arguments: golden vectors, what each change changes, the layout of the GPUs; and the README that shows them."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from train_openrlhf import checks, launch, starting
from train_openrlhf.argv import agent_file, agent_settings, build_argv, layout
from train_openrlhf.cells import Cell, load_cell
from verifier.errors import ConfigError

MODEL = "qwen2.5-math-7b"
GOLDEN = """
--actor.model_name_or_path Qwen/Qwen2.5-Math-7B
--actor.num_nodes 1 --actor.num_gpus_per_node 4 --ref.num_nodes 1 --ref.num_gpus_per_node 4
--vllm.num_engines 4 --vllm.tensor_parallel_size 1 --vllm.sync_backend nccl
--train.colocate_actor_ref --vllm.gpu_memory_utilization 0.9
--train.agent_func_path /r/agent.py
--data.prompt_dataset /r/train.jsonl --data.input_key prompt --data.label_key row --data.max_len 4096
--data.apply_chat_template
--rollout.batch_size 64 --rollout.micro_batch_size 4 --rollout.n_samples_per_prompt 16
--rollout.max_new_tokens 3072 --rollout.temperature 1.0 --rollout.top_p 1.0
--train.batch_size 128 --train.micro_batch_size 4 --train.max_epochs 1 --train.num_episodes 1 --train.seed 3
--algo.advantage.estimator group_norm --algo.advantage.gamma 1.0 --algo.advantage.lambd 1.0 --algo.kl.init_coef 0.0
--actor.adam.lr 5e-07 --actor.lr_scheduler constant --actor.lr_warmup_ratio 0.0 --actor.max_norm 1.0
--actor.adam.weight_decay 0.0 --actor.eps_clip_low_high 0.2 0.2 --actor.loss_agg_mode token-mean
--ds.zero_stage 3 --ds.param_dtype bf16 --ds.attn_implementation flash_attention_2
--ds.adam_offload --ds.packing_samples --actor.gradient_checkpointing_enable
--eval.dataset /r/eval.jsonl --eval.steps 10 --eval.n_samples_per_prompt 8 --eval.temperature 0.6
--ckpt.path /r/ckpt --ckpt.output_dir /r/model --ckpt.save_steps 50 --ckpt.max_num 1 --ckpt.best_metric_key none
--ckpt.save_hf
--logger.logging_steps 1 --logger.tensorboard_dir /r/tensorboard --logger.wandb.run_name qwen2.5-math-7b/random-0.5/s3
"""


def cell_of(name: str = f"{MODEL}/ground-truth/s0", *overrides: str, **options: Any) -> Cell:
    return load_cell(name, overrides, **options)


def test_the_golden_arguments_of_the_papers_random_reward() -> None:
    assert build_argv(cell_of(f"{MODEL}/random-0.5/s3"), Path("/r")) == GOLDEN.split()


def changed(old: Sequence[str], new: Sequence[str]) -> tuple[list[str], list[str]]:
    was, now = Counter(old), Counter(new)
    return sorted((was - now).elements()), sorted((now - was).elements())


@pytest.mark.parametrize(
    ("name", "overrides", "options", "removed", "added"),
    [
        (f"{MODEL}/random-0.5-noclip-loss/s3", [], {}, ["0.2", "0.2"], ["1000000000.0", "1000000000.0"]),
        (f"{MODEL}/random-0.5-noclip-train-batch/s3", [], {}, ["128"], ["1024"]),
        (f"{MODEL}/random-0.5-noclip-rollout-batch/s3", [], {}, ["64"], ["8"]),
        (f"{MODEL}/random-0.5/s3", ["checkpoint.resumable=false"], {}, [], ["--ckpt.disable_ds"]),
        (f"{MODEL}/random-0.5/s3", [], {"resume": True}, [], ["--ckpt.load_enable"]),
        (f"{MODEL}/random-0.5/s3", [], {"model": "/m"}, ["Qwen/Qwen2.5-Math-7B"], ["/m"]),
        (f"{MODEL}/random-0.5/s3", ["algorithm.kl=0.01"], {}, ["0.0"],
         ["--algo.kl.estimator", "--algo.kl.use_loss", "0.01", "k3"]),
        (f"{MODEL}/random-0.5/s3", [], {"reward_url": "http://h:1/get_reward"},
         ["--train.agent_func_path", "/r/agent.py"], ["--reward.remote_url", "http://h:1/get_reward"]),
        (f"{MODEL}/random-0.5/s3", ["evaluation.every_steps=0"], {},
         ["--eval.dataset", "--eval.n_samples_per_prompt", "--eval.steps", "--eval.temperature", "/r/eval.jsonl",
          "0.6", "10", "8"], []),
    ],
)  # fmt: skip
def test_what_a_change_changes_and_nothing_else(
    name: str, overrides: list[str], options: dict[str, Any], removed: list[str], added: list[str]
) -> None:
    argv = build_argv(load_cell(name, overrides), Path("/r"), **options)
    argv = [f"{MODEL}/random-0.5/s3" if text == name else text for text in argv]
    assert changed(GOLDEN.split(), argv) == (sorted(removed), sorted(added))


def test_a_base_models_template_is_one_argument() -> None:
    argv = build_argv(cell_of("llama3.1-8b/ground-truth/s0"), Path("/r"))
    template = argv[argv.index("--data.input_template") + 1]
    assert template.startswith("<|begin_of_text|>Below is a conversation")
    assert "--data.apply_chat_template" not in argv


@pytest.mark.parametrize(
    ("nodes", "gpus", "kind", "parallel", "expected"),
    [
        (1, 8, "auto", 1, (1, 4, 4, 1, False, 8)),
        (1, 8, "colocate", 2, (1, 8, 4, 2, True, 8)),
        (1, 1, "auto", 1, (1, 1, 1, 1, True, 1)),
        (1, 2, "split", 1, (1, 1, 1, 1, False, 2)),
        (2, 8, "auto", 4, (1, 8, 2, 4, False, 16)),
        (3, 8, "split", 1, (3, 4, 12, 1, False, 24)),
    ],
)
def test_the_layout_of_the_gpus(nodes: int, gpus: int, kind: str, parallel: int, expected: tuple[Any, ...]) -> None:
    hardware = cell_of(
        f"{MODEL}/format/s0", f"hardware.nodes={nodes}", f"hardware.gpus_per_node={gpus}",
        f"hardware.layout={kind}", f"hardware.tensor_parallel={parallel}",
    ).settings.hardware  # fmt: skip
    plan = layout(hardware)
    found = (plan.actor_nodes, plan.actor_gpus, plan.engines, plan.tensor_parallel, plan.colocate, plan.gpus)
    assert found == expected


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["hardware.gpus_per_node=3", "hardware.layout=split"], "3 GPU"),
        (["hardware.tensor_parallel=3"], "tensor_parallel is 3, but 4"),
    ],
)
def test_a_layout_that_cannot_be(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        layout(cell_of(f"{MODEL}/format/s0", *overrides).settings.hardware)


def test_the_agent_file_holds_constants_and_one_class(tmp_path: Path) -> None:
    text = agent_file(agent_settings(cell_of("olmo2-7b/ground-truth/s4"), tmp_path, resume=True))
    scope: dict[str, Any] = {}
    exec(text.replace("from train_openrlhf.executor import CellExecutor", "CellExecutor = object"), scope)
    settings = scope["AgentExecutor"].settings
    assert settings["stop"] == ["</answer>"]
    assert settings["evaluation"] == {"math500": {"k": 1, "temperature": 0.0}, "*": {"temperature": 0.6}}
    assert (settings["seed"], settings["resume"], settings["eval_config"]) == (4, True, {"extraction": "answer_tag"})
    assert settings["reward_file"] == str(tmp_path / "reward.yaml")


# -- the dry run of one cell ----------------------------------------------------------------------------


@pytest.fixture
def dry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``launch CELL --smoke --dry-run`` in an empty folder, without OpenRLHF's own verdict."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "dry_run", lambda vectors: dict.fromkeys(vectors))
    monkeypatch.setattr(checks, "dry_run_findings", lambda cell, result: [])
    return lambda reward, *words: launch.main([f"{MODEL}/{reward}/s0", "--smoke", "--dry-run", *words])


@pytest.mark.parametrize("reward", ["ground-truth", "majority", "incorrect"])
def test_a_dry_run_leaves_nothing_behind(dry: Callable[..., int], tmp_path: Path, reward: str) -> None:
    assert dry(reward) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_looks_at_the_model(dry: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert dry("format", "--model", "/nowhere") == 2
    assert "error: model.hub_id /nowhere: there is no such folder" in capsys.readouterr().err


def test_a_dry_run_looks_at_the_run_folder_and_warns_of_a_full_disk(
    dry: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5))
    assert dry("format") == 0
    assert "warning: the checkpoints need about 1 GiB" in capsys.readouterr().err
    (tmp_path / f"runs/smoke/{MODEL}/format/s0/model").mkdir(parents=True)
    (tmp_path / f"runs/smoke/{MODEL}/format/s0/model/model.safetensors").touch()
    assert dry("format") == 2
    assert "holds a run already" in capsys.readouterr().err


def test_rows_of_ones_own_are_looked_at_in_a_smoke_dry_run(
    dry: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry("format", "--set", "data.train=mine.jsonl") == 2
    assert "mine.jsonl: no such file" in capsys.readouterr().err


# -- README.md ------------------------------------------------------------------------------------------

README = (starting.LAUNCHERS.parent / "README.md").read_text(encoding="utf-8")


def readme_commands() -> list[list[str]]:
    """The words behind ``launch`` in each command of the README."""
    text = README.replace("\\\n", " ")
    found = [line.partition("#")[0] for line in text.splitlines() if "-m train_openrlhf.launch " in line]
    return [shlex.split(line.partition("-m train_openrlhf.launch ")[2]) for line in found if "MODEL/" not in line]


def test_the_readme_has_its_commands() -> None:
    assert len(readme_commands()) >= 7


@pytest.mark.parametrize("words", readme_commands(), ids=" ".join)
def test_every_command_of_the_readme_would_start(words: list[str]) -> None:
    args = launch._parser().parse_args([word.strip("`.,:;") for word in words])
    cell = launch.resolve(args, args.cell)
    assert [str(one) for one in checks.settings_findings(cell) if one.level == "error"] == []
    assert list(checks.reward_findings(cell)) == []
    build_argv(cell, Path("/r"))


def test_the_readmes_example_of_a_reward(tmp_path: Path) -> None:
    configs = Path(shutil.copytree(starting.LAUNCHERS.parent / "configs", tmp_path / "configs"))
    text = README.partition("```yaml\n")[2].partition("```")[0]
    (configs / "rewards/mine.yaml").write_text(text, encoding="utf-8")
    cell = load_cell(f"{MODEL}/mine/s0", configs=configs)
    assert list(checks.reward_findings(cell)) == []
    assert cell.settings.steps == 150


def test_the_readmes_flags_are_those_of_the_golden_arguments() -> None:
    table = README.partition("## Flags against")[2].partition("\n## ")[0]
    golden = set(GOLDEN.split())
    optional = {"--train.colocate_all"}
    flags = {word.strip("`|,()") for word in table.split() if word.startswith(("`--", "--"))}
    flags = {flag for flag in flags if "." in flag}
    assert flags
    assert flags - optional - {"--data.input_template", "--data.apply_chat_template"} <= golden


def test_the_readmes_figures() -> None:
    from train_openrlhf import grid

    def hours(name: str) -> str:
        return f"{sum(192 * load_cell(cell).settings.steps / 300 for cell in grid.cells_of(name)):,.0f}"

    assert f"the grid's {len(grid.cells_of('all'))} cells\nare at most {hours('all')} GPU hours" in README
    assert f"`controls` at most {hours('controls')}, `headline` (6 cells) at most {hours('headline')}" in README
