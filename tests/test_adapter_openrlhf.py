"""The adapter for OpenRLHF through OpenRLHF's own executor, rollout actor, experiences, advantages and evaluation.

Only generation is stood in for: `Says` gives each call its response.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verifier.adapters.openrlhf import LOGS, load, reward_func, strip_special
from verifier.errors import ConfigError
from verifier.rewards import Context, MajorityOnline, Random, reward_file_from
from verifier.rows import Row

pytestmark = pytest.mark.openrlhf
HANG = r"\boxed{\int_0^1 \frac{\sin(x)}{x} e^{x^3+%d x} dx}"  # no rung decides it: its worker is killed
PROMPT = "What is 2+2?"
LABEL = json.dumps({"id": "sum/1", "gold": "4", "label": "4", "visit": 3})
NONE = dict.fromkeys(LOGS, 0.0)
Make = Callable[..., Any]


def _support(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "support" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


support = _support("openrlhf_real")


@pytest.fixture(scope="module")
def real() -> SimpleNamespace:
    loaded: SimpleNamespace = support.load()
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from train_openrlhf import smoke

    made = smoke._tokenizer()
    made.add_special_tokens({"bos_token": "<bos>", "additional_special_tokens": ["<|im_end|>"]})
    return made


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, Any]], Path]:
    def write(settings: Mapping[str, Any]) -> Path:
        path = tmp_path / "reward.json"
        path.write_text(json.dumps(settings))
        return path

    return write


@pytest.fixture
def by_file(real: SimpleNamespace, tokenizer: Any, write: Make, tmp_path: Path) -> Make:
    """Rewards of responses through OpenRLHF's own executor and a reward file for it, as a user writes one."""

    def run(
        *responses: Any, reward: Any = "ground_truth", prompt: str = PROMPT, label: Any = LABEL, max_length: int = 400
    ) -> list[dict[str, Any]]:
        path = tmp_path / "reward_func.py"
        reward_file = write({"reward": reward})
        path.write_text(f"from verifier.adapters.openrlhf import load\nreward_func = load({str(reward_file)!r})\n")
        actor = support.engine(
            real, real.SingleTurnAgentExecutor(str(path)), tokenizer, lambda call, _: responses[call]
        )
        return asyncio.run(_ask(real, tokenizer, actor, len(responses), prompt, label, max_length))

    return run


@pytest.fixture
def by_group(real: SimpleNamespace, tokenizer: Any, write: Make) -> Make:
    """An executor of ours, and OpenRLHF's actor around it."""

    def make(reward: Any, say: Callable[[int, Any], Any], *, unscored: Any = None) -> Any:
        from verifier.adapters.openrlhf import GroupExecutor

        settings = {"reward": reward} | ({} if unscored is None else {"unscored": unscored})
        executor = type("AgentExecutor", (GroupExecutor,), {"reward_file": write(settings)})
        return support.engine(real, executor(), tokenizer, say)

    return make


async def _ask(
    real: SimpleNamespace, tokenizer: Any, actor: Any, samples: int, prompt: str = PROMPT, label: Any = LABEL,
    max_length: int = 400,
) -> Any:  # fmt: skip
    """As OpenRLHF's sample generator asks; the parameters come unpickled, so each call has its own."""
    params = real.SamplingParams(max_tokens=max_length - 100, skip_special_tokens=False)
    return await actor.generate_responses(prompt, label, params, max_length, tokenizer, num_samples=samples)


def _rewards(outputs: list[dict[str, Any]]) -> list[float]:
    assert all(type(output["reward"]) is float and output["reward"] == output["scores"] for output in outputs)
    return [output["reward"] for output in outputs]


def test_what_is_loaded_is_out_of_the_collectors_way(by_group: Make) -> None:
    """A pass of Python's collector over torch, Ray and OpenRLHF holds up the event loop for a quarter of a second."""
    from verifier.adapters._group import settle

    gc.unfreeze()
    settle.cache_clear()
    by_group("ground_truth", lambda call, _: r"\boxed{4}")
    frozen, seen = gc.get_freeze_count(), len(gc.get_objects())
    gc.unfreeze()
    assert frozen > 100_000
    assert frozen > 10 * seen


