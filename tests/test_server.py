"""The reward server as its clients meet it: a real process, real sockets, and OpenRLHF's own client."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from verifier import verify
from verifier._deciding import Decider, Gate, Late
from verifier.errors import ConfigError
from verifier.inline import by_worker
from verifier.rewards import quantise

pytestmark = pytest.mark.server

TOKEN = "t0ken-of-the-tests-0123456789"
HANG = r"\int_0^1 \frac{\sin(x)}{x} e^{x^3+%d x} dx"  # no rung decides it: its worker is killed after 0.8 s of CPU
# With `LONG` nothing ends it but a kill.
ENDLESS = r"\boxed{\int_0^1 \sin(\cos(\sin(x^x)))^{x^{x+%d}} dx}", "", r"\int_0^2 \cos(x^x) dx"
LONG = ("--timeout", "1000")
LOGS = {"unscored", "prompt_mismatch", "bad_label", "error"}
REASONS = {"timeout", "worker_crashed", "undecided"}  # of a kill; which of them depends on the machine


@dataclass(frozen=True)
class Running:
    """A server process. lines: what it printed at its start."""

    process: subprocess.Popen[str]
    host: str
    port: int
    lines: tuple[str, ...]

    def send(
        self, path: str, data: Any = None, *, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON or text, headers) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        body = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
        connection.request(method or ("GET" if data is None else "POST"), path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        kind = answer.headers["content-type"]
        return answer.status, json.loads(text) if "json" in kind and text else text, dict(answer.headers)

    def rewards(self, *triples: tuple[Any, Any, Any], path: str = "/openrlhf") -> dict[str, Any]:
        """The answer of OpenRLHF's route to (query, prompt, label)s."""
        names = ("query", "prompts", "labels")
        status, answer, _ = self.send(path, dict(zip(names, map(list, zip(*triples, strict=True)), strict=True)))
        assert status == 200, answer
        return dict(answer)

    def metric(self, line: str) -> float:
        """The value of one sample, 0 where there is none."""
        _, text, _ = self.send("/metrics")
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "verifier", "serve", "--port", "0", *flags]


@contextmanager
def serving(*flags: str, env: dict[str, str] | None = None, quiet: bool = True) -> Iterator[Running]:
    """A server; when the test is done it must end by itself on SIGTERM, with code 0 and, if ``quiet``, no word but of
    what was unscored."""
    process = subprocess.Popen(
        command(*flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = (process.stdout.readline(), process.stdout.readline())
        found = re.search(r"http://([\d.]+|\[[\d:]+\]):(\d+)", lines[0])
        assert found is not None, (*lines, process.stderr.read() if not lines[0] else "")
        yield Running(process, found[1], int(found[2]), lines)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not quiet or [line for line in process.stderr if "unscored" not in line] == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving() as running:
        yield running


def refused(*flags: str, env: dict[str, str] | None = None) -> str:
    """The one line with which a server does not start."""
    done = subprocess.run(
        command(*flags), capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})}
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


# -- OpenRLHF's protocol -----------------------------------------------------------------------------


def test_openrlhf_gets_floats_under_constant_keys(server: Running) -> None:
    answer = server.rewards(
        ("2+2= \\boxed{4}<|im_end|>", "2+2=", "4"),
        ("2+2= \\boxed{5}<|im_end|>", "2+2=", json.dumps({"id": "a/1", "gold": "4"})),
        ("2+2= four", "2+2=", 4),
    )
    assert answer.keys() == {"rewards", "scores", "extra_logs"}
    assert answer["rewards"] == answer["scores"] == [1.0, 0.0, 0.0]
    assert answer["extra_logs"].keys() == LOGS
    values = [answer["rewards"], *answer["extra_logs"].values()]
    assert all(type(value) is float for column in values for value in column)


@pytest.mark.parametrize(
    ("query", "prompt", "reward"),
    [
        ("Box it: \\boxed{4}. 2+2=", "Box it: \\boxed{4}. 2+2=", 0.0),  # the box is the prompt's
        ("<s>2+2= \\boxed{4}</s>", "2+2=", 1.0),  # a bos that the prompt lacks
        ("2+2= \\boxed{4}<|im_end|>\n<|endoftext|>", "2+2=", 1.0),
        ("<|im_start|>user\n2+2=<|im_end|>\\boxed{4}", "<|im_start|>user\n2+2=<|im_end|>", 1.0),
        ("2+2= \\boxed{<|eot_id|>4}", "2+2=", 1.0),  # as decoding without special tokens gives it
    ],
)
def test_the_response_is_what_stands_behind_the_prompt(server: Running, query: str, prompt: str, reward: float) -> None:
    answer = server.rewards((query, prompt, "4"))
    assert (answer["rewards"], answer["extra_logs"]["unscored"]) == ([reward], [0.0])


