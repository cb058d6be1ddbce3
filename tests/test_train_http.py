"""What is asked of a reward server before a run is started: its URL, and whether it pays the cell's reward."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from train_openrlhf.cells import load_cell
from train_openrlhf.http_checks import server_findings, url_findings
from verifier._metrics import Metrics
from verifier._server import App, Settings
from verifier.config import DEFAULT_CONFIG
from verifier.rewards import reward_file_from

CELL = "qwen2.5-math-7b/ground-truth-paper/s0"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h:1/get_reward", ""),
        ("https://h/token/abc/openrlhf", ""),
        ("http://h:1/get_reward,http://h:2/get_reward", ""),
        ("http://[::1]:8077/get_reward", ""),
        ("h:1/get_reward", "write http://HOST:8077/get_reward"),
        ("ftp://h/get_reward", "write http://HOST:8077/get_reward"),
        ("http:///get_reward", "write http://HOST:8077/get_reward"),
        ("http://h:port/get_reward", "write http://HOST:8077/get_reward"),
        ("http://h:99999/get_reward", "write http://HOST:8077/get_reward"),
        ("http://h:1/get reward", "write http://HOST:8077/get_reward"),
        ("http://h:1", "it has no path"),
        ("http://h:1/get_reward,http://h:2/", "--reward-url http://h:2/: it has no path"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, said: str) -> None:
    found = list(url_findings(url))
    assert [one.level for one in found] == ["error"] * bool(said)
    assert all(said in one.text for one in found)


@pytest.fixture
def serving() -> Iterator[Callable[[bytes], str]]:
    """Starts a server that answers /metrics, and gives the URL of its reward."""
    servers: list[HTTPServer] = []

    def start(text: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path in ("/metrics", "/token/t/metrics") else 404)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/get_reward"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def metrics_of(reward: Any) -> bytes:
    """What `verifier serve` answers."""
    app = App(Settings(reward_file_from({"reward": reward}), DEFAULT_CONFIG))
    try:
        return bytes(app._scrape()[1])
    finally:
        app.decider.close()


def test_the_servers_reward_is_the_cells(serving: Callable[[bytes], str]) -> None:
    cell = load_cell(CELL)
    url = serving(metrics_of(dict(cell.reward)))
    assert list(server_findings(cell, url)) == []
    assert list(server_findings(cell, url.replace("/get_reward", "/token/t/openrlhf"))) == []
    ours = load_cell("qwen2.5-math-7b/ground-truth/s0")
    assert list(server_findings(ours, serving(metrics_of("ground_truth")))) == []  # what a server pays by default
    (found,) = server_findings(ours, url.replace("/get_reward", "/token/t/openrlhf"))
    assert "/token/.../openrlhf pays" in found.text
    assert found.level == "error"
    assert 'ground-truth is {"kind": "ground_truth"' in found.text
    assert "verifier serve --reward RUN_FOLDER/reward.yaml" in found.text


def test_a_reward_with_signs_that_the_metrics_escape(serving: Callable[[bytes], str]) -> None:
    reward = {"kind": "contains", "word": 'a "b" \\n\n c', "fenced": False}
    cell = dataclasses.replace(load_cell(CELL), reward=reward)
    assert list(server_findings(cell, serving(metrics_of(reward)))) == []


def test_a_server_of_another_kind_or_none_is_a_warning(serving: Callable[[bytes], str]) -> None:
    for text in (b"", b"hello", b'verifier_info{reward="{"} 1', Metrics().text({}, {"version": "1"}).encode()):
        (found,) = server_findings(load_cell(CELL), serving(text))
        assert found.level == "warning"
        assert "does not tell its reward" in found.text
    (found,) = server_findings(load_cell(CELL), "http://127.0.0.1:9/get_reward")
    assert found.level == "warning"
    assert "does not answer" in found.text
