"""OpenRLHF's own parser, assertions and GPU placement over every cell of the grid, and what they catch."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from train_openrlhf import checks, grid, launch
from train_openrlhf.argv import build_argv, layout
from train_openrlhf.cells import Cell, load_cell, names
from train_openrlhf.dryrun import Result, dry_run
from verifier.errors import ConfigError

pytestmark = pytest.mark.openrlhf
CELL = "qwen2.5-math-7b/random-0.5/s0"
ARGV = build_argv(load_cell(CELL), Path("/r"))


def with_value(flag: str, *values: str) -> list[str]:
    """The cell's arguments with another value behind ``flag``, or without the flag."""
    at = ARGV.index(flag)
    return [*ARGV[:at], *([flag, *values] if values else []), *ARGV[at + 2 :]]


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """All vectors of this module in one subprocess: milliseconds each."""
    vectors = {name: build_argv(load_cell(name), Path("/r")) for name in grid.cells_of("all")}
    for model in names("models"):
        vectors[f"{model}: smoke"] = build_argv(load_cell(f"{model}/format/s0", smoke=True), Path("/r"))
    for nodes, gpus in SIZES:
        vectors[f"{nodes}x{gpus}"] = build_argv(sized(nodes, gpus), Path("/r"))
    vectors["kl"] = build_argv(load_cell(CELL, ["algorithm.kl=0.01"]), Path("/r"))
    vectors["http"] = build_argv(load_cell(CELL), Path("/r"), reward_url="http://h:1/get_reward")
    vectors["resume"] = build_argv(load_cell(CELL), Path("/r"), resume=True)
    return dry_run(vectors | {name: made() for name, (made, _) in SPOILT.items()})


SIZES = [(1, 1), (1, 2), (1, 8), (2, 8), (3, 5), (4, 8)]


def sized(nodes: int, gpus: int) -> Cell:
    return load_cell(CELL, [("hardware.nodes", nodes), ("hardware.gpus_per_node", gpus)])


SPOILT: dict[str, tuple[Callable[[], list[str]], str]] = {
    "misspelt": (
        lambda: ["--rollout.temprature" if text == "--rollout.temperature" else text for text in ARGV],
        "--rollout.temprature is no flag of this OpenRLHF; did you mean --rollout.temperature?",
    ),
    "abbreviated": (
        lambda: ["--rollout.temp" if text == "--rollout.temperature" else text for text in ARGV],
        "--rollout.temp is an abbreviation of --rollout.temperature",
    ),
    "of an older version": (lambda: [*ARGV, "--remote_rm_url", "x"], "--remote_rm_url is no flag of this OpenRLHF"),
    "bad value": (lambda: with_value("--train.batch_size", "many"), "invalid int value: 'many'"),
    "bad choice": (lambda: with_value("--ds.param_dtype", "fp64"), "invalid choice: 'fp64'"),
    "one sample": (
        lambda: with_value("--rollout.n_samples_per_prompt", "1"),
        "group_norm requires n_samples_per_prompt",
    ),
    "no engines": (lambda: with_value("--vllm.num_engines", "0"), "Only support `--packing_samples` with vLLM"),
    "too few batches": (lambda: with_value("--rollout.micro_batch_size", "1024"), "number of sample batches must be"),
    "engines that do not fit": (
        lambda: [*ARGV, "--train.colocate_all", "--vllm.num_engines", "8"],
        "actor_num_nodes * actor_num_gpus_per_node must be equal",
    ),
}


def test_every_cell_of_the_grid_would_start(results: dict[str, Result]) -> None:
    cells = grid.cells_of("all")
    assert len(cells) > 100
    for name in cells:
        cell = load_cell(name)
        half = 2 if cell.model.billions < 4 else 4
        assert results[name].error is None, name
        assert [*checks.settings_findings(cell), *checks.dry_run_findings(cell, results[name])] == [], name
        assert results[name].groups == [("PolicyModelActor", half)]  # no reference, critic or reward model
        assert (results[name].gpus, results[name].engines) == (2 * half, half)


