"""The tasks through lm-eval itself: in-process with a scripted model, and through its command line.

The command line indexes 13,986 built-in files at each start (about 15 s of CPU), so only two tests use it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from lm_eval_tasks import TASKS_DIR, data, report
from verifier import InputError, Reason, Status, Verdict, verify

# lm-eval, datasets and torch warn on import and at use; those warnings are not ours to mend.
pytestmark = [pytest.mark.lmeval, pytest.mark.filterwarnings("ignore")]

TASKS = ["rlvr_math500", "rlvr_amc", "rlvr_aime24", "rlvr_aime25"]
COUNTS = dict(zip(TASKS, [500, 83, 30, 30], strict=True))
ROWS = [
    {"id": "a", "level": 1, "type": "integer", "prompt": "What is 3 + 4?", "answer": "7"},
    {"id": "b", "level": 1, "type": "integer", "prompt": "What is 1 + 1?", "answer": "2"},
    {"id": "c", "level": 2, "type": "integer", "prompt": "What is 5 times 5?", "answer": "25"},
    {"id": "d", "level": 3, "type": "integer", "prompt": "What is 6 times 6?", "answer": "36"},
]
# per problem: every kind of response, ties, copies, a wrong plurality
SCRIPT = {
    "a": [r"\boxed{7}", r"\boxed{7}", r"\boxed{8}", "import python"],
    "b": [r"\boxed{2}", r"\boxed{3}", r"so \boxed{3}", r"\boxed{4}"],
    "c": [r"\boxed{25}", r"so \boxed{25}", r"\boxed{5}", r"so \boxed{5}"],
    "d": ["no", "no", "no", "no"],
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(data.ENV, raising=False)


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Four problems in place of the embedded ones; the last gold can be changed in place before the run."""
    rows = [dict(row) for row in ROWS]

    def read_file(path: Path) -> list[Any]:
        return rows

    monkeypatch.setattr(data, "read_file", read_file)
    return rows


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The warnings of the tasks, which go through lm-eval's logger."""
    messages: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    ear = Ear(logging.WARNING)
    logger = logging.getLogger("lm_eval.rlvr")
    logger.addHandler(ear)
    yield messages
    logger.removeHandler(ear)


def manager(**metadata: Any) -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(TASKS_DIR), include_defaults=False, metadata=metadata)


def scripted(script: dict[str, list[str]] | None = None) -> Any:
    """A model that answers from the script; without one it boxes the golds of the first two problems."""
    from lm_eval.api.model import LM

    class Scripted(LM):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.turn: Counter[str] = Counter()
            self.requests: list[Any] = []

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            out = []
            for request in requests:
                self.requests.append(request.args)
                key = request.doc["id"]
                right = rf"\boxed{{{request.doc['answer']}}}"
                responses = script[key] if script else [right if request.doc_id < 2 else "none"]
                out.append(responses[self.turn[key] % len(responses)])
                self.turn[key] += 1
            return out

        def loglikelihood(self, *args: Any) -> Any:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    return Scripted()


def evaluate(
    model: Any,
    task: str,
    out: Path | None = None,
    gen_kwargs: Any = None,
    limit: int | None = None,
    **metadata: Any,
) -> Any:
    """A run in-process, written by lm-eval's own tracker where ``out`` is given."""
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(out)) if out else None
    results = simple_evaluate(
        model=model,
        tasks=[task],
        task_manager=manager(**metadata),
        evaluation_tracker=tracker,
        gen_kwargs=gen_kwargs,
        limit=limit,
    )
    if tracker:
        samples = results["samples"]
        tracker.save_results_aggregated(results={k: v for k, v in results.items() if k != "samples"}, samples=samples)
        for name in results["configs"]:
            tracker.save_results_samples(task_name=name, samples=samples[name])
    return results


# ------------------------------------------------------------------------------------- what is defined


def test_every_task_and_group_is_found_by_name() -> None:
    wanted = {*TASKS, *(f"{task}_base" for task in TASKS), "rlvr", "rlvr_base", "rlvr_demo"}
    assert set(manager().all_tasks) == wanted


