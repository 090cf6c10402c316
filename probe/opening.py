"""From names to a Probe: the embedded pair, or any target, reference and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from probe.calibration.calibration import Calibration
from probe.calibration.store import DEMO, embedded, find
from probe.config import Settings
from probe.corpus.opening import open_corpus
from probe.data.frequencies import load as load_frequencies
from probe.data.read import Row, Unreadable, read
from probe.errors import InputError
from probe.models.base import Engine
from probe.models.cache import Cache, CachedEngine
from probe.models.hub import folder_of
from probe.models.load import BETWEEN
from probe.models.local import LocalEngine
from probe.models.neighbours import LocalProposer
from probe.models.replicas import Replicas
from probe.pipeline import Probe
from probe.prefixes import open_prefixes
from probe.scores.view import Role
from probe.setup import Setup
from probe.shadow.learned import NOTHING, read_learned
from probe.shadow.shadows import open_shadows
from probe.types import Text

_ASSETS = Path(str(files("probe.demo") / "assets"))


def open_probe(
    target: str = DEMO, reference: str | None = None, calibration: str | None = None, *, dtype: str | None = None,
    device_map: str | None = None, revision: str | None = None, batch_tokens: int | None = None,
    prefixes: Mapping[Role, Sequence[str]] | None = None, neighbours: str | None = None,
    settings: Settings | None = None,
) -> Probe:  # fmt: skip
    """Opens a target by hub id, folder or server address; with no arguments the embedded pair and its calibration.

    dtype, device_map and revision are those of transformers' from_pretrained (revision is the target's). prefixes are
    known texts, `nonmembers` and `members`, that recall and conrecall put before a text. neighbours is a masked or
    causal model that proposes words for neighbour and spv. settings say where calibrations and cached statistics are
    kept and which corpus to look texts up in, the environment's where none are given. Raises ModelError, InputError,
    UnknownName, and FingerprintMismatch where the calibration is not for these models.
    """
    settings = settings or Settings()
    found = find_calibration(target, calibration, settings)
    dtype = dtype or (found.fingerprint.dtype if found else None)
    setup = open_setup(
        target, reference, dtype=dtype, device_map=device_map, revision=revision, batch_tokens=batch_tokens,
        prefixes=prefixes, neighbours=neighbours, settings=settings,
    )  # fmt: skip
    corpus = open_corpus(settings.corpus, settings.remote_concurrency) if settings.corpus else None
    return Probe.of(replace(setup, corpus=corpus), found)


def open_named(settings: Settings, revision: str | None = None) -> Probe:
    """Opens what the settings name, the embedded pair where they name no target. Raises as `open_probe` does."""
    return open_probe(
        settings.target or DEMO, settings.reference, settings.calibration, dtype=settings.dtype,
        device_map=settings.device_map, revision=revision, batch_tokens=settings.batch_tokens, settings=settings,
    )  # fmt: skip


def served_name(settings: Settings, probe: Probe) -> str:
    """Returns the id under which that model is served."""
    return settings.name or (DEMO if (settings.target or DEMO) == DEMO else probe.target.identity.name)


def find_calibration(target: str, calibration: str | None, settings: Settings) -> Calibration | None:
    """Returns the calibration of this name, the embedded pair's own where none is named. Raises UnknownName."""
    if calibration:
        return find(calibration, settings.calibrations)
    return embedded(DEMO) if target == DEMO else None


def open_setup(
    target: str, reference: str | None, *, dtype: str | None, device_map: str | None = None,
    revision: str | None = None, batch_tokens: int | None = None,
    prefixes: Mapping[Role, Sequence[str]] | None = None, neighbours: str | None = None, settings: Settings,
) -> Setup:  # fmt: skip
    """Opens all that scores texts, whatever the calibration; arguments as those of `open_probe`."""
    if target == DEMO:
        if reference:
            raise InputError(
                "The embedded target brings its own reference; name a --target to choose one.", "reference"
            )
        target, reference = str(_ASSETS / "target"), str(_ASSETS / "reference")
    options = {"dtype": dtype, "device_map": device_map, "batch_tokens": batch_tokens}
    engines = _cached(
        [
            open_engine(source, settings, revision=pinned, **options)
            for source, pinned in ((target, revision), (reference, None))
            if source
        ],
        settings,
    )
    before = open_prefixes(engines[0], _prefixes(settings) if prefixes is None else prefixes)
    counted = load_frequencies(engines[0], settings.frequencies)
    named = neighbours or settings.neighbours
    proposer = LocalProposer.open(named, device_map=device_map) if named else None
    learned = read_learned(folder_of(reference)) if reference and not _address(reference) else NOTHING
    fleet = (
        open_shadows(settings.shadows, lambda place: _beside(place, engines[0], settings)) if settings.shadows else None
    )
    return Setup(
        engines[0], engines[1] if len(engines) > 1 else None, before, counted, proposer, learned=learned, shadows=fleet
    )


def open_placebo(settings: Settings, beside: Engine, named: str | None = None) -> Engine | None:
    """Opens the model that saw none of the texts: the one named, else that of the settings, else the embedded pair's
    sibling for the embedded target; in the dtype of the target beside it. Raises ModelError.
    """
    own = str(_ASSETS / "sibling") if (settings.target or DEMO) == DEMO else None
    source = named or settings.placebo or own
    return None if source is None else _beside(source, beside, settings)


def open_model(source: str, settings: Settings) -> Engine:
    """Opens one model as the settings say. Raises ModelError."""
    options = {"dtype": settings.dtype, "device_map": settings.device_map, "batch_tokens": settings.batch_tokens}
    return _cached([open_engine(source, settings, **options)], settings)[0]


def _beside(source: str, target: Engine, settings: Settings) -> Engine:
    """Opens another model in the dtype of the target. Raises ModelError."""
    opened = open_engine(source, settings, dtype=target.identity.dtype, device_map=settings.device_map)
    return _cached([opened], settings)[0]


def _cached(engines: list[Engine], settings: Settings) -> list[Engine]:
    if not settings.cache_bytes:
        return engines
    cache = Cache(settings.cache, settings.cache_bytes)
    return [CachedEngine(engine, cache) for engine in engines]


def _prefixes(settings: Settings) -> dict[Role, list[str]]:
    """Reads the files that the settings name. Raises InputError."""
    named: dict[Role, Path | None] = {"nonmembers": settings.prefix, "members": settings.member_prefix}
    return {role: [_whole(path, row).text for row in read(path)] for role, path in named.items() if path}


def _whole(path: Path, row: Row) -> Text:
    if isinstance(row, Unreadable):
        raise InputError(f"{path}, row {row.row}: {row.reason}. Mend the row or leave it out.", "prefix")
    return row


def open_engine(source: str, settings: Settings, **options: Any) -> Engine:
    """Opens a server by its address, anything else with the engine that the settings name.

    options: dtype and revision, and for models that run here device_map and batch_tokens. Raises ModelError.
    """
    if _address(source):
        from probe.models.remote import RemoteEngine

        key = settings.remote_key.get_secret_value() if settings.remote_key else None
        return RemoteEngine(source, settings.tokenizer, key=key, concurrency=settings.remote_concurrency)
    if settings.engine == "vllm":
        from probe.models.vllm import VllmEngine

        chosen = {name: options.get(name) for name in ("dtype", "revision")}
        return VllmEngine.open(source, **chosen, options=settings.vllm_options)
    if BETWEEN in (options.get("device_map") or ""):
        return Replicas(source, **options)
    return LocalEngine.open(source, **options)


def _address(source: str) -> bool:
    return source.startswith(("http://", "https://"))
