"""Sampling for labels: the tokens that a model is given, where its responses end, and models that cannot be loaded."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train_openrlhf import generators, label_majority, smoke
from train_openrlhf.cells import base_prompt
from train_openrlhf.generators import Sample, make_generator, prompt_of, tokens_of
from train_openrlhf.schema import Model
from verifier.errors import ConfigError
from verifier.rowfiles import write_rows
from verifier.rows import Row

pytestmark = [
    pytest.mark.lmeval,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's own, while transformers imports it
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """One token a character; it begins each text with <bos>, as its chat template does too."""
    from tokenizers.processors import TemplateProcessing

    made = smoke._tokenizer()
    made.add_special_tokens({"bos_token": "<bos>"})
    bos = ("<bos>", made.bos_token_id)
    made.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[bos])
    made.chat_template = "<bos>{% for message in messages %}{{ message['content'] }}{% endfor %}:"
    return made


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt nothing, with that tokenizer."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def args_of(*words: str) -> argparse.Namespace:
    return label_majority._parser().parse_args(["m", *words])


def model_of(hub_id: object, template: Any = "chat", bos: str = "", stop: tuple[str, ...] = ()) -> Model:
    return Model(str(hub_id), None, "", template, None, bos, stop, "boxed", 0.0)


@pytest.mark.parametrize(
    ("style", "model", "text"),
    [
        ("raw", model_of("m"), "<bos>1+1="),
        ("raw", model_of("m", "r1", "<bos>"), "<bos>1+1="),
        ("template", model_of("m"), "<bos>1+1=:"),
        ("template", replace(model_of("m"), system_prompt="add "), "<bos>add 1+1=:"),
        ("template", model_of("m", "r1", "<bos>"), "<bos>" + base_prompt().format("1+1=")),
        ("template", model_of("m", "r1"), base_prompt().format("1+1=")),  # as training does: no cell's `bos`, none
    ],
)
def test_a_text_begins_with_one_bos_at_most(tokenizer: Any, style: str, model: Model, text: str) -> None:
    prompt = prompt_of(Row("a", "1+1=", "2"), model, style)
    tokens = tokens_of(args_of("--prompt", style), model, tokenizer, prompt)
    assert tokens == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokens.count(tokenizer.bos_token_id) == text.count("<bos>") <= 1


@pytest.mark.parametrize(("style", "stop"), [("raw", []), ("template", ["</answer>"])])
def test_vllm_gets_these_tokens_and_the_stops_of_the_template(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, style: str, stop: list[str]
) -> None:
    asked: list[Any] = []

    class Engine:
        def __init__(self, **options: Any) -> None: ...

        def get_tokenizer(self) -> Any:
            return tokenizer

        def generate(self, given: list[Any], params: list[Any]) -> list[Any]:
            asked.extend(zip(given, params, strict=True))
            return [SimpleNamespace(outputs=[SimpleNamespace(text="4", finish_reason="length")]) for _ in given]

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=Engine, SamplingParams=SimpleNamespace))
    args, model = args_of("--prompt", style, "--samples", "1"), model_of("m", stop=("</answer>",))
    assert make_generator(args, model)([(7, "1+1=")]) == [[Sample("4", True)]]
    ((given, params),) = asked
    assert given == {"prompt_token_ids": tokens_of(args, model, tokenizer, "1+1=")}
    assert (params.seed, params.stop, params.include_stop_str_in_output) == (7, stop, True)


@pytest.mark.parametrize(("style", "stopped"), [("raw", False), ("template", True)])
def test_with_transformers_a_stop_string_ends_a_response_and_stays_in_it(
    checkpoint: Path, style: str, stopped: bool
) -> None:
    words = ["--generator", "transformers", "--prompt", style, "--samples", "8", "--max-tokens", "60"]
    stop = tuple("abcdefghijklmnopqrstuvwxyz")  # of an untrained model, some letter comes soon
    (samples,) = make_generator(args_of(*words), model_of(checkpoint, stop=stop))([(0, "1+1=")])
    ends = [next((place for place, sign in enumerate(one.text, 1) if sign in stop), None) for one in samples]
    assert sum(end is not None for end in ends) >= 6
    if stopped:
        assert all(end in (None, len(one.text)) for end, one in zip(ends, samples, strict=True))
        assert not any(one.truncated for end, one in zip(ends, samples, strict=True) if end)
    else:
        assert any(end != len(one.text) for end, one in zip(ends, samples, strict=True))


def _bare(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs")


def _without_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


@pytest.mark.parametrize(
    ("spoil", "words", "said"),
    [
        (_bare, [], "has no tokenizer (tokenizer.json); name a folder"),
        (_without_weights, [], "could not be loaded by transformers: "),
        (_without_template, ["--prompt", "template"], "has no chat template; use --prompt raw"),
    ],
)
def test_a_folder_that_lacks_something_is_one_line(
    checkpoint: Path, tmp_path: Path, spoil: Callable[[Path], None], words: list[str], said: str
) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "model"))
    spoil(folder)
    with pytest.raises(ConfigError) as caught:
        make_generator(args_of("--generator", "transformers", *words), model_of(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert said in str(caught.value)


def test_a_hub_id_without_a_hub_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # read once, at its import
    with pytest.raises(ConfigError, match=r"no-one/nothing could not be loaded .*tokenizer.*or unset HF_HUB_OFFLINE"):
        make_generator(args_of("--generator", "transformers"), model_of("no-one/nothing"))


def test_a_package_that_a_loader_misses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(args: Any, model: Any) -> Any:
        raise ImportError("needs sentencepiece: install it\nat length")  # as transformers says it, without a name

    monkeypatch.setattr(generators, "_transformers", missing)
    with pytest.raises(ConfigError, match=r"transformers: needs sentencepiece: install it \(docs"):
        make_generator(args_of("--generator", "transformers"), model_of("m"))


@pytest.mark.parametrize("begun", [False, True], ids=["nothing there", "an empty file of an earlier try"])
def test_a_generator_that_was_never_made_binds_nothing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begun: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "vllm", None)
    write_rows(tmp_path / "rows.jsonl", [Row("a/1", "1+1=", "2", visit=0)])
    if begun:
        (tmp_path / "out.jsonl").touch()
        (tmp_path / "out.jsonl.settings.json").write_text('{"generator": "vllm"}', encoding="utf-8")
    words = [str(checkpoint), "--data", "rows.jsonl", "--out", "out.jsonl", "--samples", "2", "--max-tokens", "3"]
    assert label_majority.main(words) == 2
    assert "--generator vllm: vllm is not installed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    assert label_majority.main([*words, "--generator", "transformers"]) == 0
    assert (tmp_path / "out.jsonl.settings.json").is_file()
    assert label_majority.main([*words, "--generator", "vllm"]) == 2
    assert "generator was 'transformers', now 'vllm'" in capsys.readouterr().err