def test_no_path_holds_what_lm_eval_takes_for_its_own() -> None:
    assert [path for path in TASKS_DIR.rglob("*") if "/lm_eval/tasks/" in path.as_posix()] == []


@pytest.mark.parametrize("suffix", ["", "_base"])
@pytest.mark.parametrize("task", TASKS)
def test_the_four_sets_load_with_the_paper_s_settings(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch, task: str, suffix: str
) -> None:
    monkeypatch.setenv(data.ENV, str(shared_dir / "data"))
    built = manager().load([task + suffix])["tasks"][task + suffix]
    assert len(built.eval_docs) == COUNTS[task]
    generation, n = built.config.generation_kwargs, built.config.repeats
    assert generation["max_gen_toks"] == 3072
    assert generation["until"] == (["</answer>"] if suffix else [])
    if task == "rlvr_math500":
        assert (n, generation["do_sample"], generation["temperature"]) == (1, False, 0.0)
    else:
        assert n == 8
        assert generation["do_sample"] is True
        assert (generation["temperature"], generation["top_p"], generation["top_k"]) == (0.6, 1.0, 0)
    doc = built.eval_docs[0]
    prompt = built.doc_to_text(doc)
    if suffix:
        assert doc["problem"] in prompt
        assert prompt.endswith("\nAssistant: <think>")
        assert "\\n" not in prompt.replace(doc["problem"], "")  # a template's "\n" left as two characters
        assert built.config.metadata["extraction"] == "answer_tag"
    else:
        assert prompt == doc["problem"]


# --------------------------------------------------------------------------------- numbers and samples


def brute_force(samples: list[dict[str, Any]], gold: str, n: int) -> dict[str, float]:
    """A question's metrics from its logged responses alone, by enumeration."""
    responses = samples
    verdicts = [verify(response=r, gold=gold) for r in responses]
    scored = [v for v in verdicts if v.status is not Status.UNSCORED]
    right = [v.correct for v in scored]
    out = {"acc": sum(right) / len(right)}
    for k in (1, 2, 4):
        subsets = list(combinations(right, k))
        out[f"pass@{k}"] = sum(any(s) for s in subsets) / len(subsets)
    votes = Counter(v.answer for v in scored if v.answer is not None)
    top = [answer for answer, count in votes.items() if count == max(votes.values())]
    out["maj@4"] = sum(verify(response=rf"\boxed{{{a}}}", gold=gold).correct for a in top) / max(len(top), 1)
    out["distinct"] = len(set(responses)) / n
    out["no_box"] = sum("boxed" not in r for r in responses) / n
    out["code_freq"] = sum("python" in r for r in responses) / n
    out["unscored"] = 0.0
    return out


def test_results_agree_with_a_recomputation_from_the_logged_samples(demo: Any, tmp_path: Path) -> None:
    results = evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path)["results"]["rlvr_demo"]
    (path,) = tmp_path.rglob("samples_rlvr_demo_*.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    questions = [brute_force(line["resps"][0], line["target"], 4) for line in lines]
    for name in questions[0]:
        values = [question[name] for question in questions]
        mean = sum(values) / len(values)
        se = sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) / sqrt(len(values))
        assert results[f"{name},verifier"] == pytest.approx(mean), name
        assert results[f"{name}_stderr,verifier"] == pytest.approx(se), name
    # and by hand: 2/4, 1/4, 2/4, 0 right
    assert results["acc,verifier"] == pytest.approx(5 / 16)
    assert results["pass@2,verifier"] == pytest.approx((5 / 6 + 3 / 6 + 5 / 6 + 0) / 4)
    assert results["maj@4,verifier"] == pytest.approx((1 + 0 + 0.5 + 0) / 4)
    assert results["distinct,verifier"] == pytest.approx((3 + 4 + 4 + 1) / 16)


