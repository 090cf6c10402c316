"""Keys, quotas and the record, without a service."""

from __future__ import annotations

import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from probe.access.keys import Key, KeyRing
from probe.access.quota import Quota, check_rate
from probe.access.record import Record
from probe.access.tab import Tab
from probe.errors import Busy, InputError, OverQuota, UnknownName


def test_a_key_is_found_by_itself_alone_and_never_written(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "new" / "keys.json")
    key, token = ring.add("alice", ["scan", "probe"])
    other, _ = ring.add("bob", ["admin"], owner="alice")
    assert key.scopes == ("probe", "scan") and (key.owner, other.owner) == ("alice", "alice")
    assert ring.find(token) == key == KeyRing(tmp_path / "new" / "keys.json").find(token)
    swapped = token.replace(key.id, other.id)
    assert [ring.find(wrong) for wrong in (swapped, token[:-1], token + "x", "", f"mp-{key.id}-", "ü" * 40)] == [
        None
    ] * 6
    written = (tmp_path / "new" / "keys.json").read_text()
    assert token.split("-", 2)[2] not in written and key.hash in written
    assert stat.S_IMODE((tmp_path / "new" / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["keys.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_belongs_to_who_runs_the_service(tmp_path: Path) -> None:
    def whose(path: Path) -> tuple[int, int, int]:
        found = path.stat()
        return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)

    service, group, home = 4321, 4322, tmp_path / "home"
    home.mkdir()
    os.chown(home, service, group)
    ring = KeyRing(home / "keys.json")
    ring.add("alice", ["probe"])
    assert whose(home / "keys.json") == (service, group, 0o600)
    os.chown(home / "keys.json", 0, group)
    (home / "keys.json").chmod(0o640)
    ring.add("bob", ["probe"])
    ring.revoke("alice")
    assert whose(home / "keys.json") == (0, group, 0o640)
    Record(home).note({"key": "bob"})
    assert whose(home / "audit.jsonl") == whose(home / "audit.key") == (service, group, 0o600)
    (home / "audit.jsonl").unlink()
    (home / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    Record(home)
    assert whose(tmp_path / "elsewhere")[0] == 0  # the service's user gets at no file of root's by a link


def test_one_that_is_revoked_is_gone_at_once_for_every_reader(tmp_path: Path) -> None:
    ring, reader = KeyRing(tmp_path / "keys.json"), KeyRing(tmp_path / "keys.json")
    _, token = ring.add("alice", ["probe"])
    assert reader.find(token)
    ring.revoke("alice")
    assert reader.find(token) is None and reader.keys == ()
    with pytest.raises(UnknownName, match="No key is named"):
        ring.revoke("alice")


@pytest.mark.parametrize(
    ("name", "scopes", "owner", "said"),
    [
        ("al ice", ["probe"], "", "names no key"), ("../x", ["probe"], "", "names no key"),
        ("alice", ["probe"], "a/b", "names no key and no owner"), ("alice", ["root"], "", "No scope is named 'root'"),
        ("alice", [], "", "without a scope"), ("taken", ["probe"], "", "already"),
    ],
)  # fmt: skip
def test_what_makes_no_key(tmp_path: Path, name: str, scopes: list[str], owner: str, said: str) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    ring.add("taken", ["probe"])
    with pytest.raises(InputError, match=said):
        ring.add(name, scopes, owner)


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{"id": "x"}]}', '{"keys": 3}', "\xff"])
def test_a_file_that_is_none_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match="cannot be read"):
        KeyRing(tmp_path / "keys.json").find("mp-00000000-" + "x" * 43)