# -- reward_func files -------------------------------------------------------------------------------


def test_a_reward_file_of_two_lines_scores_through_openrlhfs_executor(by_file: Make, real: SimpleNamespace) -> None:
    outputs = by_file(r"so \boxed{4}", r"so \boxed{5}", "it is 4", r"\boxed{\frac{8}{2}}<|im_end|>")
    assert _rewards(outputs) == [1.0, 0.0, 0.0, 1.0]
    assert all(output["extra_logs"] == NONE for output in outputs)
    batch = support.experience(real, outputs)
    assert batch.rewards.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert batch.info["unscored"].tolist() == [0.0] * 4


def test_a_box_of_the_prompt_is_not_the_responses(by_file: Make) -> None:
    boxed = r"<bos>Write \boxed{4}: what is 2+2?<|im_end|>"
    outputs = by_file("no idea", r"\boxed{5}", r"\boxed{4}", prompt=boxed)
    assert _rewards(outputs) == [0.0, 0.0, 1.0]


def test_a_prompt_that_was_cut_on_the_left_is_unscored(by_file: Make, real: SimpleNamespace) -> None:
    outputs = by_file(r"\boxed{4}", prompt="x" * 80 + r"\boxed{4} " + "y" * 80)
    assert outputs[0]["extra_logs"] == NONE | {"unscored": 1.0, "prompt_mismatch": 1.0}
    assert _rewards(outputs) == [0.0]
    assert support.experience(real, outputs).info["prompt_mismatch"].tolist() == [1.0]


