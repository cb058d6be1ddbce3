"""What would fail an hour later, looked for before anything is started; each finding says why and what to do.

Promises: these look at a cell, its rows and what OpenRLHF made of its arguments, and at nothing else (machine.py has
the rest). An ``error`` stops a launch, a ``warning`` does not. Does not: promise that a run with no finding succeeds.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator

from verifier.errors import VerifierError
from verifier.rewards import reward_from

from .argv import OPENRLHF, layout
from .cells import Cell
from .dryrun import Result
from .findings import Finding, error, warning
from .http_checks import url_findings
from .rundata import RunData, group_of

CHANCE = 1e-9
"""At most this often a shuffled file is taken for one that is not."""


def settings_findings(cell: Cell) -> Iterator[Finding]:
    """Settings that do not fit together."""
    s = cell.settings
    plan = layout(s.hardware)
    samples = s.rollout.batch_size * s.rollout.samples_per_prompt
    if samples % s.train.batch_size:
        yield error(
            f"train.batch_size {s.train.batch_size} does not divide the {samples} samples of a rollout "
            f"({s.rollout.batch_size} * {s.rollout.samples_per_prompt}): the rest would be trained on in part at most"
        )
    if s.train.batch_size % (s.train.micro_batch_size * plan.ranks):
        yield error(
            f"train.batch_size {s.train.batch_size} is not a multiple of train.micro_batch_size "
            f"{s.train.micro_batch_size} * {plan.ranks} training GPUs: DeepSpeed would accumulate fewer samples"
        )
    if samples % (s.rollout.micro_batch_size * plan.ranks):
        yield error(
            f"the {samples} samples of a rollout are not a multiple of rollout.micro_batch_size "
            f"{s.rollout.micro_batch_size} * {plan.ranks} training GPUs: the ranks would get unequal shares and hang"
        )
    if s.steps % s.checkpoint.save_every:
        yield error(
            f"checkpoint.save_every {s.checkpoint.save_every} does not divide steps {s.steps}: OpenRLHF saves nothing "
            "at the end but the plain weights, so the last steps could not be evaluated as a checkpoint or resumed"
        )
    every = s.evaluation.every_steps
    if every and s.steps % every and not cell.smoke:
        yield warning(f"evaluation.every_steps {every} does not divide steps {s.steps}: no evaluation at the end")
    clip = min(s.algorithm.clip_low, s.algorithm.clip_high)
    if cell.updates_per_step == 1 and clip < 1e6 and "noclip" not in cell.reward_name:
        yield warning(
            "one update a rollout: the ratio is always 1, so the clip cannot act, and random rewards teach nothing"
        )
    if s.memory.packing and "flash_attention" not in s.memory.attention:
        yield error(
            f"memory.packing needs flash attention, memory.attention is {s.memory.attention}: OpenRLHF would switch it"
        )
    if s.hardware.nodes > 1 and s.hardware.tensor_parallel > s.hardware.gpus_per_node:
        yield error(f"hardware.tensor_parallel {s.hardware.tensor_parallel} is larger than a node")
    if cell.model.template == "r1" and cell.model.system_prompt is not None:
        yield error("a system prompt needs a chat template; the r1 prompt of this model has no place for one")


def dry_run_findings(cell: Cell, result: Result) -> Iterator[Finding]:
    """What OpenRLHF's parser, assertions and placement say, against what the cell asked for."""
    if result.error is not None:
        yield error(f"OpenRLHF {OPENRLHF} refuses the arguments: {result.error}")
        return
    hardware = cell.settings.hardware
    wanted = hardware.nodes * hardware.gpus_per_node
    if result.gpus != wanted:
        yield error(
            f"OpenRLHF would reserve {result.gpus} GPUs, hardware asks for {hardware.nodes} * {hardware.gpus_per_node} "
            f"= {wanted}: " + ("Ray would wait for ever" if result.gpus > wanted else "some would stand idle")
        )
    for line in result.warnings:
        yield warning(f"OpenRLHF: {line.removeprefix('[Warning] ')}")


