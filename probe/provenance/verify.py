"""A record, and the same measured again: with the same models and calibration, of texts found by their hash."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from probe.calibration.calibration import Calibration
from probe.calibration.file import content_hash
from probe.calibration.fingerprint import take
from probe.calibration.store import DEMO
from probe.config import Settings
from probe.corpus.opening import Corpus, open_corpus
from probe.data.hashed import text_hash
from probe.errors import FingerprintMismatch, InputError
from probe.measure import Progress
from probe.opening import find_calibration, open_setup
from probe.pipeline import Probe
from probe.prepared import Options
from probe.provenance.checks import Check, Outcome, same
from probe.provenance.compare import compare_results
from probe.provenance.record import Provenance, Record, Sources, batch_of
from probe.provenance.setup import compare_setup
from probe.response import result_dict
from probe.scores import TABLE
from probe.setup import Setup
from probe.types import Text

TOLERANCE = 1e-3
AS_RECORDED = Sources()
Group = TypeVar("Group", bound=Hashable)
_MISSING = Check("text not here: name a file that holds it with --texts", Outcome.UNCHECKED)


def texts_by_hash(records: Sequence[Record], texts: Sequence[str]) -> dict[str, str]:
    """Returns the texts of these records that are at hand, in the records themselves or among `texts`."""
    wanted = {record.provenance.text_sha256 for record in records}
    held = [text for record in records if (text := record.provenance.text) is not None]
    return {hashed: text for text in (*held, *texts) if (hashed := text_hash(text)) in wanted}


def check_ids(records: Sequence[Record], texts: Sequence[Text]) -> list[list[Check]]:
    """Returns for each record whether its id is one that its text has where the texts come with ids."""
    given: dict[str, set[str]] = {}
    for text in texts:
        if text.id is not None:
            given.setdefault(text_hash(text.text), set()).add(text.id)
    found = [(record.result.get("id"), given.get(record.provenance.text_sha256)) for record in records]
    return [[same("id", True, name in ids)] if ids and name is not None else [] for name, ids in found]


def verify_all(
    records: Sequence[Record], texts: Mapping[str, str], settings: Settings, named: Sources = AS_RECORDED,
    tolerance: float = TOLERANCE, device_map: str | None = None, progress: Progress | None = None,
) -> list[list[Check]]:  # fmt: skip
    """Opens what each record names, or `named` where that says more, and returns the checks of each.

    texts: by their hash. Raises ModelError, InputError, UnknownName for what cannot be opened, InputError for a
    tolerance that is none.
    """
    if not 0 <= tolerance < math.inf:
        raise InputError("A tolerance must be a number of at least 0; scores are in nats per token.", "tolerance")
    found: dict[int, list[Check]] = {}
    for sources, group in _grouped(records, lambda record: record.provenance.sources).items():
        mine = [records[at] for at in group]
        checked = _verify(mine, texts, settings, _over(sources, named), tolerance, device_map)
        found |= dict(zip(group, checked, strict=True))
        if progress:
            progress(len(found), len(records))
    return [found[at] for at in range(len(records))]


def _verify(
    records: Sequence[Record], texts: Mapping[str, str], settings: Settings, sources: Sources, tolerance: float,
    device_map: str | None,
) -> list[list[Check]]:  # fmt: skip
    """Returns the checks of records that come from the same sources."""
    folders = {"prefix": sources.prefix, "member_prefix": sources.member_prefix, "shadows": sources.shadows}
    settings = settings.model_copy(update={name: Path(path) if path else None for name, path in folders.items()})
    target = sources.target or DEMO
    calibration = find_calibration(target, sources.calibration, settings)
    dtype = sources.dtype or (calibration.fingerprint.dtype if calibration else None)
    setup = open_setup(
        target, sources.reference, dtype=dtype, device_map=device_map, revision=sources.revision,
        batch_tokens=settings.batch_tokens, neighbours=sources.neighbours, settings=settings,
    )  # fmt: skip
    probe, refused = _attach(setup, calibration, _corpus(sources.corpus, settings))
    again = repeat(probe, records, texts, tolerance)
    now, held = take(setup), content_hash(calibration) if calibration else None
    return [
        [*compare_setup(record.provenance, now, held, probe.setup.corpus), *refused, *checks]
        for record, checks in zip(records, again, strict=True)
    ]


def _attach(setup: Setup, calibration: Calibration | None, corpus: Corpus | None) -> tuple[Probe, list[Check]]:
    """Returns a probe with its calibration, or without one that is refused, and the check that says so."""

    def probe(calibration: Calibration | None) -> Probe:
        return Probe.of(replace(setup, corpus=corpus), calibration)

    try:
        return probe(calibration), []
    except FingerprintMismatch as error:
        return probe(None), [Check(f"calibration refused: {error}", Outcome.DIFFERS)]


def _corpus(source: str | None, settings: Settings) -> Corpus | None:
    """Returns the corpus where it is at hand; each result that was looked up in it says so where it is not."""
    try:
        return open_corpus(source, settings.remote_concurrency) if source else None
    except InputError:
        return None


def _over(sources: Sources, named: Sources) -> Sources:
    """Returns what to open. A record may come from anybody, and so no address of its own is sent a text.

    Raises InputError where it names a server as a model.
    """
    for name in ("target", "reference"):
        address = getattr(sources, name)
        if getattr(named, name) is None and _is_address(address):
            raise InputError(
                f"The record names the server {address!a} as its {name}, which would be sent the texts: if you trust "
                f"it, name it yourself with --{name}.", name,
            )  # fmt: skip
    if _is_address(sources.corpus):
        sources = replace(sources, corpus=None)
    return replace(sources, **{name: value for name, value in asdict(named).items() if value is not None})


def _is_address(source: str | None) -> bool:
    return source is not None and source.startswith(("http://", "https://"))


def repeat(
    probe: Probe, records: Sequence[Record], texts: Mapping[str, str], tolerance: float = TOLERANCE
) -> list[list[Check]]:
    """Scores the texts again, those of one batch together, and returns the checks of each record.

    texts: by their hash. A record whose text is not among them says so.
    """
    found: dict[int, list[Check]] = {}
    together = _grouped(records, lambda record: _together(record.provenance))
    for group in together.values():
        held = [at for at in group if records[at].provenance.text_sha256 in texts]
        found |= {at: [_MISSING] for at in group}
        found |= dict(zip(held, _again(probe, [records[at] for at in held], texts, tolerance), strict=True))
    return [[*_embedded(record.provenance), *found[at]] for at, record in enumerate(records)]


def _grouped(records: Sequence[Record], key: Callable[[Record], Group]) -> dict[Group, list[int]]:
    """Returns the numbers of the records that share a key."""
    groups: dict[Group, list[int]] = {}
    for at, record in enumerate(records):
        groups.setdefault(key(record), []).append(at)
    return groups


def _together(one: Provenance) -> tuple[object, ...]:
    """What texts share that were judged together."""
    return one.batch, one.scores, one.alpha, one.max_tokens


def _embedded(one: Provenance) -> list[Check]:
    return [] if one.text is None else [same("text in the record", one.text_sha256, text_hash(one.text))]


def _again(
    probe: Probe, records: Sequence[Record], texts: Mapping[str, str], tolerance: float
) -> Iterator[list[Check]]:
    if not records:
        return
    one = records[0].provenance
    hashes = [record.provenance.text_sha256 for record in records]
    chosen = None if one.scores is None else frozenset(one.scores) & TABLE.keys()
    options = Options(chosen, one.alpha, one.max_tokens)
    prepared = probe.prepare([Text(texts[hashed]) for hashed in hashes], options)
    results = probe.judge(prepared, probe.measure([prepared])[0])
    with_tokens = [record.result.get("tokens") is not None for record in records]
    now = [result_dict(result, asked) for result, asked in zip(results, with_tokens, strict=True)]
    exact = all(record.result.get("p_value") == row["p_value"] for record, row in zip(records, now, strict=True))
    whole = batch_of(hashes) == one.batch
    for record, hashed, row in zip(records, hashes, now, strict=True):
        found = compare_results(record.result, row, tolerance, one.batch.size, whole=whole, exact=exact)
        yield [same("text", hashed, text_hash(texts[hashed])), *_silent(record), *found]


def _silent(record: Record) -> list[Check]:
    """A text that is looked up in a corpus always has an answer, and so none was taken out."""
    silent = record.provenance.corpus and record.result.get("corpus") is None
    return [Check("in the corpus: the record names a corpus, not what it holds", Outcome.DIFFERS)] if silent else []