@pytest.mark.parametrize("prompt", ["2+2=", "<bos>2+2=", "<bos>2+2=<|im_end|>", r"\boxed{9}<bos>=", "2+2=<eos>"])
@pytest.mark.parametrize("response", [r"\boxed{4}", r"\boxed{<bos>4}<eos>", "<|im_end|>", "", r" a<eos>b "])
def test_both_routes_see_the_same_text(tokenizer: Any, prompt: str, response: str) -> None:
    """The text route strips the query; the executor decodes the response's tokens without special ones."""
    from verifier.adapters._query import response_of_query

    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = [*tokenizer(response, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    query = tokenizer.decode(head + tail, skip_special_tokens=False)
    decoded = tokenizer.decode(tail, skip_special_tokens=True)
    assert response_of_query(query, prompt, tokenizer.all_special_tokens) == decoded
    assert strip_special(tokenizer.decode(tail), tokenizer.all_special_tokens) == decoded


@pytest.mark.parametrize(
    ("query", "prompt", "label", "fault"),
    [
        (PROMPT + " 4", PROMPT, None, "bad_label"),
        (PROMPT + " 4", PROMPT, {"id": "a"}, "bad_label"),
        (PROMPT + " 4", PROMPT, ["4"], "bad_label"),
        (PROMPT + " 4", PROMPT, '{"gold": {"a": 1}}', "bad_label"),
        ("4", PROMPT, "4", "prompt_mismatch"),
        ("", PROMPT, "4", "prompt_mismatch"),
        (None, PROMPT, "4", "error"),
        (b"4", PROMPT, "4", "error"),
        (PROMPT + " 4", None, "4", "error"),
        (PROMPT + r" \boxed{4}", PROMPT, r"\frac{1}{", "unscored"),
    ],
)
def test_whatever_comes_floats_under_the_same_keys_go_back(query: Any, prompt: Any, label: Any, fault: str) -> None:
    score = reward_func(reward_file_from({"reward": "ground_truth", "unscored": {"reward": 0.25}}))
    result = score([query], [prompt], [label])
    assert set(result) == {"rewards", "scores", "extra_logs"}
    assert tuple(result["extra_logs"]) == LOGS
    assert result["extra_logs"] == NONE | {"unscored": 1.0, fault: 1.0}
    values = [result["rewards"], result["scores"], *result["extra_logs"].values()]
    assert all(type(value) is float for value in values)
    assert result["rewards"] == 0.25


def test_a_reward_that_breaks_is_counted_and_logged(monkeypatch: Any, caplog: Any) -> None:
    settings = reward_file_from({"reward": "format"})
    monkeypatch.setattr(type(settings.reward), "__call__", lambda *_: 1 / 0)
    score = reward_func(settings)
    assert [score([PROMPT], [PROMPT], ["4"])["extra_logs"]["error"] for _ in range(3)] == [1.0] * 3
    assert sum("ZeroDivisionError" in record.getMessage() for record in caplog.records) == 1


def test_several_queries_get_lists() -> None:
    score = reward_func(reward_file_from({"reward": "ground_truth"}))
    result = score([PROMPT + r"\boxed{4}", "no"], [PROMPT, PROMPT], ["4", "4"])
    assert (result["rewards"], result["extra_logs"]["prompt_mismatch"]) == ([1.0, 0.0], [0.0, 1.0])


def test_from_many_threads_the_rewards_are_the_same(write: Make) -> None:
    score = load(write({"reward": "ground_truth"}))
    responses = [rf"\boxed{{{n % 6}}}" for n in range(60)] + [r"\boxed{\int_0^2 x^3 dx}"] * 4
    main = threading.get_ident()

    def one(response: str) -> tuple[bool, float]:
        return threading.get_ident() != main, score([PROMPT + response], [PROMPT], [LABEL])["rewards"]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(one, responses))
    assert all(elsewhere for elsewhere, _ in found)
    assert [reward for _, reward in found] == [float(n % 6 == 4) for n in range(60)] + [1.0] * 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reward": {"kind": "random", "gamma": 0.5}}, "needs the visit and the index"),
        ({"reward": "majority_online"}, "needs the group"),
        ({"reward": {"kind": "all", "of": ["format", "majority_online"]}}, "needs the group"),
        ({"reward": "format", "unscored": "group_mean"}, "group_mean needs the group"),
        ({"reward": "format", "unscored": "skip"}, "skip cannot be honoured"),
    ],
)
def test_what_this_route_cannot_serve_is_refused_at_load(settings: Any, said: str, write: Make) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load(write(settings))
    if said != "skip cannot be honoured":
        assert "--train.agent_func_path" in str(caught.value)
        assert "TRL" in str(caught.value)


def test_openrlhfs_evaluation_reads_the_rewards(by_file: Make, real: SimpleNamespace) -> None:
    outputs = by_file(r"\boxed{4}", "no", r"\boxed{4}", "no")
    generator = real.SamplesGenerator.__new__(real.SamplesGenerator)
    samples = [generator._process_response_into_experience(output, max_len=400) for output in outputs]
    metrics = real.compute_eval_metrics([(["amc"], [PROMPT], [LABEL], [None])], samples, 4)
    assert (metrics["eval_amc_pass1"], metrics["eval_amc_pass4"]) == (0.5, 1.0)


# -- the group-aware executor ------------------------------------------------------------------------


