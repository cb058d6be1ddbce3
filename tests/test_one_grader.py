"""One grader: the same 1,000 responses through every way in give the same verdicts and the same rewards.

The ways are the real ones: OpenRLHF's reward function and its executor, a server process, TRL's reward function, verl's
loader and manager in verl's environment, Ray Data on a local Ray, datasets.map, the command line, lm-eval's task class.
Two reward files: the plain one, and a compound of label, traits and keyed noise.
"""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verifier import verify
from verifier.config import DEFAULT_CONFIG, VerifierConfig
from verifier.rewards import RewardFile, load_reward_file, quantise
from verifier.rows import Row

ROOT = Path(__file__).resolve().parent.parent
CASES = Path(__file__).parent / "cases"
ROWS = 1_000
UNSCORED = -0.4
ROOMY = VerifierConfig(timeout_s=60.0)
"""A busy machine must not decide: a limit on time only kills. Routes that take a config get this one. Where a route
has the default (verl's accuracy and the verdicts beside a compound reward, lm-eval), a new worker's first pair takes
the most time: 0.05 to 0.2 of its 0.8 CPU seconds."""
FILES = {
    "plain": f"reward: {{kind: ground_truth, config: {{timeout_s: 60}}}}\nunscored: {{reward: {UNSCORED}}}\n",
    "compound": f"""
reward:
  kind: sum
  of:
    - {{kind: ground_truth, against: label, config: {{timeout_s: 60}}}}
    - {{kind: any, of: [{{kind: contains, word: python}}, {{kind: not, of: {{kind: format}}}}]}}
    - {{kind: noise, of: {{kind: ground_truth, extraction: paper, config: {{timeout_s: 60}}}}, by: problem, seed: 3,
       false_positive: 0.3, false_negative: 0.2}}
  weights: [0.6, 0.1, 0.3]
unscored: {{reward: {UNSCORED}}}
""",
}
STYLES = (
    "We add, and get \\boxed{%s}.",
    "Let us write python:\n```python\nprint(1)\n```\nso \\boxed{7}, no: \\boxed{%s}",
    "The final answer is $%s$. I hope it is correct.",
    "\\boxed{\\text{first}} and then $\\boxed{%s}$\n",
    "Thus $\\boxed{%s$ and no more",
)


