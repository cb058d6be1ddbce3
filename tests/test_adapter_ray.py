"""Scoring with Ray Data and datasets: the same rows and verdicts by id, whatever dies on the way."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import verifier
from verifier import verify
from verifier.adapters.ray import RAY, ScoreBatch, _count, scorer
from verifier.errors import ConfigError, InputError
from verifier.pool import set_pool_size, shared_pool
from verifier.rewards import reward_file_from
from verifier.rows import Row, prompt_id

ROOT = str(Path(verifier.__file__).parents[1])
ROWS, BLOCKS, DISTINCT = 100_000, 40, 2_000
HANG = (r"\boxed{\int_0^1 \sin(\cos(\sin(x^x)))^{x^{x}} dx}", r"\int_0^2 \cos(x^x) dx")


def _pair(number: int) -> tuple[str, str]:
    """A response and a gold; the cheap rungs decide most, a worker process one in fifty."""
    if number % 50 == 0:
        return rf"thus \boxed{{\int_0^1 {number + 1}\sin(x)dx}}", rf"{number + 1}-{number + 1}\cos 1"
    wrong = number % 3
    return rf"first {number}, then \boxed{{\frac{{{2 * number}}}{{{2 * number + 6 * (1 + wrong)}}}}}", (
        "" if number % 97 == 1 else rf"\frac{{{number}}}{{{number + 3}}}"
    )


@pytest.fixture
def reward_file(tmp_path: Path) -> str:
    path = tmp_path / "reward.json"
    path.write_text(json.dumps({"reward": {"kind": "ground_truth"}, "unscored": {"reward": -0.5}}))
    return str(path)


def _row(number: int, **fields: Any) -> dict[str, Any]:
    response, gold = _pair(number % DISTINCT)
    label = Row(**{"id": f"train/{number}", "prompt": "?", "gold": gold, **fields}).to_label()
    return {"id": f"train/{number}", "response": response, "row": label}


def _batch(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _ours(number: int) -> tuple[float, bool, str]:
    response, gold = _pair(number)
    verdict = verify(response=response, gold=gold)
    reward = {"correct": 1.0, "incorrect": 0.0, "unscored": -0.5}[verdict.status.value]
    return reward, verdict.status.value != "unscored", _timeless(verdict.to_dict())


def _timeless(verdict: dict[str, Any] | str) -> str:
    values = json.loads(verdict) if isinstance(verdict, str) else dict(verdict)
    del values["elapsed_s"]
    return json.dumps(values)


# -- the scorer -----------------------------------------------------------------------------------------


def test_columns_of_a_batch(reward_file: str) -> None:
    numbers = [*range(98), 100]
    found = scorer(reward_file)(_batch([_row(number) for number in numbers]))
    rows = list(zip(found["reward"], found["scored"], map(_timeless, found["verdict"]), strict=True))
    assert rows == [_ours(number) for number in numbers]
    assert len(set(found["reward"])) == 3


def test_rows_may_be_columns(reward_file: str) -> None:
    batch = {"response": [r"\boxed{1}", r"\boxed{1}"], "id": ["a", "b"], "prompt": ["?", "?"], "answer": [1, None]}
    found = scorer(reward_file)(batch)
    assert found["reward"] == [1.0, -0.5]
    assert json.loads(found["verdict"][1]) == {"error": "the row has no field 'gold'; a row needs id, prompt and gold"}


def test_a_draw_is_keyed_by_the_row_and_the_index(tmp_path: Path) -> None:
    (tmp_path / "random.json").write_text('{"reward": {"kind": "random", "gamma": 0.5}}')
    draw = scorer(tmp_path / "random.json")
    rows = [_row(number, visit=0) | {"index": index} for number in range(20) for index in range(8)]
    found = draw(_batch(rows))["reward"]
    assert set(found) == {0.0, 1.0}
    assert draw(_batch(rows[::-1]))["reward"] == found[::-1]
    with pytest.raises(ConfigError, match="index"):
        draw(_batch([_row(1, visit=0)]))


def test_unscored_rows_are_counted_and_logged_over_all_batches(
    reward_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    _count.cache_clear()
    score = pickle.loads(pickle.dumps(scorer(reward_file)))  # as Ray and datasets carry it
    for _ in range(6):
        assert scorer(reward_file)({"response": [r"\boxed{1}"] * 3, "gold": ["1", None, "\\frac{"]})["scored"][0]
        score({"response": [r"\boxed{1}"], "gold": ["1"]})
    count = _count(score.settings.fingerprint(), "ground_truth")
    assert (count.seen, count.unscored) == (24, 12)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "ground_truth: 2 of 3 responses so far are unscored",
        "ground_truth: 10 of 19 responses so far are unscored",
    ]


NOISE = {"kind": "noise", "of": "ground_truth", "false_negative": 0.5, "by": "problem"}


def _noise(tmp_path: Path) -> Any:
    (tmp_path / "noise.json").write_text(json.dumps({"reward": NOISE, "unscored": {"reward": -1}}))
    return scorer(tmp_path / "noise.json")


def test_rows_that_a_keyed_reward_cannot_tell_apart_are_unscored(tmp_path: Path) -> None:
    found = _noise(tmp_path)({"response": [r"\boxed{1}"] * 12, "row": ["1"] * 12})
    assert found["reward"] == [-1.0] * 12
    assert "needs the row's id; the label has none, and no prompt" in json.loads(found["verdict"][0])["error"]


@pytest.mark.parametrize(
    "columns", [("row", "prompt"), ("gold", "prompt"), ("answer", "problem"), ("gold", "question")]
)
def test_a_row_without_an_id_gets_that_of_its_prompt(columns: tuple[str, str], tmp_path: Path) -> None:
    prompts = [f"{number}+1=" for number in range(12)]
    batch = {"response": [r"\boxed{1}"] * 12, columns[0]: ["1"] * 12, columns[1]: prompts}
    found = _noise(tmp_path)(batch)["reward"]
    reward = reward_file_from({"reward": NOISE}).reward
    assert found == [reward(r"\boxed{1}", Row(prompt_id(prompt), prompt, "1")) for prompt in prompts]
    assert set(found) == {0.0, 1.0}


def test_a_prompt_may_be_chat_messages_also_in_an_array(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    messages = [[{"role": "user", "content": f"{number}+1="}] for number in range(12)]
    batch: dict[str, list[Any]] = {"response": [r"\boxed{1}"] * 12, "gold": ["1"] * 12, "prompt": messages}
    found = _noise(tmp_path)(batch)["reward"]
    assert set(found) == {0.0, 1.0}
    assert _noise(tmp_path)({**batch, "prompt": [numpy.array(each) for each in messages]})["reward"] == found


def test_an_index_is_a_whole_number_from_0(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    (tmp_path / "random.json").write_text('{"reward": {"kind": "random", "gamma": 1}, "unscored": {"reward": -1}}')
    draw = scorer(tmp_path / "random.json")
    indices = [0, numpy.int64(3), "0", 0.0, True, -1]
    found = draw(_batch([_row(0, visit=0) | {"index": index} for index in indices]))
    assert found["reward"] == [1.0, 1.0, -1.0, -1.0, -1.0, -1.0]
    assert json.loads(found["verdict"][2]) == {"error": "field 'index' is '0'; it must be a whole number from 0"}


def test_a_numpy_index_is_the_same_key(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    (tmp_path / "random.json").write_text('{"reward": {"kind": "random", "gamma": 0.5}}')
    draw = scorer(tmp_path / "random.json")
    rows = [_row(0, visit=0) | {"index": index} for index in range(20)]
    found = draw(_batch([{**row, "index": numpy.int64(row["index"])} for row in rows]))["reward"]
    assert draw(_batch(rows))["reward"] == found
    assert set(found) == {0.0, 1.0}


def test_an_index_that_no_reward_asks_for_may_be_anything(reward_file: str) -> None:
    found = scorer(reward_file)({"response": [r"\boxed{1}"], "gold": ["1"], "index": ["a7"]})
    assert found["reward"] == [1.0]


@pytest.mark.parametrize("settings", ['{"reward": "majority_online"}', '{"reward": "format", "unscored": "skip"}'])
def test_what_needs_the_group_is_refused(settings: str, tmp_path: Path) -> None:
    (tmp_path / "reward.json").write_text(settings)
    with pytest.raises(
        ConfigError, match=r"where batches are not groups\) does not tell|cannot be honoured by scoring by"
    ):
        scorer(tmp_path / "reward.json")


def test_columns_that_do_not_fit_are_named(reward_file: str) -> None:
    with pytest.raises(InputError, match="no column 'response'; there are text, row"):
        scorer(reward_file)({"text": [], "row": []})
    with pytest.raises(InputError, match="a column 'verdict' already"):
        scorer(reward_file)({"response": [], "verdict": []})


def test_a_worker_killed_in_the_middle_of_a_decision_is_asked_again(reward_file: str) -> None:
    set_pool_size(1)
    try:
        found: list[Any] = []
        batch = {"response": [HANG[0]], "row": [Row("a", "?", HANG[1]).to_label()]}
        thread = threading.Thread(target=lambda: found.append(scorer(reward_file)(batch)))
        thread.start()
        busy = _wait_for(lambda: [worker.process.pid for worker in list(shared_pool()._busy)])
        os.kill(busy[0], signal.SIGKILL)
        thread.join(120)
        assert json.loads(found[0]["verdict"][0])["reason"] == "timeout"
    finally:
        set_pool_size(None)


def _wait_for(find: Callable[[], Any]) -> Any:
    """What is found at last; the limit only ends a test that has failed."""
    limit = time.monotonic() + 120
    while not (found := find()):
        assert time.monotonic() < limit, "nothing came"
        time.sleep(0.002)
    return found


# -- datasets -------------------------------------------------------------------------------------------


@pytest.mark.lmeval
def test_datasets_map(reward_file: str) -> None:
    import datasets

    score = scorer(reward_file)
    assert pickle.loads(pickle.dumps(score)) == score
    rows = datasets.Dataset.from_list([_row(number) for number in range(400)])
    scored = rows.map(score, batched=True, batch_size=64)
    assert scored.column_names == ["id", "response", "row", "reward", "scored", "verdict"]
    found = [(row["reward"], row["scored"], _timeless(row["verdict"])) for row in scored]
    assert found == [_ours(number) for number in range(400)]


# -- Ray Data -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ray(local_ray: Callable[[str], AbstractContextManager[Any]]) -> Iterator[Any]:
    with local_ray(ROOT) as ray:
        yield ray


def _processes() -> dict[int, tuple[int, bytes]]:
    """Process id -> its parent's and its command line, of the live processes below this one."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
            state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            found[int(entry)] = int(parent), command

    def ours(pid: int) -> bool:
        while pid in found and pid != os.getpid():
            pid = found[pid][0]
        return pid == os.getpid()

    return {pid: each for pid, each in found.items() if ours(pid)}


