"""What lies under a prefix and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.data.within import within


@pytest.mark.parametrize(
    ("place", "prefix", "inside"),
    [
        ("http://a.org/data/x.jsonl", "http://a.org/data", True),
        ("http://a.org/data/x.jsonl", "http://a.org/data/", True),
        ("http://a.org/data/x.jsonl", "http://a.org", True),
        ("http://a.org/database/x.jsonl", "http://a.org/data", False),
        ("https://a.org/data/x.jsonl", "http://a.org/data", False),
        ("http://a.org:81/data/x.jsonl", "http://a.org/data", False),
        ("http://a.org@b.org/data/x.jsonl", "http://a.org", False),
        ("http://a.org.b.org/x.jsonl", "http://a.org", False),
        ("http://a.org/data/../x.jsonl", "http://a.org/data", False),
        ("http://a.org/data/%2e%2e/x.jsonl", "http://a.org/data", False),
        ("s3://bucket/one/x.parquet", "s3://bucket/one", True),
        ("s3://bucket-2/x.parquet", "s3://bucket", False),
        ("simplecache::http://a.org/data/x", "http://a.org/data", False),
        ("/data/x\0.jsonl", "/data", False),
        ("hf:org/name:train", "hf:org/name", True),
        ("hf:org/name/config:train", "hf:org/name", True),
        ("hf:org/name-2:train", "hf:org/name", False),
        ("hf:/etc:train", "hf:org", False),
        ("hf:org/../x:train", "hf:org", False),
        ("/data/x.jsonl", "hf:", False),
        ("/data/x.jsonl", "http://a.org", False),
    ],
)
def test_prefixes_end_at_parts(place: str, prefix: str, inside: bool) -> None:
    assert within(place, prefix) == inside


def test_paths_are_compared_once_their_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in-2").mkdir()
    (tmp_path / "secret.jsonl").write_text("1")
    (tmp_path / "in" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    prefix = str(tmp_path / "in")
    for place, inside in (
        (f"{prefix}/x.jsonl", True), (f"file://{prefix}/x.jsonl", True), (f"{prefix}-2/x.jsonl", False),
        (f"{prefix}/link.jsonl", False), (f"{prefix}/../secret.jsonl", False), (f"file://{prefix}/%2e%2e/x", False),
    ):  # fmt: skip
        assert within(place, prefix) == inside, place
