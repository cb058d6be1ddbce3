"""The lm-eval task class behind every YAML here.

Promises: the number of samples per problem, the extraction and the level can be set from the command line
(``--metadata n=16,extraction=any,limit_level=1``); all responses of a task are scored in one batch; a wrong
setting or missing data ends the run with one line and no traceback.

lm-eval has no hook for a user's mistake, so that line is a SystemExit: a program that calls
``lm_eval.simple_evaluate`` must expect it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from verifier.config import EXTRACTION_MODES
from verifier.errors import ConfigError, VerifierError

from . import data
from .metrics import UNSCORED_FLAG, metric_names, question_metrics
from .scoring import Sample, score, unscored_note

# A child of lm-eval's logger: its level, format and handler are the user's choice there.
log = logging.getLogger("lm_eval.rlvr")

FILTER = "verifier"  # the second half of lm-eval's metric keys: "acc,verifier"
MAX_N = 4096
# The paper's sampling; also what a greedy task switches to when asked for more than one sample.
SAMPLING = {"do_sample": True, "temperature": 0.6, "top_p": 1.0, "top_k": 0}
# lm-eval accepts any --metadata key in silence: these are the ones somebody may mean by n.
MISTAKEN = ("N", "k", "K", "repeats", "samples", "num_samples", "n_samples")
# None: neither direction is better, and the table shows no arrow.
_HIGHER_IS_BETTER = {"no_box": False, "unscored": False, "distinct": None, "code_freq": None}


class RlvrTask(ConfigurableTask):  # type: ignore[misc]  # lm-eval is untyped
    """One benchmark: ``dataset_name`` names the set, ``metadata`` holds n and extraction."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        with _one_line(str(config.get("task"))):
            prepared = _prepare(config)
            super().__init__(config=prepared)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Called by lm-eval's constructor: load and check the set, keep the wished levels."""
        with _one_line(str(self.config.task)):
            metadata = self.config.metadata
            problems = data.load(self.config.dataset_name, check_golds=metadata["check_golds"])
            rows = _levels(problems.rows, metadata["limit_level"], problems.origin)
        metadata["data_origin"], metadata["gold_digest"] = problems.origin, problems.digest
        self.dataset = {"test": datasets.Dataset.from_list(rows)}

    def build_all_requests(self, **kwargs: Any) -> None:
        """As lm-eval does it, with a warning first where n samples would be n copies."""
        if self.config.repeats > 1 and not _samples(self.config.generation_kwargs):
            log.warning(
                "%s: n=%d with greedy decoding gives %d copies of one response; pass "
                "--gen_kwargs do_sample=true,temperature=0.6 or --metadata n=1",
                self.config.task,
                self.config.repeats,
                self.config.repeats,
            )
        super().build_all_requests(**kwargs)

    def apply_filters(self) -> None:
        """Score every document and repeat at once; the place where lm-eval hands over all responses."""
        if "bypass" in self._aggregation_list:  # --predict_only
            for instance in self.instances:
                instance.filtered_resps[FILTER] = list(instance.resps)
            return
        n = self.config.repeats
        # Under data parallelism the last document may come with padding: more responses than asked for.
        groups = [list(instance.resps)[:n] for instance in self.instances]
        rows = score(
            responses=groups,
            golds=[instance.doc["answer"] for instance in self.instances],
            extraction=self.config.metadata["extraction"],
        )
        for instance, samples in zip(self.instances, rows, strict=True):
            instance.filtered_resps[FILTER] = samples
        self._warn(rows)

    def process_results(self, doc: Mapping[str, Any], results: list[list[Sample]]) -> dict[str, float]:
        """Metrics of one document from its verdicts, which :meth:`apply_filters` made."""
        if "bypass" in self._aggregation_list:
            return {"bypass": 0.0}
        return question_metrics(results[0], self.config.repeats)

    def _warn(self, rows: list[list[Sample]]) -> None:
        task, n = self.config.task, self.config.repeats
        if note := unscored_note(rows, UNSCORED_FLAG):
            log.warning("%s: %s", task, note)
        short = sum(len(samples) < n for samples in rows)
        if short:
            log.warning("%s: %d documents have fewer than n=%d responses", task, short, n)
        texts = sum(sample["copy_of"] == i for samples in rows for i, sample in enumerate(samples))
        if n > 1 and _samples(self.config.generation_kwargs) and texts <= 1.05 * len(rows):
            log.warning(
                "%s: nearly all %d responses to a problem are the same text although sampling is on; "
                "is --use_cache set, or the server's seed constant? pass@k and maj@n mean nothing here",
                task,
                n,
            )


@contextmanager
def _one_line(task: str) -> Iterator[None]:
    try:
        yield
    except VerifierError as error:
        raise SystemExit(f"error: {task}: {error}") from None


def _prepare(config: Mapping[str, Any]) -> dict[str, Any]:
    """The YAML's config with ``class`` dropped, the metadata checked, and repeats and metrics filled in."""
    out = {key: value for key, value in config.items() if key != "class"}
    metadata = dict(out.get("metadata") or {})
    for key, (default, read) in _SETTINGS.items():
        metadata[key] = read(key, metadata.get(key, default))
    for key in MISTAKEN:
        if key in metadata:
            log.warning("%s: metadata %s=%r has no effect; pass n=...", out["task"], key, metadata[key])
    n = metadata["n"]
    generation = dict(out["generation_kwargs"])
    if n > 1 and not _samples(generation):
        log.warning("%s: n=%d, so sampling at T 0.6 takes the place of greedy decoding", out["task"], n)
        generation |= SAMPLING
    metrics = [
        {"metric": name, "aggregation": "mean", "higher_is_better": _HIGHER_IS_BETTER.get(name, True)}
        for name in metric_names(n)
    ]
    return out | {
        "metadata": metadata,
        "repeats": n,
        "generation_kwargs": generation,
        "metric_list": metrics,
        # Only has to be set: it keeps lm-eval from looking our names up among its own metrics.
        "process_results": "lm_eval_tasks.task.RlvrTask.process_results",
    }


def _samples(generation: Mapping[str, Any]) -> bool:
    return bool(generation.get("do_sample")) and float(generation.get("temperature", 1.0)) > 0


def _levels(rows: list[dict[str, Any]], limit: int | None, origin: str) -> list[dict[str, Any]]:
    if limit is None:
        return rows
    kept = [row for row in rows if row.get("level", limit + 1) <= limit]
    if not kept:
        known = sorted({row["level"] for row in rows if "level" in row})
        raise ConfigError(f"limit_level={limit} leaves no problem of {origin}; its levels: {known or 'none are given'}")
    return kept


def _whole(key: str, value: Any) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_N:
        raise ConfigError(f"metadata {key}={value!r} must be a whole number from 1 to {MAX_N}")
    return value


def _whole_or_none(key: str, value: Any) -> int | None:
    return None if value is None else _whole(key, value)


def _mode(key: str, value: Any) -> str:
    if value not in EXTRACTION_MODES:
        raise ConfigError(f"metadata {key}={value!r} is unknown; choose one of {', '.join(EXTRACTION_MODES)}")
    return str(value)


def _truth(key: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ConfigError(f"metadata {key}={value!r} must be true or false")
    return value


_SETTINGS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    "n": (1, _whole),
    "extraction": ("boxed", _mode),
    "limit_level": (None, _whole_or_none),
    "check_golds": (True, _truth),
}