@cache
def _rows() -> tuple[tuple[Row, str], ...]:
    """Rows and responses: every case of the answer types and of the extraction, in turn in several styles."""
    answers = []
    for path in sorted((CASES / "answers").glob("*.jsonl")):
        answers += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [(case["gold"], case["answer"], STYLES[0] % case["answer"]) for case in answers]
    for line in (CASES / "extraction.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        found.append((case.get("answer") or "7", "7", case["response"]))
    for number in range(2, 12):  # a worker process decides these; and golds that nobody can read
        answer = rf"\int_0^1 {number}\sin(x)dx"
        found.append((rf"{number}-{number}\cos 1", answer, STYLES[0] % answer))
        found.append((rf"\frac{{{number}", str(number), STYLES[0] % number))
    found = [texts for texts in found if _carried(texts)]
    more = cycle([(gold, answer, style % answer) for gold, answer, _ in found[::7] for style in STYLES[1:]])
    found = [*found, *islice(more, max(0, ROWS - len(found)))][:ROWS]
    return tuple(
        (Row(f"case/{at}", f"Problem {at}: ", gold, label=answer if at % 3 else gold), response)
        for at, (gold, answer, response) in enumerate(found)
    )


def _carried(texts: tuple[Any, ...]) -> bool:
    """Frameworks carry texts, and no lone surrogates; the adapters' own tests send the rest."""
    return all(isinstance(text, str) and len(text) < 2000 for text in texts) and not any(
        "\ud800" <= character <= "\udfff" for text in texts for character in text
    )


@cache
def _verdicts(config: VerifierConfig = DEFAULT_CONFIG) -> tuple[dict[str, Any], ...]:
    return tuple(
        _timeless(verify(response=response, gold=row.gold, config=config).to_dict()) for row, response in _rows()
    )


def _of_file(path: Path) -> tuple[dict[str, Any], ...]:
    """The verdicts beside a file's reward: by the reward's own config where it is a ground-truth reward."""
    return _verdicts(ROOMY if "kind: sum" not in path.read_text() else DEFAULT_CONFIG)


def _timeless(verdict: dict[str, Any] | str) -> dict[str, Any]:
    values = json.loads(verdict) if isinstance(verdict, str) else dict(verdict)
    del values["elapsed_s"]
    return values


@pytest.fixture(params=FILES, scope="module")
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / "reward.yaml"
    path.write_text(FILES[request.param])
    return path


def _paid(settings: RewardFile) -> list[float]:
    """What the reward itself gives, without any adapter."""
    values = [settings.reward(response, row) for row, response in _rows()]
    return [quantise(UNSCORED if value is None else value) for value in values]


@pytest.fixture(scope="module")
def rewards(path: Path) -> list[float]:
    return _paid(load_reward_file(path))


def _support(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "support" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_rows_say_something(rewards: list[float]) -> None:
    assert len(_rows()) == ROWS
    statuses = [verdict["status"] for verdict in _verdicts()]
    assert min(statuses.count(status) for status in ("correct", "incorrect", "unscored")) >= 20
    assert {verdict["rung"] for verdict in _verdicts()} >= {None, "identical", "canonical", "numeric", "symbolic"}
    assert len(set(rewards)) >= 3
    assert all(verdict["reason"] != "timeout" for verdict in _verdicts()), "a time limit is no stable verdict"


def test_the_command_line(path: Path, rewards: list[float], tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [json.dumps(row.to_dict() | {"response": response}) for row, response in _rows()]
    source.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "verifier", "score", source, "--out", out, "--reward", path, "--no-progress"]
    command += ["--timeout", "60"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in out.read_text().splitlines()]
    for record in scored:
        del record["verdict"]["row"]
    assert [_timeless(record["verdict"]) for record in scored] == list(_verdicts(ROOMY))
    # What is unscored stays null in a file; `summary.reward.becomes` of its manifest says what training would pay.
    assert [quantise(UNSCORED) if record["reward"] is None else record["reward"] for record in scored] == rewards


def test_openrlhf_s_reward_function(path: Path, rewards: list[float]) -> None:
    from verifier.adapters.openrlhf import load

    reward_func = load(path)
    found = [
        reward_func([f"{row.prompt}{response}<|im_end|>"], [row.prompt], [row.to_label()]) for row, response in _rows()
    ]
    assert [each["rewards"] for each in found] == rewards


class _Characters:
    """A tokenizer with a token per character; its end is one special token."""

    END = 0x10FFFF

    def __call__(self, *, text: str, **_: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([[ord(c) for c in text]])}

    def decode(self, tokens: Any, *, skip_special_tokens: bool) -> str:
        return "".join("<|im_end|>" * (not skip_special_tokens) if t == self.END else chr(t) for t in tokens)


class _Engine:
    """Stands for vLLM."""

    def __init__(self, responses: dict[str, str]) -> None:
        self.responses = responses

    async def generate(self, tokens: list[int], params: Any, **_: Any) -> Any:
        text = self.responses["".join(map(chr, tokens))]
        output = SimpleNamespace(token_ids=[*map(ord, text), _Characters.END], finish_reason="stop", logprobs=None)
        return SimpleNamespace(outputs=[output])


@pytest.mark.openrlhf
def test_openrlhf_s_executor(path: Path, rewards: list[float]) -> None:
    _support("openrlhf_real").load()
    from verifier.adapters.openrlhf import GroupExecutor

    executor = type("AgentExecutor", (GroupExecutor,), {"reward_file": path})()
    engine = _Engine({row.prompt: response for row, response in _rows()})

    async def run() -> list[Any]:
        calls = (
            executor.execute(
                row.prompt, row.to_label(), SimpleNamespace(max_tokens=4096, logprobs=None), 8192, _Characters(), engine
            )
            for row, _ in _rows()
        )
        return await asyncio.gather(*calls)

    assert [output["reward"] for output in asyncio.run(run())] == rewards


@pytest.mark.server
def test_the_server(path: Path, rewards: list[float]) -> None:
    command = [sys.executable, "-m", "verifier", "serve", "--port", "0", "--reward", str(path), "--timeout", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        found = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
        assert found is not None
        rows = [row for row, _ in _rows()]
        responses = [response for _, response in _rows()]
        openrlhf = {
            "query": [row.prompt + response for row, response in _rows()],
            "prompts": [row.prompt for row in rows],
            "labels": [row.to_label() for row in rows],
        }
        own = {"responses": responses, "rows": [row.to_dict() for row in rows]}
        plain = {"responses": responses, "golds": [row.gold for row in rows]}
        assert _post(found, "/openrlhf", openrlhf)["rewards"] == rewards
        assert _post(found, "/v1/reward", own)["rewards"] == rewards
        assert [_timeless(each) for each in _post(found, "/v1/verify", plain)["verdicts"]] == list(_verdicts(ROOMY))
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def _post(found: re.Match[str], route: str, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The answers to the columns, sent 200 at a time."""
    answers: dict[str, list[Any]] = {}
    for start in range(0, len(_rows()), 200):
        connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=120)
        part = {name: values[start : start + 200] for name, values in columns.items()}
        connection.request("POST", route, json.dumps(part).encode())
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        for name, values in json.loads(text).items():
            if isinstance(values, list):
                answers.setdefault(name, []).extend(values)
    return answers


def test_trl_s_reward_function(path: Path, rewards: list[float]) -> None:
    from verifier.adapters.trl import load

    found = load(path)(
        prompts=[row.prompt for row, _ in _rows()],
        completions=[response for _, response in _rows()],
        row=[row.to_label() for row, _ in _rows()],
    )
    assert found == rewards


@pytest.mark.verl
def test_verl(path: Path, rewards: list[float], verl: str) -> None:
    user = path.with_name("compute_score.py")
    user.write_text(
        "from pathlib import Path\nfrom verifier.adapters.verl import load\n"
        "compute_score = load(Path(__file__).with_name('reward.yaml'))\n"
    )
    items = [{"response": response, "ground_truth": row.to_label()} for row, response in _rows()]
    job = {"path": str(user), "name": "compute_score", "manager": "naive", "items": items}
    done = subprocess.run(
        [verl, CASES.parent / "support" / "verl_manager.py"],
        input=json.dumps(job),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=path.parent,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("result: ")]
    found = json.loads(line.removeprefix("result: "))
    assert [each["reward_score"] for each in found] == rewards, done.stderr  # which has verl's own and our warnings
    statuses = [verdict["status"] for verdict in _of_file(path)]
    assert [each["reward_extra_info"]["acc"] for each in found] == [float(s == "correct") for s in statuses]


def _records() -> list[dict[str, Any]]:
    return [{"id": row.id, "response": response, "row": row.to_label()} for row, response in _rows()]


@pytest.mark.lmeval
def test_datasets_map(path: Path, rewards: list[float]) -> None:
    import datasets

    from verifier.adapters.ray import scorer

    scored = datasets.Dataset.from_list(_records()).map(scorer(path), batched=True, batch_size=100)
    assert scored["reward"][:] == rewards
    assert [_timeless(text) for text in scored["verdict"]] == list(_of_file(path))


@pytest.fixture(scope="module")
def ray(local_ray: Callable[[str], AbstractContextManager[Any]]) -> Iterator[Any]:
    with local_ray(str(ROOT)) as ray:
        yield ray


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_data(path: Path, rewards: list[float], ray: Any) -> None:
    import pyarrow

    from verifier.adapters.ray import RAY, ScoreBatch

    ray.data.DataContext.get_current().enable_progress_bars = False
    records = _records()
    tables = [pyarrow.Table.from_pylist(records[start : start + 250]) for start in range(0, len(records), 250)]
    scored = ray.data.from_arrow(tables).map_batches(
        ScoreBatch, fn_constructor_kwargs={"reward_file": str(path)}, concurrency=1, **RAY
    )
    found = {row["id"]: row for row in scored.take_all()}
    assert [found[row.id]["reward"] for row, _ in _rows()] == rewards
    assert [_timeless(found[row.id]["verdict"]) for row, _ in _rows()] == list(_of_file(path))


@pytest.mark.lmeval
def test_lm_eval_s_scoring() -> None:
    from lm_eval_tasks.scoring import score

    found = score(
        responses=[[response] for _, response in _rows()], golds=[row.gold for row, _ in _rows()], extraction="boxed"
    )
    assert [_timeless(_verdict(sample)) for (sample,) in found] == list(_verdicts())


def _verdict(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample without the traits that stand beside its verdict."""
    return {name: value for name, value in sample.items() if name not in ("class", "copy_of", "box", "code")}


@pytest.mark.lmeval
def test_lm_eval_s_task() -> None:
    """The task class itself, on rows that stand for the model's responses."""
    from lm_eval_tasks.task import RlvrTask

    config = SimpleNamespace(repeats=1, metadata={"extraction": "boxed"}, task="rlvr", generation_kwargs={})
    instances = [
        SimpleNamespace(doc={"answer": row.gold}, resps=[response], filtered_resps={}) for row, response in _rows()
    ]
    task = RlvrTask.__new__(RlvrTask)
    task._config, task._instances, task._aggregation_list = config, instances, {}
    task.apply_filters()
    samples = [each.filtered_resps["verifier"][0] for each in instances]
    assert [_timeless(_verdict(sample)) for sample in samples] == list(_verdicts())