def test_online_majority_pays_the_groups_own_majority(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    said = [r"\boxed{7}", r"\boxed{4}", "none", r"\boxed{\frac{14}{2}}", r"\boxed{7.0}", r"\boxed{4}"]
    outputs = asyncio.run(_ask(real, tokenizer, by_group("majority_online", lambda call, _: said[call]), len(said)))
    assert _rewards(outputs) == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    assert _rewards(outputs) == MajorityOnline().over_group(said, Row("sum/1", PROMPT, "4"))
    assert support.advantages(real, outputs).isfinite().all()


def test_an_index_is_the_order_of_start_whatever_ends_first(
    by_group: Make, real: SimpleNamespace, tokenizer: Any
) -> None:
    reward = Random(0.5, seed=5)
    actor = by_group(reward.describe(), lambda call, _: (40 - 2 * call, "x"))  # the last to start ends first
    outputs = asyncio.run(_ask(real, tokenizer, actor, 16))
    row = Row.from_label(LABEL, PROMPT)
    expected = [reward("x", row, Context(index)) for index in range(16)]
    assert _rewards(outputs) == expected
    assert len(set(expected)) == 2


def test_groups_side_by_side_stay_apart(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    """The same prompt on two visits and another prompt at once; then many in a row, whose ids are used again."""
    actor = by_group("majority_online", lambda call, _: (call % 5 + 1, rf"\boxed{{{call % 3}}}"))

    async def several() -> list[Any]:
        asked = (_ask(real, tokenizer, actor, 3, prompt) for prompt in (PROMPT, PROMPT, "Another?"))
        found = list(await asyncio.gather(*asked))
        found += [await _ask(real, tokenizer, actor, 3) for _ in range(30)]
        return found

    assert [_rewards(outputs) for outputs in asyncio.run(several())] == [[1.0, 0.0, 0.0]] * 33
    assert actor.executor._groups == {}


def test_a_member_that_fails_costs_only_itself(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    said = [r"\boxed{1}", RuntimeError("engine"), r"\boxed{2}", r"\boxed{2}"]
    actor = by_group("majority_online", lambda call, _: said[call])

    async def run() -> list[Any]:
        params = real.SamplingParams(max_tokens=50)
        one = (actor.executor.execute(PROMPT, LABEL, params, 400, tokenizer, actor) for _ in said)
        return await asyncio.gather(*one, return_exceptions=True)

    first, failed, *rest = asyncio.run(run())
    assert isinstance(failed, RuntimeError)
    assert _rewards([first, *rest]) == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("victim", [0, 1, 3])
@pytest.mark.parametrize("turns", [0, 3, 12])
def test_a_member_that_is_cancelled_does_not_hold_the_others(
    by_group: Make, real: SimpleNamespace, tokenizer: Any, victim: int, turns: int
) -> None:
    """Cancelled before it starts, while it generates, and while it waits for its siblings."""
    actor = by_group("majority_online", lambda call, _: (2 if call != 2 else 30, r"\boxed{2}"))

    async def run() -> list[Any]:
        params = real.SamplingParams(max_tokens=50)
        tasks = [
            asyncio.ensure_future(actor.executor.execute(PROMPT, LABEL, params, 400, tokenizer, actor))
            for _ in range(4)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[victim].cancel()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)

    outputs = asyncio.run(run())
    assert isinstance(outputs.pop(victim), asyncio.CancelledError)
    assert _rewards(outputs) == [1.0, 1.0, 1.0]
    assert actor.executor._groups == {}


def test_a_group_of_which_all_fail_ends(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    actor = by_group("majority_online", lambda *_: RuntimeError("engine"))
    with pytest.raises(RuntimeError, match="engine"):
        asyncio.run(_ask(real, tokenizer, actor, 4))
    assert actor.executor._groups == {}


def test_only_the_actions_tokens_are_read(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    actor = by_group("ground_truth", lambda *_: "no idea")
    outputs = asyncio.run(_ask(real, tokenizer, actor, 2, r"<bos>\boxed{4}" * 30 + "?"))
    assert len(outputs[0]["observation_tokens"]) > 100  # the prompt was cut on the left
    assert _rewards(outputs) == [0.0, 0.0]
    assert outputs[0]["extra_logs"] == NONE


def test_a_label_without_a_row_is_counted(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    actor = by_group("ground_truth", lambda *_: r"\boxed{4}", unscored={"reward": -0.5})
    outputs = asyncio.run(_ask(real, tokenizer, actor, 2, label=None))
    assert _rewards(outputs) == [-0.5, -0.5]
    assert outputs[0]["extra_logs"] == NONE | {"unscored": 1.0, "bad_label": 1.0}


def test_a_row_without_a_visit_ends_a_run_that_needs_it(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    actor = by_group({"kind": "random", "gamma": 0.5}, lambda *_: "x")
    with pytest.raises(ConfigError, match="needs the row's visit"):
        asyncio.run(_ask(real, tokenizer, actor, 2, label="4"))


def test_unscored_members_get_the_mean_of_their_group(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    said = [r"\boxed{4}", HANG % 1, r"\boxed{5}", r"\boxed{4}", r"\boxed{4}"]
    actor = by_group("ground_truth", lambda call, _: said[call], unscored="group_mean")
    outputs = asyncio.run(_ask(real, tokenizer, actor, 5))
    assert _rewards(outputs) == [1.0, 0.75, 0.0, 1.0, 1.0]
    assert [output["extra_logs"]["unscored"] for output in outputs] == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_two_hangs_do_not_cost_another_group_its_answer(by_group: Make, real: SimpleNamespace, tokenizer: Any) -> None:
    said = {"hang?": [HANG % 2, HANG % 3], PROMPT: [r"\boxed{4}", r"\boxed{5}"]}
    actor = by_group("ground_truth", lambda *_: said[actor.says.prompts[-1]].pop(0))
    ended: list[str] = []

    async def ask(prompt: str) -> list[float]:
        outputs = await _ask(real, tokenizer, actor, 2, prompt)
        ended.append(prompt)
        return _rewards(outputs)

    async def both() -> list[list[float]]:
        return await asyncio.gather(ask("hang?"), ask(PROMPT))

    assert asyncio.run(both()) == [[0.0, 0.0], [1.0, 0.0]]
    assert ended == [PROMPT, "hang?"]


# -- through the real advantages ---------------------------------------------------------------------

GROUND = {"kind": "ground_truth"}
COIN = {"kind": "random", "gamma": 1.0}
COMPOSED = [
    GROUND,
    {"kind": "ground_truth", "against": "label", "extraction": "paper"},
    {"kind": "format"},
    {"kind": "majority_online"},
    {"kind": "random", "gamma": 1.0},
    {"kind": "random", "gamma": 0.0},
    {"kind": "contains"},
    {"kind": "no_repetition"},
    {"kind": "length_penalty", "limit": 30, "free": 3},
    {"kind": "noise", "of": GROUND, "false_negative": 1.0},
    {"kind": "noise", "of": {"kind": "sum", "of": [GROUND], "weights": [0.9]}, "false_negative": 1.0},
    {"kind": "all", "of": [GROUND, {"kind": "not", "of": "contains"}]},
    {"kind": "any", "of": ["contains", "format"]},
    {"kind": "sum", "of": [GROUND, "format", COIN], "weights": [0.1, 0.2, 1 / 3]},
    {"kind": "sum", "of": [GROUND, {"kind": "length_penalty", "limit": 70}], "weights": [0.7, 0.013]},
    {"kind": "clip", "of": {"kind": "sum", "of": [GROUND, GROUND]}, "low": 0.0, "high": 0.3},
]


@pytest.mark.parametrize("reward", COMPOSED, ids=lambda reward: reward["kind"])
@pytest.mark.parametrize("samples", [2, 3, 7, 16])
def test_a_constant_group_has_no_advantage(
    by_group: Make, real: SimpleNamespace, tokenizer: Any, reward: Any, samples: int
) -> None:
    actor = by_group(reward, lambda *_: r"therefore \boxed{4}")
    outputs = asyncio.run(_ask(real, tokenizer, actor, samples))
    assert len(set(_rewards(outputs))) == 1
    assert (support.advantages(real, outputs) == 0).all()


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1 / 3])
def test_without_rounding_a_constant_group_has_one(by_group: Make, real: Any, tokenizer: Any, value: float) -> None:
    """Why rewards are multiples of 1/1024: the same code, given the bare number."""
    outputs = asyncio.run(_ask(real, tokenizer, by_group("format", lambda *_: "x"), 7))
    for output in outputs:
        output.update(reward=value, scores=value)
    biggest = support.advantages(real, outputs).abs().max().item()
    samples = 7
    while biggest == 0 and samples < 16:  # which sizes are struck depends on the value
        samples += 1
        outputs = [*outputs, outputs[0]]
        biggest = support.advantages(real, outputs).abs().max().item()
    assert biggest > 0.5
