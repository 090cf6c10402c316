"""Records for people: one HTML page without script, picture or link to elsewhere.

Everything that came from outside is escaped, and the page forbids itself to load anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from probe.provenance.record import Record

SHOWN = 200  # results told one by one
_GRADES = {
    "A": "a randomised canary test, or verbatim extraction beside a negative control",
    "B": "a calibration on a known random split",
    "C": "a calibration made afterwards whose gates passed",
    "D": "some gate could not be tested: a lead, no evidence to stand on its own",
}
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
h2{margin-top:2.5rem;border-top:1px solid #ccc;padding-top:1rem}table{border-collapse:collapse}
th{text-align:left;vertical-align:top;padding:.15rem 1rem .15rem 0;font-weight:600;white-space:nowrap}
td{padding:.15rem 0;overflow-wrap:anywhere}code{font-size:.85em}blockquote{white-space:pre-wrap;color:#444}
@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}blockquote{color:#bbb}}"""
_HOW = """<h2>How to verify this</h2>
<p>This page belongs to a bundle whose <code>manifest.json</code> holds the SHA-256 of every file. With memprobe:
<code>memprobe verify bundle.zip --key public.pem</code>, and with the texts and models at hand
<code>memprobe verify bundle.zip --key public.pem --texts FILE</code>, which scores them again. Without memprobe, unpack
it and run <code>sha256sum</code> on the files, and <code>openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in
manifest.json -sigfile manifest.sig</code>. Get the public key from the signer by another way than this bundle.</p>
<p>The hash of a text is the SHA-256 of its UTF-8 bytes without white space around it. A verdict is no proof: it says
how a text's score stands among those of texts whose membership is known, as far as these are of its kind.</p>"""


def report(records: Sequence[Record], *, with_texts: bool = False) -> str:
    """Returns the page."""
    shown = records[:SHOWN]
    more = f"<p>{len(records) - SHOWN:,} further results stand in <code>results.jsonl</code>.</p>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>memprobe: evidence</title>'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head>\n<body><h1>Was this text in that model's training data?</h1>\n"
        f"<p>{len(records):,} results of memprobe {_versions(records)}.</p>\n"
        + "\n".join(_section(record, with_texts) for record in shown)
        + (more if len(records) > SHOWN else "")
        + f"\n{_HOW}\n</body></html>\n"
    )


def _versions(records: Sequence[Record]) -> str:
    return escape(", ".join(sorted({record.provenance.memprobe for record in records})))


def _section(record: Record, with_texts: bool) -> str:
    call = str(record.result.get("verdict") or "no verdict").replace("_", " ")
    text = record.provenance.text
    quoted = f"<blockquote>{escape(text)}</blockquote>\n" if with_texts and text is not None else ""
    rows = "\n".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in _rows(record) if value)
    return f"<h2>{escape(record.name)}: {escape(call)}</h2>\n{quoted}<table>\n{rows}\n</table>"


def _rows(record: Record) -> Iterator[tuple[str, str]]:
    """Yields names and escaped values."""
    result, one = record.result, record.provenance
    yield "reason", _text(result.get("reason") or result.get("error"))
    yield "p-value", _text(result.get("p_value"))
    yield "q-value", _text(result.get("q_value"))
    if score := _map(result.get("score")):
        yield "score", f"{_text(score.get('name'))} {_text(score.get('value'))}"
    if claim := _map(result.get("claim")):
        yield "claim", _claim(claim)
    yield "gates", ", ".join(f"{_text(name)} {_text(gate)}" for name, gate in _map(result.get("gates")).items())
    if grade := result.get("evidence"):
        yield "evidence", f"{_text(grade)}: {_GRADES.get(str(grade), 'unknown')}"
    if found := _map(result.get("corpus")):
        yield "in the corpus", ", ".join(f"{_text(name)} {_text(found.get(name))}" for name in _FOUND)
    yield "warnings", "; ".join(map(_text, result.get("warnings") or ()))
    names = {"text": one.text_sha256, "target": one.fingerprint.target, "tokenizer": one.fingerprint.tokenizer}
    names |= {"reference": one.fingerprint.reference or "", "calibration": ""}
    if one.calibration:
        yield "calibration", _text(one.calibration.name)
        names["calibration"] = one.calibration.sha256 or ""
    for name, value in names.items():
        yield f"{name} hash", value and f"<code>{escape(value)}</code>"
    at = one.fingerprint
    yield "conditions", escape(f"{at.engine}, {at.device}, {at.dtype}, formulas {at.formulas}")
    yield "versions", escape(", ".join(f"{name} {version}" for name, version in sorted(at.versions.items())))


_FOUND = ("found", "run_words", "share", "documents")


def _claim(claim: Mapping[str, Any]) -> str:
    get = {name: _text(value) for name, value in claim.items()}
    return (
        f"at most {get.get('alpha')} false positives among texts like the {get.get('nonmembers')} known non-members, "
        f"with confidence {get.get('confidence')}; {get.get('members')} known members"
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return "" if value is None else escape(f"{value:.6g}" if isinstance(value, float) else str(value))