def test_rates_and_budgets(tmp_path: Path) -> None:
    ring, quota = KeyRing(tmp_path / "keys.json"), Quota("memory://", "2/minute", "100/day")
    usual, own = ring.add("usual", ["probe"])[0], ring.add("own", ["probe"], rate="3/hour", budget="1000/day")[0]
    quota.take(usual)
    quota.take(usual)
    with pytest.raises(Busy, match="2 times a minute") as refused:
        quota.take(usual)
    assert 1 <= refused.value.retry_after <= 60
    quota.spend(own, 999)
    quota.hold(own, 1)
    quota.spend(own, 500)  # what was let in may go beyond
    with pytest.raises(Busy, match="budget of 1000 tokens a day is spent") as refused:
        quota.hold(own, 1)
    assert 1 <= refused.value.retry_after <= 86_400
    quota.take(own)  # what reads nothing goes on
    unlimited = Quota("memory://", "", "")
    for _ in range(1000):
        unlimited.take(usual)
    unlimited.hold(usual, 10**12)
    with pytest.raises(InputError, match="is no rate"):
        check_rate("often", "rate")
    for nothing in ("0/minute", "00 per day"):
        with pytest.raises(InputError, match="lets nothing through: write 1/minute"):
            check_rate(nothing, "rate")
    for several in ("100/minute;2/day", "100/minute, 2/day", "1/day|2/hour|3/minute"):
        with pytest.raises(InputError, match=r"holds [23] limits, and one is kept: write"):
            check_rate(several, "rate")
    with pytest.raises(InputError, match="key_budget '0/day' lets nothing through"):
        Quota("memory://", "", "0/day")
    with pytest.raises(InputError, match="quota_storage"):
        Quota("nowhere://", "", "")


def budgeted(home: Path, budget: str) -> tuple[Key, Quota]:
    return KeyRing(home / "keys.json").add("alice", ["probe"], budget=budget)[0], Quota("memory://", "", "")


def test_what_is_held_is_put_right_once_it_is_counted(tmp_path: Path) -> None:
    key, quota = budgeted(tmp_path, "1000/day")
    one, other = Tab(quota, key), Tab(quota, key)
    one.hold(600)
    with pytest.raises(OverQuota, match=r"about 401 tokens.* has 400 left: send less"):
        other.hold(401)
    with pytest.raises(OverQuota, match="larger budget"):
        other.hold(1001)
    one.spend(100)
    one.settle()
    one.settle()
    other.hold(900)
    other.spend(950)
    other.settle()
    with pytest.raises(OverQuota, match="is spent"):
        one.hold(1)


def test_many_at_once_hold_no_more_than_there_is(tmp_path: Path) -> None:
    key, quota = budgeted(tmp_path, "1000/day")

    def held(_: int) -> bool:
        try:
            Tab(quota, key).hold(90)
        except OverQuota:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert 1 <= sum(threads.map(held, range(200))) <= 11


def test_a_renewed_budget_is_not_raised_by_what_was_held_before(tmp_path: Path) -> None:
    key, quota = budgeted(tmp_path, "100/4second")
    tab, fresh = Tab(quota, key), Tab(quota, key)
    tab.hold(100)
    time.sleep(4.2)
    fresh.hold(100)
    tab.settle()
    with pytest.raises(OverQuota, match="is spent"):
        fresh.hold(1)


def test_the_record_keeps_hashes_that_only_its_secret_gives(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.note({"key": "alice", "status": 200}, [record.hashed("a text"), record.hashed("\ud800")])
    record.note({"key": "bob", "status": 404})
    again = Record(tmp_path)
    assert [line["key"] for line in again.lines()] == ["alice", "bob"]
    assert [line["texts"] for line in again.lines(text=" a text\n")] == [2] and not list(again.lines(text="a  text"))
    assert [line["key"] for line in again.lines("bob")] == ["bob"] and not list(again.lines("bob", "a text"))
    other = Record(tmp_path / "other")
    assert other.hashed("a text") != record.hashed("a text")
    for name in ("audit.jsonl", "audit.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert "a text" not in record.path.read_text()
    record.path.rename(tmp_path / "rotated")
    record.note({"key": "carol"}, [record.hashed(str(n)) for n in range(1000)])
    (line,) = record.lines()
    assert line["texts"] == len(line["hashes"]) == 1000 and list(record.lines(text="999")) == [line]
    record.path.write_text(json.dumps({"key": "x"}) + "\ngarbage\n")
    with pytest.raises(InputError, match="Line 2"):
        list(record.lines())