def _actors() -> dict[int, list[int]]:
    """Process id of each actor of a map -> its verifier workers."""
    every = _processes()
    actors = {pid for pid, (_, command) in every.items() if b"ray::MapWorker" in command}
    workers = {pid: parent for pid, (parent, command) in every.items() if b"verifier._worker" in command}
    # A worker that is being forked still has its actor's command line.
    return {
        actor: [pid for pid, parent in workers.items() if parent == actor]
        for actor in actors
        if every[actor][0] not in actors
    }


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_the_same_rows_and_verdicts_though_workers_are_killed(ray: Any, reward_file: str, tmp_path: Path) -> None:
    import pyarrow

    size = ROWS // BLOCKS

    class UntilTheKill(ScoreBatch):
        """Scores one block and holds the next ones until the killing is done: there is always something to kill."""

        gate = str(tmp_path / "killed")
        scored = 0

        def __call__(self, batch: Any) -> Any:
            while self.scored >= size and not os.path.exists(self.gate):
                time.sleep(0.01)
            self.scored += batch.num_rows
            return super().__call__(batch)

    ray.data.DataContext.get_current().enable_progress_bars = False
    blocks = [
        pyarrow.Table.from_pylist([_row(at) for at in range(start, start + size)]) for start in range(0, ROWS, size)
    ]
    scored = ray.data.from_arrow(blocks).map_batches(
        UntilTheKill, fn_constructor_kwargs={"reward_file": reward_file}, concurrency=2, **RAY
    )
    ours = [_ours(number) for number in range(DISTINCT)]
    seen: Counter[str] = Counter()
    killed: list[int] = []
    for batch in scored.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        if not killed:
            killed = _kill()
            Path(UntilTheKill.gate).touch()
        for row in batch.to_pylist():
            seen[row["id"]] += 1
            assert (row["reward"], row["scored"], _timeless(row["verdict"])) == ours[
                int(row["id"].removeprefix("train/")) % DISTINCT
            ]
    assert len(killed) == 2
    assert not _processes().keys() & set(killed)
    assert len(seen) == ROWS
    assert set(seen.values()) == {1}


def _kill() -> list[int]:
    """Kill one verifier worker, and the Ray worker of another actor (or of the same, where one is at work)."""
    actors = _wait_for(lambda: found if any((found := _actors()).values()) else None)
    assert all(len(workers) <= 1 for workers in actors.values()), "at most one verifier worker per actor"
    actor, worker = next((actor, workers[0]) for actor, workers in actors.items() if workers)
    other = next((pid for pid in actors if pid != actor), actor)
    os.kill(worker, signal.SIGKILL)
    os.kill(other, signal.SIGKILL)
    return [worker, other]
