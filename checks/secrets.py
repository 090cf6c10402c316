"""Secrets among the files of the repository: python -m checks.secrets. Names file, line and kind, never the secret."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ALLOWED = "not-a-secret"  # a line that holds this word is left out
_WORD = r"[A-Za-z0-9_-]"
KINDS = {
    "memprobe key": re.compile(rf"\bmp-[0-9a-f]{{8}}-{_WORD}{{43}}"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "GitLab token": re.compile(rf"\bglpat-{_WORD}{{20,}}"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z]{30,}\b"),
    "OpenAI key": re.compile(rf"\bsk-(?:proj-|ant-)?{_WORD}{{32,}}"),
    "PyPI token": re.compile(rf"\bpypi-AgE{_WORD}{{50,}}"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    "Google key": re.compile(rf"\bAIza{_WORD}{{35}}"),
    "web token": re.compile(rf"\beyJ{_WORD}{{10,}}\.eyJ{_WORD}{{10,}}\.{_WORD}{{10,}}"),
}
_NAMES = "pass(?:word|wd|phrase)|secret|token|api_?key|access_?key"
_ASSIGNED = re.compile(rf"(?:{_NAMES})[\"']?\s*[:=]\s*[\"']([^\"'\s]{{16,}})[\"']", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s:@]{12,})@")
_RANDOM = 3.2  # bits per character: words and placeholders have fewer, or hold no digit


def found(text: str) -> Iterator[tuple[int, str]]:
    """Yields line and kind of every secret in a file."""
    for number, line in enumerate(text.splitlines(), 1):
        if ALLOWED in line:
            continue
        yield from ((number, kind) for kind, pattern in KINDS.items() if pattern.search(line))
        for kind, pattern in (("assigned secret", _ASSIGNED), ("password in an address", _IN_ADDRESS)):
            if any(_random(value) for value in pattern.findall(line)):
                yield number, kind


def scan(root: Path) -> list[str]:
    """Returns a line for each secret in the files that git keeps, or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True,
    )  # fmt: skip
    told = []
    for name in sorted(set(listed.stdout.decode().split("\0")) - {""}):
        path = root / name
        if path.is_file():  # else it was removed, or is a link to nowhere
            text = path.read_bytes().decode("utf-8", "replace")
            told += [f"{name}:{line}: {kind}" for line, kind in found(text)]
    return told


def _random(value: str) -> bool:
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return bits >= _RANDOM and any(letter.isdigit() for letter in value) and "{" not in value and "$" not in value


def main() -> None:
    """Exits with 1 where there is one."""
    told = scan(Path.cwd())
    for line in told:
        print(line)
    if told:
        print(
            f"{len(told)} secrets: revoke them, then take them out of the history. What is none: say {ALLOWED} there."
        )
        sys.exit(1)
    print("No secret stands in the repository.")


if __name__ == "__main__":
    main()
