"""A cell as OpenRLHF 0.11.2's argument vector, and as the agent file that its engines load.

Promises: pure functions of the cell, the run folder and what was asked on the command line; every flag is written out
in full (argparse would also take an abbreviation, and another version would then read it differently), and the values
that the paper states are given even where they are OpenRLHF's defaults. Tests hold golden vectors, and dryrun.py runs
them through OpenRLHF's own parser and assertions. Does not: touch the disk or look at the machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import ConfigError

from .cells import Cell
from .schema import Hardware

#: The version whose flags these are.
OPENRLHF = "0.11.2"


@dataclass(frozen=True, slots=True)
class Layout:
    """Who gets which GPUs. engines: of vLLM, each of ``tensor_parallel`` GPUs. colocate: all share all GPUs."""

    actor_nodes: int
    actor_gpus: int
    engines: int
    tensor_parallel: int
    colocate: bool

    @property
    def ranks(self) -> int:
        """Training processes, one a GPU."""
        return self.actor_nodes * self.actor_gpus

    @property
    def gpus(self) -> int:
        """GPUs in all."""
        return self.ranks if self.colocate else self.ranks + self.engines * self.tensor_parallel


def layout(hardware: Hardware) -> Layout:
    """The split of the GPUs: half train and half generate (whole nodes where there are several), or all do both.

    Raises ConfigError where they cannot be split or the tensor-parallel size does not fit.
    """
    total, parallel = hardware.nodes * hardware.gpus_per_node, hardware.tensor_parallel
    even = total % 2 == 0
    if hardware.layout == "split" and not even:
        raise ConfigError(
            f"hardware.layout is split, but {total} GPU(s) cannot be halved; use --set hardware.layout=colocate"
        )
    colocate = hardware.layout == "colocate" or (hardware.layout == "auto" and not even)
    shared = total if colocate else total // 2
    if shared % parallel:
        raise ConfigError(
            f"hardware.tensor_parallel is {parallel}, but {shared} GPU(s) generate; it must divide that number"
        )
    if colocate:
        return Layout(hardware.nodes, hardware.gpus_per_node, shared // parallel, parallel, True)
    whole_nodes = hardware.nodes % 2 == 0
    nodes = hardware.nodes // 2 if whole_nodes else hardware.nodes
    return Layout(nodes, total // 2 // nodes, shared // parallel, parallel, False)


def build_argv(
    cell: Cell, folder: Path, *, model: str | None = None, resume: bool = False, reward_url: str | None = None
) -> list[str]:
    """OpenRLHF's arguments for the cell whose run folder is ``folder``.

    model: where the weights are, the cell's hub id by default. reward_url: score over HTTP instead of by the agent
    file; completions are then not written. Raises ConfigError from `layout`.
    """
    s, plan = cell.settings, layout(cell.settings.hardware)
    flags: list[str | float | int] = ["--actor.model_name_or_path", model or cell.model.hub_id]
    flags += _hardware(cell, plan)
    flags += (
        ["--reward.remote_url", reward_url] if reward_url else ["--train.agent_func_path", str(folder / "agent.py")]
    )
    flags += ["--data.prompt_dataset", str(folder / "train.jsonl"), "--data.input_key", "prompt"]
    flags += ["--data.label_key", "row", "--data.max_len", s.rollout.max_prompt_tokens + s.rollout.max_new_tokens]
    template = cell.prompt_template
    flags += ["--data.apply_chat_template"] if template is None else ["--data.input_template", template]
    flags += ["--rollout.batch_size", s.rollout.batch_size, "--rollout.micro_batch_size", s.rollout.micro_batch_size]
    flags += ["--rollout.n_samples_per_prompt", s.rollout.samples_per_prompt]
    flags += ["--rollout.max_new_tokens", s.rollout.max_new_tokens]
    flags += ["--rollout.temperature", s.rollout.temperature, "--rollout.top_p", s.rollout.top_p]
    flags += ["--train.batch_size", s.train.batch_size, "--train.micro_batch_size", s.train.micro_batch_size]
    flags += ["--train.max_epochs", s.train.epochs, "--train.num_episodes", 1, "--train.seed", cell.seed]
    flags += ["--algo.advantage.estimator", s.algorithm.estimator]
    flags += ["--algo.advantage.gamma", 1.0, "--algo.advantage.lambd", 1.0, "--algo.kl.init_coef", s.algorithm.kl]
    if s.algorithm.kl > 0:
        flags += ["--algo.kl.use_loss", "--algo.kl.estimator", "k3"]
    flags += ["--actor.adam.lr", s.optimizer.lr, "--actor.lr_scheduler", s.optimizer.schedule]
    flags += ["--actor.lr_warmup_ratio", s.optimizer.warmup_ratio, "--actor.max_norm", s.optimizer.max_norm]
    flags += ["--actor.adam.weight_decay", s.optimizer.weight_decay]
    flags += ["--actor.eps_clip_low_high", s.algorithm.clip_low, s.algorithm.clip_high]
    flags += ["--actor.loss_agg_mode", s.algorithm.loss]
    flags += _memory(cell) + _evaluation(cell, folder) + _output(cell, folder, resume)
    return [str(flag) for flag in flags]


def _hardware(cell: Cell, plan: Layout) -> list[str | float | int]:
    hardware = cell.settings.hardware
    flags: list[str | float | int] = [
        "--actor.num_nodes",
        plan.actor_nodes,
        "--actor.num_gpus_per_node",
        plan.actor_gpus,
    ]
    flags += ["--ref.num_nodes", plan.actor_nodes, "--ref.num_gpus_per_node", plan.actor_gpus]
    flags += ["--vllm.num_engines", plan.engines, "--vllm.tensor_parallel_size", plan.tensor_parallel]
    flags += ["--vllm.sync_backend", hardware.sync_backend]
    if plan.colocate:
        flags += ["--train.colocate_all", "--vllm.enable_sleep", "--ds.enable_sleep"]
        flags += ["--vllm.gpu_memory_utilization", hardware.vllm_memory]
    else:
        flags += ["--train.colocate_actor_ref", "--vllm.gpu_memory_utilization", 0.9]
    return [*flags, "--vllm.enforce_eager"] if hardware.enforce_eager else flags


def _memory(cell: Cell) -> list[str | float | int]:
    memory = cell.settings.memory
    flags: list[str | float | int] = ["--ds.zero_stage", memory.zero_stage, "--ds.param_dtype", memory.dtype]
    flags += ["--ds.attn_implementation", memory.attention]
    switches = {
        "--ds.adam_offload": memory.offload_optimizer,
        "--ds.packing_samples": memory.packing,
        "--actor.gradient_checkpointing_enable": memory.gradient_checkpointing,
    }
    return flags + [flag for flag, on in switches.items() if on]


def _evaluation(cell: Cell, folder: Path) -> list[str | float | int]:
    evaluation = cell.settings.evaluation
    if not evaluation.every_steps:
        return []
    flags: list[str | float | int] = [
        "--eval.dataset",
        str(folder / "eval.jsonl"),
        "--eval.steps",
        evaluation.every_steps,
    ]
    return [*flags, "--eval.n_samples_per_prompt", evaluation.samples, "--eval.temperature", evaluation.temperature]


def _output(cell: Cell, folder: Path, resume: bool) -> list[str | float | int]:
    checkpoint = cell.settings.checkpoint
    flags: list[str | float | int] = ["--ckpt.path", str(folder / "ckpt"), "--ckpt.output_dir", str(folder / "model")]
    flags += ["--ckpt.save_steps", checkpoint.save_every, "--ckpt.max_num", checkpoint.keep]
    flags += ["--ckpt.best_metric_key", "none"]  # or it saves on every improvement
    flags += ["--ckpt.save_hf"] if checkpoint.weights else []
    flags += [] if checkpoint.resumable else ["--ckpt.disable_ds"]
    flags += ["--ckpt.load_enable"] if resume else []
    flags += ["--logger.logging_steps", 1, "--logger.tensorboard_dir", str(folder / "tensorboard")]
    return [*flags, "--logger.wandb.run_name", cell.name]


def agent_settings(cell: Cell, folder: Path, *, resume: bool = False) -> dict[str, Any]:
    """The constants of the agent file; executor.py says what each means."""
    evaluation = cell.settings.evaluation
    sampling: dict[str, dict[str, Any]] = {name: {"k": 1, "temperature": 0.0} for name in evaluation.greedy}
    return {
        "reward_file": str(folder / "reward.yaml"),
        "completions": str(folder / "completions"),
        "checkpoints": str(folder / "ckpt"),
        "resume": resume,
        "log_share": cell.settings.data.log_share,
        "seed": cell.seed,
        "stop": list(cell.model.stop),
        "evaluation": sampling | {"*": {"temperature": evaluation.temperature}},
        "eval_config": {} if cell.model.extraction == "boxed" else {"extraction": cell.model.extraction},
    }


def agent_file(settings: dict[str, Any]) -> str:
    """The text of ``agent.py``: constants and one class, which OpenRLHF's engines construct without arguments."""
    lines = [f"        {json.dumps(key)}: {value!r}," for key, value in settings.items()]
    return "\n".join(
        (
            '"""Written by train_openrlhf.launch for one run; the logic is in train_openrlhf/executor.py."""',
            "",
            "from train_openrlhf.executor import CellExecutor",
            "",
            "",
            "class AgentExecutor(CellExecutor):",
            "    settings = {",
            *lines,
            "    }",
            "",
        )
    )