@pytest.mark.parametrize("group", ["rlvr", "rlvr_base"])
def test_a_group_is_the_unweighted_mean_of_its_sets(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, group: str
) -> None:
    monkeypatch.setenv(data.ENV, str(shared_dir / "data"))
    results = evaluate(scripted(), group, tmp_path, limit=40)
    sets = [results["results"][task + group.removeprefix("rlvr")] for task in TASKS]
    assert [values["acc,verifier"] for values in sets] == pytest.approx([2 / 40, 2 / 40, 2 / 30, 2 / 30])
    whole = results["groups"][group]
    assert whole["acc,verifier"] == pytest.approx(7 / 120)  # by size it would be 8 / 140
    errors = [values["acc_stderr,verifier"] for values in sets]
    assert whole["acc_stderr,verifier"] == pytest.approx(sqrt(sum(e * e for e in errors)) / 4)
    found = report.summary(tmp_path)
    assert found["groups"][group]["acc"]["value"] == pytest.approx(7 / 120)
    assert len(found["tasks"]) == 4
    assert f"group {group} (unweighted mean over its sets): acc 5.8" in report.render(tmp_path)


def test_logged_samples_carry_whole_verdicts(demo: Any, tmp_path: Path) -> None:
    evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path)
    (path,) = tmp_path.rglob("samples_rlvr_demo_*.jsonl")
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    rows = [json.loads(text) for text in line["filtered_resps"][0]]
    for row, response in zip(rows, SCRIPT["a"], strict=True):
        expected = verify(response=response, gold="7").to_dict()
        assert {**row, **expected} == row | {"elapsed_s": expected["elapsed_s"]}
        assert "response" not in row


def test_the_report_tells_what_lm_eval_computed(demo: Any, tmp_path: Path) -> None:
    results = evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path)["results"]["rlvr_demo"]
    task = report.summary(tmp_path)["tasks"]["rlvr_demo"]
    for name, entry in task["metrics"].items():
        assert entry["value"] == pytest.approx(results[f"{name},verifier"])
        assert entry["se"] == pytest.approx(results[f"{name}_stderr,verifier"])
    assert {level: numbers["acc"]["value"] for level, numbers in task["levels"].items()} == {
        "1": 0.375,
        "2": 0.5,
        "3": 0.0,
    }
    assert task["reasons"] == {"not_equal": 6, "equal": 5, "no_answer": 5}
    assert sum(task["reasons"].values()) == task["responses"] == 16
    text = report.render(tmp_path)
    assert "| all |" in text.replace("  ", "")
    assert "31.2 ± 12.0" in text
    assert "What is" not in json.dumps(report.summary(tmp_path))
    assert str(tmp_path) not in json.dumps(report.summary(tmp_path))


def test_two_runs_are_compared_by_question(demo: Any, tmp_path: Path) -> None:
    better = SCRIPT | {"d": [r"\boxed{36}"]}
    evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path / "old")
    evaluate(scripted(better), "rlvr_demo", tmp_path / "new")
    d = report.compare(tmp_path / "old", tmp_path / "new")["rlvr_demo"]
    assert (d.diff, d.questions) == (0.25, 4)
    assert d.se == pytest.approx(0.25)


def test_an_older_run_in_the_folder_is_left_out_and_named(demo: Any, tmp_path: Path) -> None:
    evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path)
    (old,) = tmp_path.rglob("samples_*.jsonl")
    evaluate(scripted(SCRIPT | {"d": [r"\boxed{36}"]}), "rlvr_demo", tmp_path)
    assert report.summary(tmp_path)["tasks"]["rlvr_demo"]["metrics"]["acc"]["value"] == pytest.approx(9 / 16)
    assert old.name in report.render(tmp_path)


