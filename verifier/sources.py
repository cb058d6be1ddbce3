"""Files, folders and hub data sets as one stream of records each.

Promises: an input that cannot be read at all is one InputError that names it and the mend; the order of the records
is that of the files, folders in the order of their files' names. Does not promise to stream a JSON array, which its
reader holds whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from .errors import ConfigError, InputError
from .journal import file_sha256
from .records import Record, open_records
from .render import visible

SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Hub:
    """What to load of hub data sets: their split, configuration (subset) and revision."""

    split: str = "train"
    subset: str | None = None
    revision: str | None = None


@dataclass(slots=True)
class Source:
    """One file or hub split.

    name: begins its rows' ids in reports, unique among the sources of one call. stem: the file's name without its
    ending, or the data set's name. weight: about how much there is to read. facts: for manifests.
    """

    name: str
    stem: str
    weight: int
    facts: dict[str, Any] = field(default_factory=dict)
    place: str = ""
    unit: str = "row"

    def read(self, after: int = 0) -> Iterator[tuple[Record, float]]:
        """Each record whose number is greater than ``after``, and which share of the source is read with it."""
        raise NotImplementedError

    def where(self, number: int) -> str:
        """``data.jsonl, line 3`` for messages; right once reading has begun."""
        return f"{self.place}, {self.unit} {number}"


@dataclass(slots=True)
class FileSource(Source):
    path: Path = Path()

    def read(self, after: int = 0) -> Iterator[tuple[Record, float]]:
        file = open_records(self.path)
        self.unit = file.unit
        for record in file.read(after):
            yield record, record.end / file.total


@dataclass(slots=True)
class HubSource(Source):
    hub: Hub = field(default_factory=Hub)

    def read(self, after: int = 0) -> Iterator[tuple[Record, float]]:
        import datasets

        name, hub = self.stem, self.hub
        try:
            rows = datasets.load_dataset(name, hub.subset, split=hub.split, revision=hub.revision)
        except Exception as error:  # the library raises a dozen kinds when it is offline or the name is wrong
            why = visible((str(error).strip() or type(error).__name__).splitlines()[0])
            raise InputError(f"hub data set {name!r}, split {hub.split!r}, cannot be loaded ({why}); "
                             "check the name, --split and the network, or name a local file") from None  # fmt: skip
        for number, fields in islice(enumerate(rows, 1), after, None):
            yield Record(number, dict(fields), None, None, number, 0), number / len(rows)


def sources(names: Sequence[str], hub: Hub = Hub()) -> list[Source]:
    """The sources that names stand for, in order; raises InputError, ConfigError.

    names: files, folders, or hub data sets (``hub:owner/name``; the ``hub:`` may be left out where no file is so
    called).
    """
    found: list[Path | str] = []
    for name in names:
        path = Path(name)
        if name.startswith("hub:") or (not path.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", name)
                                       and path.suffix.lower() not in SUFFIXES):  # fmt: skip
            found.append(name.removeprefix("hub:"))
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"the folder {path} holds no file that ends in {', '.join(SUFFIXES)}")
            found += inside
        elif not path.exists():
            raise InputError(f"{name}: no such file or folder (a hub data set is written hub:owner/name)")
        else:
            found.append(path)
    _refuse_repeats([place.resolve() for place in found if isinstance(place, Path)])
    stems = Counter(place.stem for place in found if isinstance(place, Path))
    made: list[Source] = []
    for place in found:
        if isinstance(place, str):
            made.append(_hub_source(place, hub))
        else:
            name = place.stem if stems[place.stem] == 1 else f"{place.parent.name}/{place.name}"
            made.append(_file_source(place, name))
    names_made = Counter(source.name for source in made)
    for source in made:
        if names_made[source.name] > 1:
            raise InputError(f"two inputs are called {source.name}, so that their rows' ids would clash; rename one")
    return made


def _refuse_repeats(paths: Sequence[Path]) -> None:
    for path, times in Counter(paths).items():
        if times > 1:
            raise InputError(f"{path} is named twice; every one of its prompts would be a duplicate")


def _file_source(path: Path, name: str) -> Source:
    size = path.stat().st_size
    facts = {"file": path.name, "bytes": size, "sha256": file_sha256(path)}
    unit = "line" if path.suffix.lower() in (".jsonl", ".ndjson") else "row"
    return FileSource(name, path.stem, max(1, size), facts, str(path), unit, path=path)


def _hub_source(name: str, hub: Hub) -> Source:
    if find_spec("datasets") is None:
        raise ConfigError(f"hub data set {name!r} needs `datasets`: pip install 'rlvr-verifier[eval]', or name a file")
    facts = {"hub": name, "subset": hub.subset, "split": hub.split, "revision": hub.revision}
    return HubSource(f"{name}/{hub.split}", name, 2**20, facts, f"hub:{name}", hub=hub)