def test_what_openrlhf_cannot_have_scored_is_still_a_float(server: Running) -> None:
    good = ("2+2= \\boxed{4}", "2+2=", "4")
    answer = server.rewards(
        good, ("a cut prompt \\boxed{4}", "not its head", "4"), ("2+2= \\boxed{4}", "2+2=", None), (None, "2+2=", "4"),
        ("2+2= \\boxed{4}", 7, "4"), ("2+2= \\boxed{4}", "2+2=", {"no": "gold"}), good,
    )  # fmt: skip
    assert answer["rewards"] == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert answer["extra_logs"] == {
        "unscored": [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        "prompt_mismatch": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
        "bad_label": [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        "error": [0.0] * 7,
    }


def test_lists_that_do_not_pair_up_are_unscored_and_no_lists_are_an_error(server: Running) -> None:
    for data in ({"query": ["a", "b"], "prompts": ["a"], "labels": ["1", "2"]}, {"query": ["a", "b"]}):
        status, answer, _ = server.send("/openrlhf", data)
        assert (status, answer["rewards"]) == (200, [0.0, 0.0])
        assert answer["extra_logs"]["unscored"] == [1.0, 1.0]
    assert server.send("/openrlhf", {"query": [], "prompts": [], "labels": []})[1]["rewards"] == []
    status, answer, _ = server.send("/openrlhf", {"query": "text", "prompts": [], "labels": []})
    assert (status, answer["error"]["field"]) == (400, "query")


def test_get_reward_is_the_same_route(server: Running) -> None:
    assert server.rewards(("\\boxed{4}", "", "4"), path="/get_reward")["rewards"] == [1.0]


def test_a_reward_file_decides_what_is_paid(tmp_path: Path) -> None:
    path = tmp_path / "reward.yaml"
    path.write_text("reward: {kind: format}\nunscored: {reward: 0.25}\n")
    with serving("--reward", str(path)) as server:
        assert "format" in server.lines[1]
        answer = server.rewards(("p \\boxed{5}", "p", "4"), ("p five", "p", "4"), ("x \\boxed{4}", "p", "4"))
        assert answer["rewards"] == [1.0, 0.0, 0.25]


def test_a_flag_reaches_the_reward_of_a_file_without_settings_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "reward.yaml"
    path.write_text("reward: ground_truth\n")
    with serving("--reward", str(path), "--extraction", "any") as server:
        assert server.rewards(("p so it is 4", "p", "4"))["rewards"] == [1.0]
    path.write_text("reward: {kind: ground_truth, config: {extraction: boxed}}\n")
    assert "extraction" in refused("--reward", str(path), "--extraction", "any")


def test_the_reward_may_compare_with_the_label(tmp_path: Path) -> None:
    path = tmp_path / "reward.yaml"
    path.write_text("reward: {kind: ground_truth, against: label}\n")
    row = json.dumps({"id": "a", "gold": "4", "label": "5"})
    with serving("--reward", str(path)) as server:
        answer = server.rewards(
            ("p \\boxed{5}", "p", row), ("p \\boxed{4}", "p", row), ("p \\boxed{4}", "p", '{"id": "a", "gold": "4"}')
        )
        assert answer["rewards"] == [1.0, 0.0, 0.0]
        assert answer["extra_logs"]["bad_label"] == [0.0, 0.0, 1.0]  # it has none to compare with


def test_what_is_unscored_is_logged_while_the_server_runs(tmp_path: Path) -> None:
    good = ("p \\boxed{4}", "p", "4")
    bad = [
        ("p \\boxed{4}", "p", ["no", "gold"]), ("p \\boxed{4}", "p", None), ("x", "p", "4"),
        ("p \\boxed{4}", "p", '{"id": "set/7", "gold": "\\\\frac{"}'),
    ]  # fmt: skip
    with serving(quiet=False) as server:
        server.rewards(good, *bad)
        assert server.process.stderr is not None
        lines = [server.process.stderr.readline() for _ in range(4)]
        server.send("/v1/verify", {"responses": ["x", "\\boxed{1}"], "golds": ["1", [2]]})
        server.rewards(*bad * 2)  # the 10th is told as a number; no kind is told twice
        server.process.send_signal(signal.SIGTERM)
        lines += server.process.stderr.readlines()
    said = [line.partition(" WARNING ")[2].rstrip() for line in lines]
    assert said == [
        "/openrlhf: 4 of 5 responses so far are unscored",
        "unscored, bad_label: field 'label' is ['no', 'gold']; it must be text or a number",
        "unscored, prompt_mismatch: a query does not begin with its prompt (was the prompt cut?)",
        f"unscored, gold_unparseable: row 'set/7': {verify(response='', gold=chr(92) + 'frac{').detail}",
        "/v1/verify: 1 of 2 responses so far are unscored",
        "/openrlhf: 12 of 13 responses so far are unscored",
    ]


# -- our own protocol --------------------------------------------------------------------------------


def test_verdicts_are_those_of_verify(server: Running) -> None:
    pairs: list[tuple[str | None, Any]] = [
        (r"\boxed{\frac{2}{4}}", "0.5"), (r"\boxed{\int_0^1 x^2 dx}", r"\frac13"), (r"\boxed{7}", 7), ("none", "1"),
        (None, "1"), (r"\boxed{1}", None), (r"\boxed{1}", [1]), (r"\boxed{\ud800}", "1"), (r"\boxed{1,2}", "2, 1"),
        (r"\boxed{5", "5"), (r"\boxed{x+1}", "1+x"), (r"\boxed{1}", ""), ("\\boxed{\ud800}", "\ud800"),
    ]  # fmt: skip
    status, answer, _ = server.send("/v1/verify", {"responses": [p[0] for p in pairs], "golds": [p[1] for p in pairs]})
    assert status == 200
    expected = [verify(response=response, gold=gold).to_dict() for response, gold in pairs]
    for verdict in [*answer["verdicts"], *expected]:
        del verdict["elapsed_s"]
    assert answer["verdicts"] == expected


def test_rewards_of_our_own_route_are_what_training_pays_and_say_which_are_unscored(tmp_path: Path) -> None:
    path = tmp_path / "reward.yaml"
    path.write_text("reward: {kind: sum, of: [{kind: ground_truth}], weights: [0.1]}\nunscored: {reward: -0.4}\n")
    rows = [{"id": str(i), "prompt": "p", "gold": gold} for i, gold in enumerate(["4", 4, "\\frac{"])]
    with serving("--reward", str(path)) as server:
        status, answer, _ = server.send("/v1/reward", {"responses": [r"\boxed{4}", None, r"\boxed{4}"], "rows": rows})
    assert (status, answer["rewards"]) == (200, [quantise(0.1), 0.0, quantise(-0.4)])
    assert answer["scored"] == [True, True, False]
    assert answer["unscored"] == {"unscored": 1}


DEEP = b'{"responses": ' + b"[" * 200_000 + b"]" * 200_000 + b', "golds": []}'


@pytest.mark.parametrize(
    ("path", "body", "status", "field", "words"),
    [
        ("/v1/verify", b"{", 400, None, "line 1, column 2"),
        ("/v1/verify", b"\xff\xfe", 400, None, "UTF-8"),
        ("/v1/verify", b"[]", 400, None, "no object"),
        ("/v1/verify", b"", 400, None, "not JSON"),
        ("/v1/verify", b'{"responses": ' + b"1" * 5000 + b"}", 400, None, "not JSON"),
        ("/v1/verify", DEEP, 400, None, "not JSON"),
        ("/v1/verify", b'{"golds": ["1"]}', 400, "responses", "must be a list"),
        ("/v1/verify", b'{"responses": ["1"], "golds": "1"}', 400, "golds", "must be a list"),
        ("/v1/verify", b'{"responses": ["1"], "golds": []}', 400, "golds", "1 responses but 0 golds"),
        ("/v1/verify", b'{"responses": ["1", 2], "golds": ["1", "2"]}', 400, "responses[1]", "a number"),
        ("/v1/verify", b'{"responses": ["1"], "golds": ["1"], "gold": 1}', 400, "gold", "unknown field"),
        ("/v1/reward", b'{"responses": ["1"], "rows": [[]]}', 400, "rows[0]", "an object"),
        ("/v1/reward", b'{"responses": ["1"], "rows": [{"id": "a", "prompt": "p"}]}', 400, "rows[0]", "gold"),
        ("/openrlhf", b"query=1", 400, None, "not JSON"),
        ("/v1/nothing", b"{}", 404, None, "/v1/verify"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_is_wrong(
    server: Running, path: str, body: bytes, status: int, field: str | None, words: str
) -> None:
    found, answer, _ = server.send(path, body)
    assert (found, answer["error"]["field"]) == (status, field)
    assert words in answer["error"]["message"]
    assert "Traceback" not in json.dumps(answer)


def test_methods(server: Running) -> None:
    assert server.send("/v1/verify")[0] == 405
    assert server.send("/health", b"{}")[0] == 405
    status, answer, headers = server.send("/health", method="HEAD")
    assert (status, answer, headers["content-type"]) == (200, "", "application/json")


def test_a_body_beyond_the_limit_is_refused_whole_or_in_chunks() -> None:
    with serving("--max-body-mb", "1") as server:
        status, answer, _ = server.send("/v1/verify", b" " * (2**20 + 1))
        assert (status, "larger than 1048576 bytes" in answer["error"]["message"]) == (413, True)
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(b"POST /openrlhf HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
            for _ in range(5):
                client.sendall(chunk)
            assert client.recv(100).startswith(b"HTTP/1.1 413")
        assert server.rewards(("\\boxed{4}", "", "4"))["rewards"] == [1.0]


# -- who may come in ---------------------------------------------------------------------------------


def test_the_token_in_each_of_its_places(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    data = {"responses": [r"\boxed{4}"], "golds": ["4"]}
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    with serving("--token-file", str(path)) as server:
        for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"basic {basic}"}):
            assert server.send("/v1/verify", data, headers=headers)[0] == 200
        assert server.send(f"/token/{TOKEN}/v1/verify", data)[0] == 200
        wrong: list[tuple[str, dict[str, str]]] = [
            ("/v1/verify", {}), ("/v1/verify", {"Authorization": f"Bearer {TOKEN}x"}), ("/v1/nothing", {}),
            ("/v1/verify", {"Authorization": "Basic %%%"}), ("/v1/verify", {"Authorization": TOKEN}),
            (f"/token/{TOKEN[:-1]}/v1/verify", {}), ("/token//v1/verify", {}), ("/token/", {}), ("/openrlhf", {}),
        ]  # fmt: skip
        for place, headers in wrong:
            status, answer, found = server.send(place, data, headers=headers)
            assert (status, place) == (401, place)
            assert TOKEN[:-1] not in json.dumps(answer)
            assert found["www-authenticate"].startswith("Basic")
        assert server.send("/metrics")[0] == 401
        assert server.send("/health")[0] == 200
        assert TOKEN not in "".join(server.lines)


def test_the_token_of_the_environment() -> None:
    with serving(env={"VERIFIER_TOKEN": TOKEN}) as server:
        assert server.send("/metrics")[0] == 401
        assert server.send("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


def test_a_public_address_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "some.name"):
        message = refused("--host", host)
        assert f"--host {host}" in message
        assert "--token-file" in message
    with serving("--host", "0.0.0.0", env={"VERIFIER_TOKEN": TOKEN}) as server:
        assert server.send("/health")[0] == 200


def test_a_weak_token_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("sesame")
    message = refused("--token-file", str(path))
    assert str(path) in message
    assert "sesame" not in message
    assert "secrets.token_urlsafe" in message
    assert "No such file" in refused("--token-file", str(tmp_path / "none"))
    assert "VERIFIER_TOKEN" in refused(env={"VERIFIER_TOKEN": ""})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("reward: {kind: random, gamma: 0.5, seed: 1}", ("visit", "index", "executor", "TRL")),
        ("reward: {kind: majority_online}", ("group", "executor", "TRL")),
        ("reward: {kind: format}\nunscored: group_mean", ("group_mean", "unscored: {reward: 0.0}")),
        ("reward: {kind: format}\nunscored: skip", ("skip",)),
        ("reward: {kind: formatt}", ("formatt",)),
    ],
)
def test_a_reward_that_this_route_cannot_serve_is_refused_at_load(
    tmp_path: Path, text: str, words: Sequence[str]
) -> None:
    path = tmp_path / "reward.yaml"
    path.write_text(text + "\n")
    message = refused("--reward", str(path))
    for word in words:
        assert word in message


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    assert "none.yaml" in refused("--reward", str(tmp_path / "none.yaml"))
    assert "--max-queue-mb 1" in refused("--max-queue-mb", "1", "--max-body-mb", "2")
    assert "--tokenizer" in refused("--tokenizer", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused("--port", str(port))
        assert f"--port {port}" in message


def test_without_uvicorn_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from verifier.cli import main

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--port", "0"]) == 2
    assert capsys.readouterr().err == "verifier: error: the server needs uvicorn: pip install 'rlvr-verifier[server]'\n"


def test_the_special_tokens_of_a_tokenizer(tmp_path: Path) -> None:
    entries = [{"content": "<end>", "special": True}, {"content": "word", "special": False}]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": entries}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": {"content": "<begin>"}}))
    with serving("--tokenizer", str(tmp_path)) as server:
        answer = server.rewards(("<begin>p \\boxed{4<end>}", "p", "4"), ("p \\boxed{4<|im_end|>}", "p", "4"))
        assert answer["rewards"] == [1.0, 0.0]


# -- hangs, queues, ends -----------------------------------------------------------------------------


def endless(number: int) -> tuple[str, str, str]:
    """A triple of a response that no worker ever decides."""
    query, prompt, label = ENDLESS
    return query % number, prompt, label


def test_answers_that_hang_do_not_block_the_others() -> None:
    with serving(*LONG) as server, ThreadPoolExecutor(4) as threads:
        hangs = [threads.submit(server.rewards, endless(n)) for n in range(4)]
        try:
            waiting_for(lambda: server.metric("verifier_waiting_decisions") == 4)
            for _ in range(20):
                assert server.rewards(("\\boxed{4}", "", "4"))["rewards"] == [1.0]
            assert not any(future.done() for future in hangs)
        finally:
            kill_workers(server, hangs)
        for future in hangs:
            assert future.result()["rewards"] == [0.0]
            assert future.result()["extra_logs"]["unscored"] == [1.0]


def kill_workers(server: Running, hangs: Sequence[Future[Any]]) -> None:
    """Kill the server's worker processes until nothing hangs any more."""

    def done() -> bool:
        for pid in children(server.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return all(future.done() for future in hangs)

    waiting_for(done)


def test_beside_a_hang_a_pair_of_the_same_request_is_decided(server: Running) -> None:
    answer = server.rewards(
        (f"\\boxed{{{HANG % 20}}}", "", "1.25"), ("\\boxed{4}", "", "4"), (r"\boxed{\int_0^2 x^3 dx}", "", "4")
    )
    assert answer["rewards"] == [0.0, 1.0, 1.0]
    assert answer["extra_logs"]["unscored"] == [1.0, 0.0, 0.0]


def test_the_deadline_answers_what_is_not_decided() -> None:
    pairs = [(f"\\boxed{{{HANG % n}}}", "", "1.25") for n in range(12)]  # 5 s with two workers
    with serving("--deadline", "1") as server:
        answer = server.rewards(*pairs, ("\\boxed{4}", "", "4"))
        assert answer["rewards"] == [0.0] * 12 + [1.0]
        assert answer["extra_logs"]["unscored"] == [1.0] * 12 + [0.0]
        assert server.metric('verifier_unscored_total{reason="deadline"}') > 0
        waiting_for(lambda: server.metric("verifier_waiting_decisions") == 0)  # the rest was taken out of the queue
        status, late, _ = server.send("/v1/verify", {"responses": [p[0] for p in pairs], "golds": ["1.25"] * 12})
        assert status == 200
        assert {verdict["status"] for verdict in late["verdicts"]} == {"unscored"}
        assert {verdict["reason"] for verdict in late["verdicts"]} <= REASONS


def test_no_room_is_429_on_our_routes_and_a_queue_on_openrlhfs() -> None:
    body = b'{"responses": [], "golds": []}'
    with serving("--max-body-mb", "1", "--max-queue-mb", "1") as server:
        with socket.create_connection((server.host, server.port)) as slow:
            slow.sendall(f"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: {2**20}\r\n\r\n".encode() + body)
            waiting_for(lambda: server.metric("verifier_held_bytes") == 2**20)
            status, answer, headers = server.send("/v1/verify", body)
            assert (status, "later" in answer["error"]["message"]) == (429, True)
            assert 1 <= int(headers["retry-after"]) <= 60
            with ThreadPoolExecutor(3) as threads:
                queued = [threads.submit(server.rewards, ("\\boxed{4}", "", "4")) for _ in range(3)]
                waiting_for(lambda: server.metric("verifier_queued_requests") == 3)
                assert server.send("/health")[0] == 200
                slow.sendall(b" " * (2**20 - len(body)))
                assert [future.result()["rewards"] for future in queued] == [[1.0]] * 3
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        assert server.metric("verifier_held_bytes") == 0


def test_a_body_that_does_not_arrive_is_408() -> None:
    with serving("--deadline", "1") as server:
        with socket.create_connection((server.host, server.port)) as slow:
            slow.sendall(b"POST /openrlhf HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        assert server.metric("verifier_held_bytes") == 0


def test_a_client_that_leaves_gives_its_room_back() -> None:
    with serving("--max-body-mb", "1", "--max-queue-mb", "1") as server:
        with socket.create_connection((server.host, server.port)) as gone:
            gone.sendall(f"POST /openrlhf HTTP/1.1\r\nHost: x\r\nContent-Length: {2**20}\r\n\r\n".encode())
            waiting_for(lambda: server.metric("verifier_held_bytes") == 2**20)
        waiting_for(lambda: server.metric("verifier_held_bytes") == 0)
        assert server.rewards(("\\boxed{4}", "", "4"))["rewards"] == [1.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_hand_are_finished_before_the_end(number: int) -> None:
    with serving(*LONG) as server, ThreadPoolExecutor(1) as threads:
        future = threads.submit(server.rewards, endless(1), ("\\boxed{4}", "", "4"))
        try:
            waiting_for(lambda: server.metric("verifier_waiting_decisions") == 1)
            waiting_for(lambda: bool(children(server.process.pid)))
            workers = children(server.process.pid)
            server.process.send_signal(number)
            waiting_for(lambda: refuses(server))
            assert not future.done()
        finally:
            kill_workers(server, [future])
        assert future.result()["rewards"] == [0.0, 1.0]
        assert server.process.wait(60) == 0
        assert server.process.stdout is not None
        assert "2 pairs, 1 unscored" in server.process.stdout.read()
        waiting_for(lambda: not any(parent_and_state(pid)[1] not in "ZX" for pid in workers))
        assert refuses(server)


def refuses(server: Running) -> bool:
    """Whether the server takes no connections."""
    try:
        socket.create_connection((server.host, server.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_outlives_the_grace_is_told_to_come_again() -> None:
    hangs = {"query": [f"\\boxed{{{HANG % n}}}" for n in range(40)]}  # 16 s with two workers
    data = {**hangs, "prompts": [""] * 40, "labels": ["1.25"] * 40}
    with serving("--grace", "1", quiet=False) as server, ThreadPoolExecutor(1) as threads:
        future = threads.submit(server.send, "/openrlhf", data)
        waiting_for(lambda: server.metric("verifier_waiting_decisions") > 10)
        server.process.send_signal(signal.SIGTERM)
        status, answer, headers = future.result()
        assert (status, answer["error"]["message"]) == (503, "the server is ending; come again later")
        assert int(headers["retry-after"]) >= 1
        assert server.process.wait(60) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


def test_metrics_count_what_was_answered() -> None:
    with serving() as server:
        server.rewards(("\\boxed{4}", "", "4"), ("x", "y", "4"))
        server.send("/v1/verify", {"responses": ["1"], "golds": [None]})
        server.send("/v1/verify", b"{")
        samples = {
            'verifier_requests_total{route="/openrlhf",status="200"}': 1,
            'verifier_requests_total{route="/v1/verify",status="400"}': 1,
            'verifier_pairs_total{route="openrlhf",outcome="scored"}': 1,
            'verifier_pairs_total{route="openrlhf",outcome="unscored"}': 1,
            'verifier_unscored_total{reason="prompt_mismatch"}': 1,
            'verifier_unscored_total{reason="gold_unparseable"}': 1,
            'verifier_request_seconds_count{route="/v1/verify"}': 2,
            'verifier_request_seconds_bucket{route="/v1/verify",le="+Inf"}': 2,
        }
        assert {line: server.metric(line) for line in samples} == samples
        _, text, headers = server.send("/metrics")
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        names = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
        assert len(names) == len(set(names))
        for line in text.splitlines():
            assert line.startswith("#") or re.fullmatch(r'\w+(\{(\w+="([^"\\\n]|\\.)*",?)+\})? [\d.e+-]+', line), line


def waiting_for(done: Callable[[], bool]) -> None:
    """Return when ``done()``; fail after a minute."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The live children of a process, whichever of its threads started them."""
    found = {int(entry): parent_and_state(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()}
    return [child for child, (parent, state) in found.items() if parent == pid and state not in "ZX"]


def parent_and_state(pid: int) -> tuple[int, str]:
    """Of a process; (0, X) where it is gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return 0, "X"
    return int(parent), state


# -- the two queues ----------------------------------------------------------------------------------


def test_equal_decisions_are_made_once_and_shared() -> None:
    runs: list[int] = []
    release = threading.Event()

    def decide() -> int:
        runs.append(1)
        release.wait(60)
        return 7

    async def two_requests() -> list[list[int | Late]]:
        decider = Decider(2)
        calls = [lambda: by_worker("same", decide)] * 5
        maps = [asyncio.create_task(decider.map(calls, time.monotonic() + 60)) for _ in range(2)]
        await turns_until(lambda: sum(shared.waiting for shared in decider._open.values()) == 10)
        assert decider.waiting == 1
        release.set()
        found = list(await asyncio.gather(*maps))
        assert decider.waiting == 0
        decider.close()
        return found

    assert asyncio.run(two_requests()) == [[7] * 5] * 2
    assert len(runs) == 1


def test_who_asks_as_the_last_one_leaves_gets_a_decision_of_its_own() -> None:
    release = threading.Event()

    async def leave_and_ask() -> Any:
        decider = Decider(2)

        def call() -> Any:
            return by_worker("same", lambda: release.wait(60))

        first = asyncio.create_task(decider.run(call))
        await turns_until(lambda: decider.waiting == 1)
        first.cancel()
        second = asyncio.create_task(decider.run(call))  # its turn comes in the same round
        await turns_until(first.done)
        release.set()
        found = await second
        decider.close()
        return found

    assert asyncio.run(leave_and_ask()) is True


async def turns_until(done: Callable[[], bool]) -> None:
    """Let the event loop turn until ``done()``; fail after a minute."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        await asyncio.sleep(0)


def test_a_late_decision_costs_its_own_call_alone() -> None:
    release = threading.Event()

    async def one_late() -> list[Any]:
        decider = Decider(1)
        calls: list[Callable[[], Any]] = [
            lambda: 1, lambda: by_worker("slow", lambda: release.wait(60)), lambda: by_worker("next", lambda: 3),
        ]  # fmt: skip
        found = await decider.map(calls, time.monotonic() + 0.2)
        # neither the running one nor the queued one holds anything of this request
        await turns_until(lambda: decider.waiting == 0)
        release.set()
        assert await decider.map([lambda: by_worker("next", lambda: 4)], time.monotonic() + 30) == [4]
        decider.close()
        return found

    found = asyncio.run(one_late())
    assert found[0] == 1
    assert isinstance(found[1], Late)
    assert isinstance(found[2], Late)


def test_a_long_request_lets_the_others_in_between() -> None:
    async def long_and_short() -> list[str]:
        order: list[str] = []
        decider = Decider(1)

        async def request(name: str, calls: int) -> None:
            await decider.map([lambda: time.sleep(0.002)] * calls, time.monotonic() + 60)
            order.append(name)

        await asyncio.gather(request("long", 100), request("short", 1))
        decider.close()
        return order

    assert asyncio.run(long_and_short()) == ["short", "long"]


def test_the_gate_admits_in_order_and_never_too_much() -> None:
    async def scenario() -> None:
        gate = Gate(10)
        assert gate.admits(6)
        assert not gate.admits(5)
        soon = time.monotonic() + 30
        large, small = asyncio.create_task(gate.enter(8, soon)), asyncio.create_task(gate.enter(1, soon))
        await asyncio.sleep(0)
        assert (gate.held, gate.waiting) == (6, 2)
        assert not gate.admits(1)  # there is room, but others came first
        gate.leave(6)
        assert await large
        assert await small
        assert (gate.held, gate.waiting) == (9, 0)
        assert not await gate.enter(5, time.monotonic() + 0.01)
        cancelled = asyncio.create_task(gate.enter(5, soon))
        behind = asyncio.create_task(gate.enter(1, soon))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert await behind  # it fits once the larger one has given up
        assert (gate.held, gate.waiting) == (10, 0)
        both = asyncio.create_task(gate.enter(3, soon))
        await asyncio.sleep(0)
        gate.leave(10)  # admitted and cancelled in the same moment
        both.cancel()
        with pytest.raises(asyncio.CancelledError):
            await both
        assert (gate.held, gate.waiting) == (0, 0)

    asyncio.run(scenario())


# -- inside other things -----------------------------------------------------------------------------


def ask(app: Any, path: str, data: Any) -> tuple[int, Any]:
    """(status, JSON) of a POST to an ASGI application, without a socket."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(data).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_the_application_can_be_mounted() -> None:
    pytest.importorskip("starlette", reason="an ASGI framework to mount it in")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from verifier._server import App, Settings
    from verifier.config import DEFAULT_CONFIG
    from verifier.rewards import GroundTruth, RewardFile, Unscored

    app = App(Settings(RewardFile(GroundTruth(), Unscored()), DEFAULT_CONFIG, token=TOKEN))
    outer = Starlette(routes=[Mount("/grader", app=app)])
    data = {"query": ["\\boxed{4}"], "prompts": [""], "labels": ["4"]}
    assert ask(outer, f"/grader/token/{TOKEN}/openrlhf", data)[1]["rewards"] == [1.0]
    assert ask(outer, "/grader/openrlhf", data)[0] == 401


def test_an_error_of_ours_is_a_500_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import verifier._server as module
    from verifier.config import DEFAULT_CONFIG
    from verifier.rewards import GroundTruth, RewardFile, Unscored

    def broken(*_: Any) -> Any:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(module, "verify_items", broken)
    app = module.App(module.Settings(RewardFile(GroundTruth(), Unscored()), DEFAULT_CONFIG))
    status, answer = ask(app, "/v1/verify", {"responses": [], "golds": []})
    assert (status, "internal error" in answer["error"]["message"]) == (500, True)
    assert "secret" not in json.dumps(answer)
    assert "a secret of the house" in caplog.text


def test_a_reward_that_fails_costs_its_own_pair() -> None:
    from verifier.adapters import http as protocol
    from verifier.rewards import GroundTruth, RewardFile, Unscored

    class Broken(GroundTruth):
        def __call__(self, response: Any, row: Any, context: Any = None) -> float | None:
            if "bad" in response:
                raise ZeroDivisionError
            return 1.0

    settings = RewardFile(Broken(), Unscored())
    items = protocol.items({"query": ["good", "bad"], "prompts": ["", ""], "labels": ["4", "4"]}, ())
    answer = protocol.reply([protocol.score(settings, item) for item in items], settings)
    assert answer["rewards"] == [1.0, 0.0]
    assert answer["extra_logs"]["error"] == [0.0, 1.0]


def test_loopback_needs_no_token() -> None:
    from verifier.serve import check_address

    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        check_address(host, None)
    with pytest.raises(ConfigError):
        check_address("10.0.0.1", None)


class Characters:
    """A tokenizer with a token per character; its end is one special token."""

    END = 0x10FFFF

    def __call__(self, *, text: str, **_: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([[ord(c) for c in text]])}

    def decode(self, tokens: Sequence[int], *, skip_special_tokens: bool) -> str:
        return "".join("<|im_end|>" * (not skip_special_tokens) if t == self.END else chr(t) for t in tokens)


class Engine:
    """Stands for vLLM: the response is what is behind the prompt's last bar."""

    async def generate(self, tokens: list[int], params: Any, **_: Any) -> Any:
        from types import SimpleNamespace

        text = "".join(map(chr, tokens)).rpartition("|")[2]
        output = SimpleNamespace(token_ids=[*map(ord, text), Characters.END], finish_reason="stop", logprobs=None)
        return SimpleNamespace(outputs=[output])


@pytest.mark.openrlhf
def test_openrlhfs_own_client_and_executor() -> None:
    from types import SimpleNamespace

    from openrlhf.utils.agent import SingleTurnAgentExecutor

    params = SimpleNamespace(max_tokens=64, logprobs=None)
    responses = [r"\boxed{4}", r"\boxed{5}", HANG % 3, r"\boxed{\int_0^2 x^3 dx}"]
    with serving(env={"VERIFIER_TOKEN": TOKEN}) as server:
        place = f"{server.host}:{server.port}"
        for url in (f"http://openrlhf:{TOKEN}@{place}/openrlhf", f"http://{place}/token/{TOKEN}/openrlhf"):
            executor = SingleTurnAgentExecutor([url, url])

            async def batch(executor: Any = executor) -> list[Any]:
                engine, tokenizer = Engine(), Characters()
                return await asyncio.gather(*(
                    executor.execute(f"2+2=|{response}", "4", params, 4096, tokenizer, engine)
                    for response in responses * 8
                ))  # fmt: skip

            outputs = asyncio.run(batch())
            assert [output["reward"] for output in outputs] == [[1.0], [0.0], [0.0], [1.0]] * 8
            assert all(output["extra_logs"].keys() == LOGS for output in outputs)
            assert all(type(value) is float for output in outputs for [value] in output["extra_logs"].values())
        assert server.process.poll() is None