def test_a_folder_without_results_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no results of rlvr tasks"):
        report.summary(tmp_path)
    assert report.main([str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


# ----------------------------------------------------------------------------------- what can go wrong


def stub_unscored(monkeypatch: pytest.MonkeyPatch, gold: str) -> None:
    """verify_batch finds every response to ``gold`` unscored, whatever the grader makes of it."""
    from lm_eval_tasks import scoring

    def verify_batch(*, responses: Any, golds: Any, config: Any) -> list[Verdict]:
        bad = Verdict(Status.UNSCORED, Reason.TIMEOUT, fingerprint=config.fingerprint())
        pairs = zip(responses, golds, strict=True)
        return [bad if g == gold else verify(response=r, gold=g, config=config) for r, g in pairs]

    monkeypatch.setattr(scoring, "verify_batch", verify_batch)


def test_unscored_documents_leave_the_average_and_flag_the_run(
    demo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    stub_unscored(monkeypatch, "36")
    results = evaluate(scripted(SCRIPT), "rlvr_demo", tmp_path)["results"]["rlvr_demo"]
    assert results["acc,verifier"] == pytest.approx(5 / 12)  # three questions of four
    assert results["unscored,verifier"] == 0.25
    assert any("RUN FLAGGED: 4 of 16 responses are unscored (timeout 4)" in text for text in heard)
    whole = report.summary(tmp_path)
    assert whole["flagged"] is True
    assert whole["tasks"]["rlvr_demo"]["metrics"]["acc"]["questions"] == 3
    assert whole["tasks"]["rlvr_demo"]["levels"]["3"]["acc"] == {"value": None, "se": None, "questions": 0}
    assert "FLAGGED (above 1%): 4 of 16 responses unscored" in report.render(tmp_path)


def test_padding_responses_of_a_parallel_run_are_cut_to_n(demo: Any) -> None:
    task = manager(n=2).load(["rlvr_demo"])["tasks"]["rlvr_demo"]
    task.set_fewshot_seed(1)
    task.build_all_requests()
    for instance in task.instances:
        instance.resps = [r"\boxed{0}", r"\boxed{0}"]
    task.instances[-1].resps += [r"\boxed{36}"] * 2  # what padding brings
    task.apply_filters()
    last = task.instances[-1]
    assert len(last.filtered_resps["verifier"]) == 2
    assert task.process_results(last.doc, [last.filtered_resps["verifier"]])["acc"] == 0.0


@pytest.mark.parametrize("n", [1, 3, "16", 2.0])
def test_n_from_the_metadata(demo: Any, n: Any) -> None:
    results = evaluate(scripted(SCRIPT), "rlvr_demo", n=n)
    assert {len(s["resps"][0]) for s in results["samples"]["rlvr_demo"]} == {int(n)}
    assert f"maj@{int(n)},verifier" in results["results"]["rlvr_demo"]


def test_more_than_one_sample_of_math500_is_sampled(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    monkeypatch.setenv(data.ENV, str(shared_dir / "data"))
    task = manager(n=4).load(["rlvr_math500"])["tasks"]["rlvr_math500"]
    assert task.config.repeats == 4
    assert (task.config.generation_kwargs["do_sample"], task.config.generation_kwargs["temperature"]) == (
        True,
        0.6,
    )
    assert any("sampling at T 0.6 takes the place of greedy decoding" in text for text in heard)


def test_copies_are_warned_about(demo: Any, heard: list[str]) -> None:
    same = {key: responses[:1] for key, responses in SCRIPT.items()}
    results = evaluate(scripted(same), "rlvr_demo", gen_kwargs={"do_sample": False, "temperature": 0.0})
    assert results["results"]["rlvr_demo"]["distinct,verifier"] == 0.25
    assert any("greedy decoding gives 4 copies" in text for text in heard)
    heard.clear()
    evaluate(scripted(same), "rlvr_demo")
    assert any("the same text although sampling is on" in text for text in heard)
    heard.clear()
    evaluate(scripted(SCRIPT), "rlvr_demo")
    assert heard == []


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"n": 0}, "metadata n=0 must be a whole number from 1"),
        ({"n": True}, "metadata n=True must be"),
        ({"n": 2.5}, "metadata n=2.5 must be"),
        ({"n": "many"}, "metadata n='many' must be"),
        ({"extraction": "last"}, "metadata extraction='last' is unknown; choose one of boxed"),
        ({"check_golds": "maybe"}, "metadata check_golds='maybe' must be true or false"),
        ({"limit_level": 0}, "metadata limit_level=0 must be a whole number"),
    ],
)
def test_bad_metadata_is_one_line(demo: Any, metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        manager(**metadata).load(["rlvr_demo"])
    assert str(caught.value).startswith(f"error: rlvr_demo: {message}")


def test_levels_can_be_limited(demo: Any) -> None:
    assert len(manager(limit_level=2).load(["rlvr_demo"])["tasks"]["rlvr_demo"].eval_docs) == 3
    demo[:] = [row | {"level": None} for row in demo]
    with pytest.raises(SystemExit, match=r"limit_level=2 leaves no problem of .*none are given"):
        manager(limit_level=2).load(["rlvr_demo"])


def test_a_word_that_is_not_n_is_warned_about(demo: Any, heard: list[str]) -> None:
    manager(repeats=16).load(["rlvr_demo"])
    assert heard == ["rlvr_demo: metadata repeats=16 has no effect; pass n=..."]


def test_other_model_arguments_are_no_business_of_ours(demo: Any, heard: list[str]) -> None:
    # lm-eval merges --model_args into the metadata
    manager(pretrained="x/y", dtype="float32").load(["rlvr_demo"])
    assert heard == []


def test_predict_only_skips_the_scoring(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval import simple_evaluate

    from lm_eval_tasks import task as module

    monkeypatch.setattr(module, "score", None)  # would raise if it were called
    results = simple_evaluate(model=scripted(SCRIPT), tasks=["rlvr_demo"], task_manager=manager(), predict_only=True)
    assert results["samples"]["rlvr_demo"][0]["resps"][0] == SCRIPT["a"]


def test_the_demo_prompt_shows_two_worked_boxes(demo: Any) -> None:
    model = scripted(SCRIPT)
    evaluate(model, "rlvr_demo", n=1)
    prompt, generation = model.requests[0]
    assert prompt.count(r"The answer is \boxed{") == 2
    assert prompt.endswith("\n\nProblem: What is 3 + 4?\nSolution:")
    assert generation["max_gen_toks"] == 80


# ---------------------------------------------------------------------------------- the command line


def cli(cwd: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """lm_eval as a user runs it: from another folder, with nothing of ours on the path."""
    keep = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", data.ENV)}
    keep |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", **environ}
    command = [sys.executable, "-m", "lm_eval", "--include_path", str(TASKS_DIR), *args]
    return subprocess.run(command, cwd=cwd, env=keep, capture_output=True, text=True, timeout=600, check=False)


def tiny_model(folder: Path) -> Path:
    """A Llama of two narrow layers with random weights and a tokenizer of single bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: number for number, text in enumerate(["<eos>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<eos>")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(vocabulary), max_position_embeddings=4096, eos_token_id=0, pad_token_id=0, **shape
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_the_real_command_line_end_to_end(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "model")
    done = cli(
        tmp_path,
        *("--tasks", "rlvr_demo", "--model", "hf", "--model_args", f"pretrained={model},dtype=float32"),
        *("--limit", "3", "--metadata", "n=3", "--gen_kwargs", "max_gen_toks=8", "--batch_size", "9"),
        *("--device", "cpu", "--log_samples", "--output_path", "out"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pass@3" in done.stdout
    task = report.summary(tmp_path / "out")["tasks"]["rlvr_demo"]
    assert (task["n"], task["questions"], task["responses"]) == (3, 3, 9)
    assert task["generation"]["max_gen_toks"] == 8
    assert task["limit"] == 3
    assert task["metrics"]["distinct"]["value"] > 0.9  # random weights sample all but random letters
    assert "rlvr_demo: n=3, at most 8 new tokens" in report.render(tmp_path / "out")


def test_a_mistake_on_the_command_line_ends_in_one_line(tmp_path: Path) -> None:
    done = cli(
        tmp_path,
        *("--tasks", "rlvr_amc", "--model", "dummy", "--metadata", '{"n": 16}'),
        **{data.ENV: "absent"},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: rlvr_amc: RLVR_DATA_DIR=absent is not a folder; set it to the one that")