def data_findings(cell: Cell, data: RunData) -> Iterator[Finding]:
    """Rows that would train or evaluate something else than meant."""
    if not cell.one_shot and _in_order([row.id for row in data.train[: data.available]]):
        yield error(
            f"{cell.settings.data.train} is not shuffled: its ids come in rising or falling order, so "
            f"{cell.settings.steps} steps would see only its first part (of one source or level): make it with "
            "python -m train_openrlhf.prepare"
        )
    elif not cell.one_shot and (unlike := _unlike_the_file(data)) is not None:
        yield error(
            f"{cell.settings.data.train} is not shuffled: {unlike}; make it with python -m train_openrlhf.prepare"
        )
    if cell.prompts > data.available and not cell.one_shot:
        laps = cell.prompts / data.available
        there = "there is 1 problem" if data.available == 1 else f"there are {data.available} problems"
        yield warning(f"{cell.prompts} prompts are needed, {there}: each comes {laps:.1f} times")
    seen: dict[str, str] = {}
    for row in data.eval:
        key = row.prompt.strip()  # chat templates trim: what differs in outer space only is one prompt after templating
        if cell.model.template == "r1" or cell.smoke:
            key = row.prompt
        if key in seen:
            yield error(
                f"{cell.settings.data.eval}: {seen[key]} and {row.id} have the same prompt after templating; OpenRLHF "
                "finds the benchmark of a response by its prompt, so one of the two would be counted in the wrong set"
            )
        seen.setdefault(key, row.id)
    sets = Counter(row.benchmark for row in data.eval)
    for name in cell.settings.evaluation.greedy:
        if data.eval and name not in sets:
            yield warning(f"evaluation.greedy names {name}; {cell.settings.data.eval} has {', '.join(map(str, sets))}")
    trained = {row.prompt.strip() for row in data.train}
    both = [row.id for row in data.eval if row.prompt.strip() in trained]
    if both and not cell.smoke:
        listed = ", ".join(both[:3])
        yield error(f"{len(both)} evaluation problem(s) stand in the training rows too ({listed}): run prepare again")


def _in_order(ids: list[str]) -> bool:
    """Whether most neighbours rise, or most fall, as they do in an unshuffled file: in a shuffled one half do."""
    if len(ids) < 32:
        return False
    keys = [tuple(int(part) if part.isdecimal() else -1 for part in name.replace("/", " ").split()) for name in ids]
    pairs = list(itertools.pairwise(keys))
    return max(sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)) > 0.9 * len(pairs)


def _unlike_the_file(data: RunData) -> str | None:
    """What the rows used have too many or too few of, beside the whole file; None where chance may give it.

    Hoeffding's bound, which holds for draws without replacement: of ``n`` rows of a shuffled file the count of a group
    is off by ``sqrt(n * log(2 / chance) / 2)`` with that chance at most.
    """
    rows = sum(data.groups.values())
    used = min(len(data.train), rows)
    taken = Counter(group_of(row.id) for row in data.train[:used])
    bound = math.sqrt(used * math.log(2 * max(1, len(data.groups)) / CHANCE) / 2)
    for name, there in data.groups.items():
        expected = used * there / rows
        if abs(taken[name] - expected) > bound:
            return (
                f"{taken[name]} of the {used} rows used are of {name or 'ids without a source'}, where its "
                f"{there} of {rows} in the file would give about {expected:.0f}"
            )
    return None


def reward_findings(cell: Cell) -> Iterator[Finding]:
    """Whether the reward can be made, and has the labels that it compares with."""
    try:
        reward = reward_from(dict(cell.reward), where=f"{cell.reward_name}.yaml: reward")
    except VerifierError as failed:
        yield error(str(failed))
        return
    if reward.needs_label and cell.labels == "none":
        yield error(f"{cell.reward_name}: the reward compares with the label; set labels to majority or incorrect")
    if not reward.needs_label and cell.labels != "none":
        yield warning(f"{cell.reward_name}: labels is {cell.labels}, but the reward does not look at the label")


def http_findings(cell: Cell, url: str) -> Iterator[Finding]:
    """What a cell loses where its reward is asked for over HTTP."""
    reward = reward_from(dict(cell.reward))
    if reward.needs:
        listed = ", ".join(sorted(reward.needs))
        yield error(f"{cell.reward_name} needs {listed}, which a request does not carry: launch without --reward-url")
    if cell.model.stop:
        yield error(f"over HTTP nothing stops at {', '.join(cell.model.stop)}, which {cell.model_name} needs")
    yield from url_findings(url)
    yield warning(
        "over HTTP no completions are written, and the evaluation in training samples every set alike and pays the "
        "training reward: read `evaluate` for accuracy"
    )