@pytest.mark.parametrize("model", names("models"))
def test_every_smoke_run_would_start_on_two_made_up_gpus(results: dict[str, Result], model: str) -> None:
    found = results[f"{model}: smoke"]
    assert (found.error, found.warnings, found.gpus, found.engines) == (None, [], 2, 1)


@pytest.mark.parametrize(("nodes", "gpus"), SIZES)
def test_one_gpu_to_several_nodes(results: dict[str, Result], nodes: int, gpus: int) -> None:
    cell, found = sized(nodes, gpus), results[f"{nodes}x{gpus}"]
    assert (found.error, found.warnings) == (None, [])
    assert found.gpus == layout(cell.settings.hardware).gpus == nodes * gpus
    assert list(checks.dry_run_findings(cell, found)) == []


def test_a_penalty_brings_a_reference_model_on_the_same_gpus(results: dict[str, Result]) -> None:
    assert results["kl"].groups == [("PolicyModelActor", 4), ("ReferenceModelActor", 4)]
    assert results["kl"].gpus == 8


@pytest.mark.parametrize("name", ["http", "resume"])
def test_the_other_routes_would_start_too(results: dict[str, Result], name: str) -> None:
    assert (results[name].error, results[name].gpus) == (None, 8)
    assert results[name].groups == [("PolicyModelActor", 4)]


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_caught_and_explained(results: dict[str, Result], name: str) -> None:
    said = SPOILT[name][1]
    assert said in str(results[name].error)
    (finding,) = checks.dry_run_findings(load_cell(CELL), results[name])
    assert finding.level == "error"
    assert said in finding.text


def test_one_gpu_off_is_caught() -> None:
    found = dry_run({"more": with_value("--vllm.num_engines", "5"), "less": with_value("--vllm.num_engines", "3")})
    texts = {name: [str(one) for one in checks.dry_run_findings(load_cell(CELL), found[name])] for name in found}
    assert "would reserve 9 GPUs, hardware asks for 1 * 8 = 8: Ray would wait for ever" in texts["more"][0]
    assert "would reserve 7 GPUs, hardware asks for 1 * 8 = 8: some would stand idle" in texts["less"][0]


def test_openrlhfs_own_warnings_are_passed_on() -> None:
    argv = with_value("--ds.attn_implementation", "eager")
    found = dry_run({"a": argv})["a"]
    assert "flash_attention to accelerate" in found.warnings[0]
    assert any("OpenRLHF: Please use" in str(one) for one in checks.dry_run_findings(load_cell(CELL), found))


def test_the_stubs_stay_in_their_process() -> None:
    before = {name: sys.modules.get(name) for name in ("ray", "openrlhf", "openrlhf.trainer", "openrlhf.utils")}
    dry_run({"a": ARGV})
    assert {name: sys.modules.get(name) for name in before} == before
    assert dry_run({}) == {}


def test_an_environment_without_openrlhf_is_one_line(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")  # -S: no site-packages
    python.chmod(0o755)
    with pytest.raises(ConfigError, match="the dry run could not be made"):
        dry_run({"a": ARGV}, python=str(python))


def test_the_command_over_a_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert importlib.util.find_spec("openrlhf") is not None
    assert launch.main(["--grid", "controls", "--dry-run"]) == 0
    assert "45 cells, 0 that would not start" in capsys.readouterr().out
    assert launch.main(["--grid", "headline", "--dry-run", "--set", "checkpoint.save_every=7"]) == 2
    shown = capsys.readouterr()
    assert "6 cells, 6 that would not start" in shown.out
    assert "error: 5 cells: checkpoint.save_every 7 does not divide steps 300" in shown.err
    assert "error: qwen2.5-math-7b/one-shot/s0: checkpoint.save_every 7 does not divide steps 100" in shown.err
    assert "warning: 1 cell(s) need --example ID" in shown.err
