"""Worker processes: what a task may do, where the caller may stand, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import verifier
import verifier._process as process_module
import verifier.pool as pool_module
from verifier import ConfigError
from verifier.pool import Outcome, WorkerPool, set_pool_size, shared_pool

# Imported by the workers (and by no one else) from a folder that the fixture puts on the path.
TASKS = r"""
import json, os, random, signal, socket, stat, struct, sys, time

def write(data):
    for number in range(64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                channel = socket.socket(fileno=os.dup(number))
        except OSError:
            pass
    channel.setblocking(True)
    channel.sendall(data)

def frame(message):
    body = json.dumps(message).encode()
    return struct.pack("!4sI", b"rlvr", len(body)) + body

def echo(payload): return payload
def pid(payload): return os.getpid()
def add(payload): return payload["a"] + payload["b"]
def spin(payload):
    if "begun" in payload: os.mkdir(payload["begun"])  # a folder: files may not grow here
    while True: pass
def power(payload): return 3 ** payload["n"] % 10  # one call into C that never lets go of the interpreter
def sleep(payload):
    if "begun" in payload: os.mkdir(payload["begun"])
    time.sleep(payload["s"]); return "woke"
def allocate(payload): return len(bytearray(payload["mib"] * 2**20))
def hoard(payload):
    kept = []
    while True: kept.append("x" * 1000 + str(len(kept)))
def leave(payload): os._exit(payload["code"])
def polite_exit(payload): sys.exit(payload["code"])
def suicide(payload): os.kill(os.getpid(), payload["signal"])
def fail(payload): raise ZeroDivisionError(payload["text"])
def unsendable(payload): return {"a", "b"}
def rubbish(payload): write(bytes.fromhex(payload["hex"])); time.sleep(60)
def stale(payload):
    write(frame({"id": -1, "status": "ok", "value": "not yours"}))
    return "mine"
def not_an_object(payload): write(frame([1])); time.sleep(60)
def deep(payload): body = b"[" * 10**6; write(struct.pack("!4sI", b"rlvr", len(body)) + body)
def chatty(payload):
    print("on stdout", flush=True); os.write(1, b"x" * 100000); os.write(2, b"x" * 100000)
    return [sys.stdin.read(), "said"]
def surroundings(payload):
    import sympy.core.random
    steering = {k: v for k, v in os.environ.items() if k.startswith(("PYTHON", "SYMPY"))}
    draws = [random.random(), sympy.core.random.random()]
    return {"hash": hash("text"), "draws": draws, "env": steering, "cwd": os.getcwd()}
def origin(payload):
    return {name: getattr(__import__(name), "__file__") for name in payload["names"]}
def write_file(payload):
    with open(payload["path"], "w") as file: file.write("x" * 10)
def factor(payload):
    import sympy
    x = sympy.Symbol("x")
    return str(sympy.factor(x**4 - 1))
def wait_for(payload):
    if "begun" in payload: os.mkdir(payload["begun"])
    while not os.path.exists(payload["path"]): time.sleep(0.002)
    return time.monotonic()
"""
NAMES = [line.split("(")[0][4:] for line in TASKS.splitlines() if line.startswith("def ")]
TABLE = {name: f"pool_test_tasks:{name}" for name in NAMES}
PROJECT = str(Path(verifier.__file__).parents[1])


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "pool_test_tasks.py").write_text(TASKS)
    return folder


@pytest.fixture(autouse=True, scope="module")
def _no_shared_pool() -> None:
    """Other modules of the same run may have left the process's own pool open; here processes are counted.

    What frameworks of those modules keep running (Ray, resource trackers) is not the pool's, and not counted.
    """
    for pool in pool_module._SHARED.values():
        pool.close()
    until(lambda: not any(b'"memory_mb"' in command(pid) for pid, _ in children()))
    FOREIGN.update(pid for pid, _ in children())


@pytest.fixture
def make(task_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerPool]]:
    """Makes pools of light workers (no SymPy), and checks that nothing outlives them."""
    monkeypatch.syspath_prepend(str(task_folder))
    before = remains()
    pools: list[WorkerPool] = []

    def build(**settings: Any) -> WorkerPool:
        pools.append(WorkerPool(_tasks=TABLE, _preload=settings.pop("preload", ()), **settings))
        return pools[-1]

    yield build
    for pool in pools:
        pool.close()
    left = remains() - before
    assert not left


FOREIGN: set[int] = set()


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children(parent: int | None = None) -> list[tuple[int, str]]:
    """(pid, state) of every child process that is not FOREIGN, zombies included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state, ppid = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(ppid) == (parent or os.getpid()) and int(entry) not in FOREIGN:
                found.append((int(entry), state))
    return sorted(found)


def remains() -> set[tuple[Any, ...]]:
    """Children, descriptors and threads of this process, without the garbage of earlier tests.

    Those of other modules may end at any moment, so what is new is looked for, and nothing is counted.
    """
    gc.collect()
    found: set[tuple[Any, ...]] = {("child", pid) for pid, _ in children()}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one of this very listing
            found.add(("descriptor", number, os.readlink(f"/proc/self/fd/{number}")))
    return found | {("thread", thread) for thread in threading.enumerate()}


def pids(pool: WorkerPool) -> list[int]:
    """Its processes; other threads may start and end some meanwhile."""
    return [worker.process.pid for worker in list(pool._workers)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; the limit only ends a test that has failed."""
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.005)


def ok(pool: WorkerPool, **payload: Any) -> bool:
    return pool.call("echo", payload, timeout_s=5) == Outcome("ok", payload, "", pytest.approx(0, abs=1e9))


# -- what a task may do -------------------------------------------------------------------------------


def test_values_come_back_as_they_went(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    payload = {"text": "\\frac{1}{2}\x00\ud800π\n", "list": [1, 2.5, None, True], "big": "9" * 300_000}
    outcome = pool.call("echo", payload, timeout_s=5)
    assert (outcome.status, outcome.value, outcome.detail) == ("ok", payload, "")
    assert outcome.elapsed_s > 0


def test_an_exception_is_an_error_and_the_worker_goes_on(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    first = pool.call("pid", {}, timeout_s=5).value
    outcome = pool.call("fail", {"text": "a\nb" + "x" * 10_000}, timeout_s=5)
    assert outcome.status == "error"
    assert outcome.detail.startswith("ZeroDivisionError: a bxxx")
    assert len(outcome.detail) <= 500
    assert "SystemExit" in pool.call("polite_exit", {"code": 3}, timeout_s=5).detail
    assert "not JSON serializable" in pool.call("unsendable", {}, timeout_s=5).detail
    assert "no task is called 'eval'" in pool.call("eval", {}, timeout_s=5).detail
    assert pool.call("pid", {}, timeout_s=5).value == first


def test_a_payload_that_is_not_json_is_an_error(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    for payload in ({"x": object()}, loop):
        outcome = pool.call("echo", payload, timeout_s=5)
        assert outcome.status == "error"
        assert outcome.detail.startswith("the payload cannot be sent")
    assert ok(pool)


@pytest.mark.parametrize("task", ["spin", "power"])
def test_work_beyond_the_cpu_limit_is_killed(
    make: Callable[..., WorkerPool], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "BACKSTOP", 1000.0)  # on a busy machine it could come first
    pool = make()
    outcome = pool.call(task, {"n": 10**9}, timeout_s=0.1)
    assert (outcome.status, outcome.detail) == ("timeout", "killed: worked for 0.1 s of CPU time")
    assert ok(pool)


def test_a_sleeper_meets_the_wall_clock_backstop(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    outcome = pool.call("sleep", {"s": 3600}, timeout_s=0.05)
    assert (outcome.status, outcome.detail) == ("timeout", "killed: no reply within 0.2 s of wall clock")
    assert ok(pool)


def test_waiting_is_not_charged_as_work(make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "BACKSTOP", 1000.0)
    outcome = make().call("sleep", {"s": 0.3}, timeout_s=0.1)
    assert (outcome.status, outcome.value) == ("ok", "woke")


def test_a_stopped_worker_is_killed(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    outcome = pool.call("suicide", {"signal": int(signal.SIGSTOP)}, timeout_s=0.05)
    assert outcome.status == "timeout"
    stopped = pool.call("pid", {}, timeout_s=5).value
    os.kill(stopped, signal.SIGSTOP)  # idle, and it will not read its channel either
    big = "x" * 2**20
    outcomes = [pool.call("echo", {"big": big}, timeout_s=seconds) for seconds in (0.5, 20, 20)]
    assert [outcome.status for outcome in outcomes] == ["timeout", "ok", "ok"]
    assert not alive(stopped)


@pytest.mark.parametrize(("task", "payload"), [("allocate", {"mib": 400}), ("hoard", {})])
def test_out_of_memory_is_a_crash(make: Callable[..., WorkerPool], task: str, payload: dict[str, Any]) -> None:
    pool = make(memory_mb=128)
    outcome = pool.call(task, payload, timeout_s=20)
    assert (outcome.status, outcome.detail) == ("crashed", "out of memory")
    assert pool.call("allocate", {"mib": 20}, timeout_s=5).value == 20 * 2**20


def test_a_death_is_a_crash_that_names_its_cause(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    for code in (0, 3):
        outcome = pool.call("leave", {"code": code}, timeout_s=5)
        assert (outcome.status, outcome.detail) == ("crashed", f"the worker ended with exit status {code}")
    for name in ("SIGKILL", "SIGSEGV", "SIGTERM", "SIGINT"):
        outcome = pool.call("suicide", {"signal": int(signal.Signals[name])}, timeout_s=5)
        assert (outcome.status, outcome.detail) == ("crashed", f"the worker was killed by {name}")
    assert ok(pool)


@pytest.mark.parametrize(
    ("task", "hexadecimal"),
    [
        ("rubbish", b"\x00" * 64),  # not our magic bytes
        ("rubbish", b"rlvr\xff\xff\xff\xff"),  # a body of 4 GiB
        ("rubbish", b"rlvr\x00\x00\x00\x03{]}"),  # a frame without JSON
        ("not_an_object", b""),
        ("deep", b""),  # JSON that exhausts a recursive reader
        ("stale", b""),  # the reply to some other task
    ],
)
def test_rubbish_on_the_channel_is_a_crash(make: Callable[..., WorkerPool], task: str, hexadecimal: bytes) -> None:
    pool = make()
    first = pool.call("pid", {}, timeout_s=5).value
    outcome = pool.call(task, {"hex": hexadecimal.hex()}, timeout_s=5)
    assert (outcome.status, outcome.detail) == ("crashed", "the worker wrote rubbish to its channel")
    assert outcome.value is None
    assert not alive(first)
    assert ok(pool)


def test_half_a_frame_is_no_reply(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    assert pool.call("rubbish", {"hex": b"rlvr\x00\x00".hex()}, timeout_s=0.05).status == "timeout"
    assert ok(pool)


def test_an_idle_worker_that_speaks_is_replaced(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    first = pool.call("pid", {}, timeout_s=5).value
    with pool._lock:
        (worker,) = [worker for worker in pool._workers if worker.process.pid == first]
    # A request it will answer although nobody asked: the reply must not reach the next caller.
    worker.channel.sendall(pool_module._worker.encode({"id": 0, "task": "pid", "payload": {}, "cpu_s": 1}))
    until(worker.stirs)
    second = pool.call("pid", {}, timeout_s=5)
    assert second.status == "ok"
    assert second.value != first
    assert not alive(first)


def test_prints_do_not_reach_the_channel(make: Callable[..., WorkerPool], capfd: pytest.CaptureFixture[str]) -> None:
    assert make().call("chatty", {}, timeout_s=5).value == ["", "said"]
    assert capfd.readouterr() == ("", "")


def test_a_task_writes_no_file(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    outcome = make().call("write_file", {"path": str(tmp_path / "out")}, timeout_s=5)
    assert (outcome.status, outcome.detail.partition(":")[0]) == ("error", "OSError")


def test_workers_are_alike(make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes, random draws and settings do not depend on the process, the environment or earlier tasks."""
    seen = []
    for hash_seed, ground_types in (("1", "flint"), ("2", "gmpy")):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        monkeypatch.setenv("PYTHONWARNINGS", "error")
        monkeypatch.setenv("SYMPY_GROUND_TYPES", ground_types)
        pool = make(preload=("sympy",))
        seen += [pool.call("surroundings", {}, timeout_s=5) for _ in range(2)]
        assert pool.call("factor", {}, timeout_s=5).value == "(x - 1)*(x + 1)*(x**2 + 1)"
        pool.close()
    assert [outcome.status for outcome in seen] == ["ok"] * 4, seen
    assert all(outcome.value == seen[0].value for outcome in seen)
    assert seen[0].value["cwd"] == "/"
    steering = {"PYTHONHASHSEED": "0", "SYMPY_GROUND_TYPES": "python"}
    kept = process_module._KEPT_VARIABLES
    assert {k: v for k, v in seen[0].value["env"].items() if k not in kept} == steering


# -- replacement, order and ageing --------------------------------------------------------------------


def test_killed_from_outside(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make()
    with ThreadPoolExecutor(1) as threads:
        payload = {"path": str(tmp_path / "never"), "begun": str(tmp_path / "begun")}
        task = threads.submit(pool.call, "wait_for", payload, timeout_s=60)
        until(lambda: (pool._tend(), len(pool._busy) == 1 and len(pool._idle) == 1)[1])
        until((tmp_path / "begun").exists)  # or it would be another worker's to do
        both = pids(pool)  # the busy one and the spare
        for pid in both:
            os.kill(pid, signal.SIGKILL)
        assert task.result().detail == "the worker was killed by SIGKILL"
    until(lambda: not any(alive(pid) for pid in both))
    assert all(ok(pool, n=n) for n in range(20))


def test_a_task_handed_to_a_dying_worker_is_done_by_another(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1)
    for _ in range(20):
        victim = pool.call("pid", {}, timeout_s=5).value
        os.kill(victim, signal.SIGKILL)  # idle; the next task may well be sent before its end shows
        outcome = pool.call("pid", {}, timeout_s=5)
        assert outcome.status == "ok", outcome
        assert outcome.value != victim


def test_two_hangs_then_a_thousand_good_calls(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make()
    begun = [tmp_path / "first", tmp_path / "second"]
    with ThreadPoolExecutor(2) as hangs, ThreadPoolExecutor(8) as threads:
        hung = [hangs.submit(pool.call, "spin", {"begun": str(path)}, timeout_s=0.4) for path in begun]
        until(lambda: all(path.exists() for path in begun))
        during = list(threads.map(lambda n: ok(pool, n=n), range(200)))
        assert [future.result().status for future in hung] == ["timeout", "timeout"]
        after = list(threads.map(lambda n: pool.call("add", {"a": n, "b": 1}, timeout_s=5).value, range(1000)))
    assert all(during)
    assert after == [n + 1 for n in range(1000)]


def test_a_spare_is_ready_when_a_worker_is_killed(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1)
    first = pool.call("pid", {}, timeout_s=5).value
    until(lambda: (pool._tend(), len(pool._idle) == 2)[1])
    (spare,) = set(pids(pool)) - {first}
    assert pool.call("leave", {"code": 1}, timeout_s=5).status == "crashed"
    assert len(pool._starting) == 1  # its replacement is already on its way
    assert pool.call("pid", {}, timeout_s=5).value == spare


def test_callers_are_served_in_their_order(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make(size=1)
    assert ok(pool)
    until(lambda: (pool._tend(), len(pool._idle) == 2)[1])
    gates = [tmp_path / "first", tmp_path / "second"]
    with ThreadPoolExecutor(12) as threads:
        held = [threads.submit(pool.call, "wait_for", {"path": str(gate)}, timeout_s=20) for gate in gates]
        until(lambda: len(pool._busy) == 2)
        queued = []
        for n in range(10):
            queued.append(threads.submit(pool.call, "wait_for", {"path": "/"}, timeout_s=20))
            until(lambda n=n: len(pool._waiting) == n + 1)  # type: ignore[misc]
        gates[0].touch()  # one worker serves the queue while the other is still held
        begun = [future.result().value for future in queued]
        gates[1].touch()
        assert [future.result().status for future in held] == ["ok", "ok"]
    assert begun == sorted(begun)


def test_workers_are_recycled(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1, recycle_after=5)
    served: list[int] = []

    def four_have_served() -> bool:
        served.append(pool.call("pid", {}, timeout_s=5).value)
        return len(set(served)) >= 4

    until(four_have_served)
    assert all(served.count(pid) >= 5 for pid in set(served) - {served[-1]})
    retired = set(served) - set(pids(pool))
    assert retired
    assert not any(alive(pid) for pid in retired)
    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(lambda n: ok(pool, n=n), range(100)))
    assert len(children()) <= 3  # one, the spare, and at most one that is coming or going


def test_a_worker_is_not_recycled_before_its_replacement_is_warm(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1, recycle_after=5)
    first = pool.call("pid", {}, timeout_s=5).value
    until(lambda: (pool._tend(), len(pool._idle) == 2)[1])
    pool._settings["preload"] = ["no_such_module"]  # there will be no replacement
    assert len({pool.call("pid", {}, timeout_s=5).value for _ in range(50)}) == 1
    assert alive(first)


def test_two_hundred_kills_leave_nothing(make: Callable[..., WorkerPool]) -> None:
    pool = make()
    assert ok(pool)
    threads_before = set(threading.enumerate())
    ways: list[tuple[str, dict[str, Any]]] = [
        ("leave", {"code": 1}),
        ("suicide", {"signal": int(signal.SIGKILL)}),
        ("rubbish", {"hex": b"rubbish!".hex()}),
        ("allocate", {"mib": 4096}),
        ("spin", {}),
    ]

    def kill(n: int) -> str:
        task, payload = ways[n % len(ways)]
        return pool.call(task, payload, timeout_s=0.02 if task == "spin" else 10).status

    with ThreadPoolExecutor(2) as threads:
        statuses = list(threads.map(kill, range(200)))
    assert statuses == ["crashed", "crashed", "crashed", "crashed", "timeout"] * 40
    assert ok(pool)
    assert len(children()) <= 3
    assert not [pid for pid, state in children() if state == "Z"]
    assert set(threading.enumerate()) <= threads_before  # and the fixture looks again after close()


def test_an_interrupted_caller_loses_only_its_own_worker(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make()
    assert ok(pool)

    def interrupt() -> None:
        until((tmp_path / "begun").exists)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        pool.call("sleep", {"s": 3600, "begun": str(tmp_path / "begun")}, timeout_s=60)
    thread.join()
    assert not pool._busy
    assert ok(pool)


def test_an_interrupt_as_a_worker_is_handed_over_loses_no_place(
    make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make(size=1, spare=False)
    acquire = pool._acquire

    def interrupted(seat: Any) -> None:
        acquire(seat)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pool, "_acquire", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.call("echo", {}, timeout_s=5)
    assert not pool._busy
    assert ok(pool)


# -- closing, dropping, failing to start --------------------------------------------------------------


def test_close(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1)
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(pool.call, "sleep", {"s": 3600}, timeout_s=60) for _ in range(4)]
        until(lambda: len(pool._busy) == 2 and len(pool._waiting) == 2)
        pool.close()
        assert [call.result().detail for call in calls] == ["the pool was closed"] * 4
    pool.close()
    after = pool.call("echo", {}, timeout_s=1)
    assert (after.status, after.detail) == ("crashed", "the pool is closed")


def test_closed_before_the_task_has_begun(make: Callable[..., WorkerPool]) -> None:
    pool = make(size=1)
    os.kill(pool.call("pid", {}, timeout_s=5).value, signal.SIGSTOP)  # idle, and the next to be handed out
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(pool.call, "echo", {}, timeout_s=60)
        until(lambda: len(pool._busy) == 1)
        pool.close()
        assert call.result().detail == "the pool was closed"


def test_a_dropped_pool_ends_its_workers(task_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(task_folder))
    before = remains()
    pool = WorkerPool(_tasks=TABLE, _preload=())
    assert ok(pool)
    assert {kind for kind, *_ in remains() - before} == {"child", "descriptor"}
    del pool
    left = remains() - before
    assert not left


def test_settings_that_cannot_be_honoured(make: Callable[..., WorkerPool]) -> None:
    for setting in ("size", "memory_mb", "recycle_after"):
        with pytest.raises(ConfigError, match=f"{setting}=0 must be at least 1"):
            make(**{setting: 0})
    for timeout_s in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="timeout_s="):
            make().call("echo", {}, timeout_s=timeout_s)


def test_a_pool_that_cannot_start_says_so(make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "RETRY_S", 1000.0)  # however slow the starts are here
    starts = []
    real = pool_module.WorkerProcess
    monkeypatch.setattr(pool_module, "WorkerProcess", lambda settings: starts.append(settings) or real(settings))
    pool = make(preload=("no_such_module",))
    for _ in range(5):
        outcome = pool.call("echo", {}, timeout_s=1)
        assert outcome.status == "crashed"
        assert outcome.detail == (
            "worker processes do not start: ModuleNotFoundError: No module named 'no_such_module'"
        )
    assert 3 <= len(starts) <= 6  # it does not try again at every call
    pool._settings["preload"] = []  # as if it had been installed
    monkeypatch.setattr(pool, "_retry_at", 0.0)
    assert ok(pool)
    assert ok(make(memory_mb=64))
    small = make(memory_mb=30).call("echo", {}, timeout_s=1)
    assert "memory_mb=30 is too small" in small.detail
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "FileNotFoundError" in make().call("echo", {}, timeout_s=1).detail
    monkeypatch.setattr(sys, "executable", "")
    assert "sys.executable is empty" in make().call("echo", {}, timeout_s=1).detail


def test_workers_killed_while_they_start(
    make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """None is ready before the last of them is killed: what they import waits for a file."""
    gate = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'open')!r}): time.sleep(0.002)\n"
    (tmp_path / "pool_test_gate.py").write_text(gate)
    monkeypatch.syspath_prepend(str(tmp_path))
    pool = make(preload=("pool_test_gate",))
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(ok, pool)
        killed: set[int] = set()
        while len(killed) < 5:  # more than the failed starts in a row that make the pool give up
            until(lambda: bool({worker.process.pid for worker in list(pool._starting)} - killed))
            for worker in list(pool._starting):
                os.kill(worker.process.pid, signal.SIGKILL)
                killed.add(worker.process.pid)
        (tmp_path / "open").touch()
        assert call.result()


def test_the_shared_pool_is_one_per_memory_limit() -> None:
    pool = shared_pool(memory_mb=300)
    assert shared_pool(memory_mb=300) is pool
    assert shared_pool(memory_mb=301) is not pool
    pool.close()
    fresh = shared_pool(memory_mb=300)  # closing it does not take it from others for good
    assert fresh is not pool
    assert children() == []  # no call, no process


def test_without_a_spare_there_is_one_process(make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    end = process_module.WorkerProcess.end

    def slow_end(worker: process_module.WorkerProcess) -> None:
        time.sleep(2 * pool_module.TICK_S)  # as on a busy machine: callers look around meanwhile
        end(worker)

    monkeypatch.setattr(process_module.WorkerProcess, "end", slow_end)
    pool = make(size=1, spare=False, recycle_after=3)
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, len(children()))
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(4) as threads:
        kills = [threads.submit(pool.call, "leave", {"code": 1}, timeout_s=5) for _ in range(3)]
        assert all(threads.map(lambda n: ok(pool, n=n), range(20)))  # recycled often
        assert [kill.result().status for kill in kills] == ["crashed"] * 3
    done.set()
    watcher.join()
    assert most == 1


def test_the_size_of_the_shared_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SHARED", {})
    monkeypatch.setattr(pool_module, "_size", None)
    monkeypatch.delenv("RLVR_POOL_SIZE", raising=False)
    pool = shared_pool()
    assert (2 <= pool._size <= 4, pool._spare) == (True, True)
    monkeypatch.setenv("RLVR_POOL_SIZE", "3")
    set_pool_size(None)
    assert (shared_pool()._size, shared_pool()._spare) == (3, True)
    set_pool_size(1)
    assert (shared_pool()._size, shared_pool()._spare) == (1, False)
    for size in (0, -1, True, "2"):
        with pytest.raises(ConfigError, match="must be a whole number from 1"):
            set_pool_size(size)  # type: ignore[arg-type]
    for text in ("0", "two", "-1", "1.5", "²"):
        monkeypatch.setenv("RLVR_POOL_SIZE", text)
        set_pool_size(None)
        with pytest.raises(ConfigError, match=r"RLVR_POOL_SIZE=.* must be a whole number from 1 to 1024"):
            verifier.verify(response=r"\boxed{\int_0^1\sin(x)dx}", gold=r"1-\cos 1")  # a setting, so it is raised


def test_a_smaller_pool_does_not_interrupt_a_task(
    make: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared: dict[int, WorkerPool] = {}
    monkeypatch.setattr(pool_module, "_SHARED", shared)
    monkeypatch.setattr(pool_module, "_size", None)
    shared[512] = WorkerPool(size=2, _tasks=TABLE, _preload=())
    make()  # the check that nothing is left
    with ThreadPoolExecutor(1) as threads:
        task = threads.submit(lambda: shared_pool().call("wait_for", {"path": str(tmp_path / "go")}, timeout_s=60))
        until(lambda: bool(shared[512]._busy))
        set_pool_size(1)
        (tmp_path / "go").touch()
        assert task.result().status == "ok"
    gc.collect()
    until(lambda: not children())


def test_the_real_workers_start_and_know_their_tasks() -> None:
    """With the default memory limit and imports; an empty payload gets as far as the task's own code."""
    pool = WorkerPool(size=1)
    try:
        outcome = pool.call("symbolic", {}, timeout_s=20)
        assert (outcome.status, outcome.detail.partition(":")[0]) == ("error", "KeyError"), outcome
        outcome = pool.call("second_opinion", {}, timeout_s=20)  # says what to install where its extra is not
        assert outcome.status == "ok" or outcome.detail.startswith("KeyError"), outcome
    finally:
        pool.close()
    assert children() == []


# -- where the caller stands --------------------------------------------------------------------------


def test_in_an_event_loop(make: Callable[..., WorkerPool], tmp_path: Path) -> None:
    pool = make()
    begun = tmp_path / "begun"

    async def main() -> list[bool]:
        hung = asyncio.create_task(asyncio.to_thread(pool.call, "spin", {"begun": str(begun)}, timeout_s=0.3))
        while not begun.exists():
            await asyncio.sleep(0.005)
        hung.cancel()  # its thread goes on until the kill; the loop does not wait for it
        with pytest.raises(asyncio.CancelledError):
            await hung
        return await asyncio.gather(*(asyncio.to_thread(ok, pool, n=n) for n in range(50)))

    assert all(asyncio.run(main()))
    assert not pool._busy
    assert not pool._waiting


def script(source: str) -> str:
    head = f"""
        import os, sys
        from verifier.pool import WorkerPool
        pool = WorkerPool(_tasks={TABLE!r}, _preload=(), recycle_after=10**9)
        def ok(): return pool.call("echo", {{"n": 1}}, timeout_s=5).status == "ok"
        def pids(): return [worker.process.pid for worker in list(pool._workers)]
    """
    return textwrap.dedent(head) + textwrap.dedent(source)


@pytest.fixture
def python(task_folder: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script that has no ``__main__`` guard, or the same text under ``-c``."""

    def run(source: str, *, command: bool = False, **settings: Any) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "run_me.py"
        file.write_text(script(source))
        path = os.pathsep.join([PROJECT, str(task_folder)])
        return subprocess.run(
            [sys.executable, "-W", "error", *(["-c", script(source)] if command else [str(file)])],
            env={**os.environ, "PYTHONPATH": path},
            cwd=settings.pop("cwd", tmp_path),
            capture_output=True,
            text=True,
            timeout=300,
            **settings,
        )

    return run


@pytest.mark.parametrize("command", [False, True])
def test_a_script_without_main_guard_leaves_nothing_at_exit(
    python: Callable[..., subprocess.CompletedProcess[str]], command: bool
) -> None:
    done = python(
        """
        import threading
        assert ok()
        threading.Thread(target=pool.call, args=("spin", {}), kwargs={"timeout_s": 300}, daemon=True).start()
        while not pool._busy: pass
        print(*pids())
        """,
        command=command,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    workers = [int(word) for word in done.stdout.split()]
    assert len(workers) >= 1
    assert not any(alive(pid) for pid in workers)  # ended before the interpreter did, spinning or not


def test_workers_end_when_the_parent_is_killed(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = python(
        """
        assert ok() and ok()
        print(*pids(), flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    assert (done.returncode, done.stderr) == (-9, "")
    until(lambda: not any(alive(int(word)) for word in done.stdout.split()))


def test_workers_end_when_the_parent_is_killed_and_a_fork_holds_the_channel(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A fork made behind Python's back (by a library) keeps a copy of the descriptors open."""
    done = python(
        """
        import ctypes, time
        assert ok()
        child = ctypes.CDLL(None).fork()
        if child == 0:
            os.close(0), os.close(1), os.close(2)
            time.sleep(600)
            os._exit(0)
        print(*pids(), child, flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    assert done.returncode == -9
    *workers, child = (int(word) for word in done.stdout.split())
    try:
        until(lambda: not any(alive(pid) for pid in workers))
        assert alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_forked_child_has_workers_of_its_own(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = python(
        """
        import gc, stat, threading, warnings
        warnings.simplefilter("ignore")  # from Python 3.12 on, a fork beside threads is warned about
        assert ok()
        before = set(pids())
        stop = threading.Event()
        results = []
        def sockets():
            found = []
            for number in range(256):
                try:
                    if stat.S_ISSOCK(os.fstat(number).st_mode): found.append(number)
                except OSError: pass
            return found
        assert sockets()
        def work():
            while not stop.is_set(): results.append(ok())
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        statuses = []
        for n in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    assert not sockets()
                    assert not pids()
                    assert ok()
                    assert pool.call("leave", {"code": 1}, timeout_s=5).status == "crashed"
                    assert ok() and not before & set(pids())
                    pool.close()
                    gc.collect()
                    code = 0
                except BaseException as error:
                    print(repr(error), file=sys.stderr, flush=True)
                finally:
                    os._exit(code)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        for thread in threads: thread.join()
        assert statuses == [0] * 5, statuses
        assert results and all(results)
        assert before <= set(pids())  # the parent's workers were not disturbed
        """
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_in_daemon_processes(python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = python(
        f"""
        import multiprocessing
        context = multiprocessing.get_context("fork")
        def work(queue): queue.put([ok(), pool.call("spin", {{}}, timeout_s=0.05).status, ok(), *pids()])
        queue = context.Queue()
        process = context.Process(target=work, args=(queue,), daemon=True)
        process.start()
        first, second, third, *workers = queue.get()
        assert (first, second, third) == (True, "timeout", True)
        process.join()
        # And as a Unix daemon does: twice forked, its own session, no standard descriptors.
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (0, 1, 2): os.close(number)
                verdict = [ok(), pool.call("chatty", {{}}, timeout_s=5).value, ok()]
                low = [worker.channel.fileno() for worker in pool._workers if worker.channel.fileno() < 3]
                pool.close()
                with open({str(tmp_path / "part")!r}, "w") as file: file.write(repr((verdict, low)))
                os.rename({str(tmp_path / "part")!r}, {str(tmp_path / "verdict")!r})
            os._exit(0)
        os.wait()
        print(*workers)
        """
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    until(lambda: not any(alive(int(word)) for word in done.stdout.split()))
    until((tmp_path / "verdict").exists)
    assert (tmp_path / "verdict").read_text() == "([True, ['', 'said'], True], [])"


@pytest.mark.parametrize("command", [False, True])
def test_nothing_is_imported_from_the_current_folder(
    python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, command: bool
) -> None:
    """The parent has the standard modules already; the folder's files appear under the worker only."""
    names = ["json", "random", "socket", "struct", "sympy", "linecache", "runpy", "importlib"]
    done = python(
        f"""
        import os, verifier.api, subprocess
        for name in {names!r}:
            with open(name + ".py", "w") as file:
                file.write("raise SystemExit('imported from the current folder')")
        sys.path.insert(0, "")
        sys.path.insert(0, ".")
        result = pool.call("origin", {{"names": {names!r}}}, timeout_s=60)
        print(result.status, result.detail, *(result.value or {{}}).values())
        """,
        command=command,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("ok ")
    assert str(tmp_path) not in done.stdout


def test_hostile_inheritance(python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Blocked and ignored signals, a default socket timeout, an ignored SIGCHLD, a folder that is gone."""
    done = python(
        """
        import signal, socket, tempfile, verifier._process
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        socket.setdefaulttimeout(0.5)
        verifier._process.BACKSTOP = 1000.0
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
        assert ok()
        result = pool.call("spin", {}, timeout_s=0.1)
        assert result.detail == "killed: worked for 0.1 s of CPU time", result
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # exit statuses are lost; the outcomes are not
        assert ok()
        assert pool.call("leave", {"code": 1}, timeout_s=5).status == "crashed"
        assert ok()
        """
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
