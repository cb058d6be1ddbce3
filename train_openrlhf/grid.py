"""The named sets of cells of ``configs/grid.yaml``.

Promises: every name in the file is checked against the models and rewards there are; a set is a list of cell names
without repetition. Does not: resolve the cells (cells.py does) or start them.
"""

from __future__ import annotations

from pathlib import Path

from verifier.errors import ConfigError

from .cells import CONFIGS, named_file, names, read_yaml

_KEYS = {"shows", "models", "rewards", "seeds"}


def sets(configs: Path = CONFIGS) -> dict[str, list[str]]:
    """Each set's cell names. Raises ConfigError naming the set and the key."""
    raw = read_yaml(configs / "grid.yaml").get("sets")
    if not isinstance(raw, dict):
        raise ConfigError("configs/grid.yaml: sets is missing")
    out = {}
    for name, body in raw.items():
        where = f"configs/grid.yaml: sets.{name}"
        if not isinstance(body, dict) or set(body) != _KEYS:
            raise ConfigError(f"{where}: must have {', '.join(sorted(_KEYS))}, and nothing else")
        models = names("models", configs) if body["models"] == "all" else body["models"]
        for key, values in (("models", models), ("rewards", body["rewards"])):
            if not isinstance(values, list) or not values:
                raise ConfigError(f"{where}.{key}: must be a list of names")
            for value in values:
                named_file(configs / key, str(value), key[:-1])
        seeds = body["seeds"]
        if not isinstance(seeds, list) or not all(type(seed) is int and seed >= 0 for seed in seeds):
            raise ConfigError(f"{where}.seeds: must be a list of whole numbers")
        cells = [f"{model}/{reward}/s{seed}" for model in models for reward in body["rewards"] for seed in seeds]
        out[str(name)] = list(dict.fromkeys(cells))
    return out


def cells_of(name: str, configs: Path = CONFIGS) -> list[str]:
    """The cells of one set, or of all of them for ``all``."""
    known = sets(configs)
    if name == "all":
        return list(dict.fromkeys(cell for cells in known.values() for cell in cells))
    if name not in known:
        raise ConfigError(f"unknown set {name!r}; there are {', '.join(known)} and all")
    return known[name]
