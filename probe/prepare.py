"""Texts -> tokens: of each text for target and reference, and of what the chosen scores read or write beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from probe.models.base import Engine, Extras
from probe.models.writing import Prompt
from probe.neighbours import neighbours
from probe.prefixes import Prefixes
from probe.prepared import Entry, Options, Prepared
from probe.scores import choose, compared_for, copies_for, feature_attack, needed, prefixes_for, samia, shokri
from probe.scores.copies import Copies
from probe.scores.view import Role
from probe.setup import Setup
from probe.shadow.attacks import ASKED
from probe.types import Text, Tokens, Unscored
from probe.wanted import still_wanted

SPARSE = 16  # characters of a token, on average, that no text of words has
NO_REFERENCE = Unscored("no reference model is given")
NO_PROPOSER = Unscored("no model is named that proposes words for neighbours (--neighbours, MEMPROBE_NEIGHBOURS)")
_NOT_SCORED = Unscored("the text cannot be scored under the target")


def prepare(setup: Setup, texts: Sequence[Text], options: Options) -> Prepared:
    """Tokenises; a text that is refused costs no other pass."""
    still_wanted()
    plain = [entry.text.strip() or entry.text for entry in texts]  # a final newline is the file's, not the text's
    refused = [_refused(text, words, options.max_tokens) for text, words in zip(texts, plain, strict=True)]
    plain = ["" if refusal else words for refusal, words in zip(refused, plain, strict=True)]  # costs no time
    found = [
        refusal or _limited(entry, options.max_tokens)
        for refusal, entry in zip(refused, setup.target.tokenize(plain), strict=True)
    ]
    kept = [isinstance(entry, Tokens) for entry in found]
    chosen = choose(options.scores)
    other = _for_reference(setup, plain, found)
    copies = {name: _copies(setup, copy, plain, kept) for name, copy in copies_for(chosen).items()}
    return Prepared(
        texts, options,
        [_placed(entry, text.text) for entry, text in zip(found, texts, strict=True)],
        [entry if keep else _NOT_SCORED for entry, keep in zip(other, kept, strict=True)],
        {name: entries for name, (_, entries) in copies.items()},
        {role: _behind(setup.prefixes, role, plain, found) for role in prefixes_for(chosen)},
        {name: _compared(setup, *copies[name]) for name in sorted(compared_for(chosen))},
        _prompts(setup.target, plain, kept) if needed("generate", chosen) else (),
        _extras(setup, chosen),
    )  # fmt: skip


def _extras(setup: Setup, chosen: frozenset[str]) -> Extras:
    if setup.shadows and {shokri.SCORE.id, feature_attack.SCORE.id} & chosen:
        return ASKED
    return Extras(gradient=needed("gradient", chosen))


def _for_reference(setup: Setup, texts: Sequence[str], found: Sequence[Entry]) -> Sequence[Entry]:
    """Tokens of the reference: the target's where its tokenizer is the very same."""
    if setup.reference is None:
        return [NO_REFERENCE] * len(texts)
    if setup.reference.identity.tokenizer == setup.target.identity.tokenizer:
        return found
    return setup.reference.tokenize(texts)


def _copies(
    setup: Setup, copy: Copies, texts: Sequence[str], kept: Sequence[bool]
) -> tuple[list[Sequence[str]], list[list[Entry]]]:
    """Returns the copies of each text, and their tokens, or why there are none."""
    still_wanted()
    found = _made(setup, copy, [text for text, keep in zip(texts, kept, strict=True) if keep])
    if isinstance(found, Unscored):
        return [() for _ in texts], [[found] for _ in texts]
    each = iter(found)
    made = [next(each) if keep else () for keep in kept]
    tokens = iter(setup.target.tokenize(list(chain(*made))))
    return made, [[next(tokens) for _ in group] for group in made]


def _made(setup: Setup, copy: Copies, texts: Sequence[str]) -> Sequence[Sequence[str]] | Unscored:
    if copy.make is not None:
        return [copy.make(text) for text in texts]
    return NO_PROPOSER if setup.proposer is None else neighbours(setup.proposer, texts)


def _compared(setup: Setup, made: Sequence[Sequence[str]], entries: Sequence[Sequence[Entry]]) -> list[list[Entry]]:
    """Returns the copies as the reference reads them."""
    if not any(made):
        return [list(group) for group in entries]
    flat = iter(_for_reference(setup, list(chain(*made)), list(chain(*entries))))
    return [[next(flat) for _ in group] for group in entries]


def _prompts(target: Engine, texts: Sequence[str], kept: Sequence[bool]) -> list[Prompt | Unscored]:
    """Returns the first half of each text as a prompt, with room for the second."""
    parts = [samia.split(text) if keep else _NOT_SCORED for text, keep in zip(texts, kept, strict=True)]
    good = [part for part in parts if isinstance(part, samia.Split)]
    tokens = iter(target.tokenize([half for part in good for half in (part.prefix, part.suffix)]))
    return [part if isinstance(part, Unscored) else _prompt(next(tokens), next(tokens)) for part in parts]


def _prompt(prefix: Entry, suffix: Entry) -> Prompt | Unscored:
    if isinstance(prefix, Unscored):
        return Unscored(f"its first half cannot be gone on from: {prefix.reason}")
    return Prompt(prefix.ids, samia.room(len(suffix.ids) if isinstance(suffix, Tokens) else 1))


def _behind(prefixes: Prefixes, role: Role, texts: Sequence[str], found: Sequence[Entry]) -> list[Entry]:
    pairs = zip(texts, found, strict=True)
    return [
        _NOT_SCORED if isinstance(entry, Unscored) else prefixes.refusal(role, text) or entry for text, entry in pairs
    ]


def _placed(entry: Entry, text: str) -> Entry:
    """Offsets count from the beginning of the caller's text, white space included."""
    lead = len(text) - len(text.lstrip())
    if not lead or isinstance(entry, Unscored):
        return entry
    return replace(entry, start=entry.start + lead, end=entry.end + lead)


def beyond(words: str, limit: int) -> bool:
    """True for a text, without white space around it, that has more tokens than the limit whatever it says."""
    return len(words) > limit * SPARSE


def _refused(text: Text, words: str, limit: int | None) -> Unscored | None:
    """Returns why a text is not even tokenised, which takes seconds and gigabytes for millions of characters."""
    if text.refused is not None:
        return Unscored(text.refused)
    if limit is None or not beyond(words, limit):
        return None
    return Unscored(f"it has {len(words):,} characters and the limit is {limit:,} tokens; send passages of it")


def _limited(entry: Entry, limit: int | None) -> Entry:
    if limit is None or isinstance(entry, Unscored) or len(entry.ids) <= limit:
        return entry
    return Unscored(f"it has {len(entry.ids):,} tokens and the limit is {limit:,}; send passages of it")
