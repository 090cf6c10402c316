"""Whatever dies, and whenever: SIGKILL at random moments, then the same command again, on SQLite."""

from __future__ import annotations

import random
from pathlib import Path

from tests.system.conftest import free_port
from tests.system.scans.api import Api
from tests.system.scans.helper import (
    Line,
    Watch,
    assert_each_row_once,
    assert_parts_hold_each_row_once,
    assert_same_results,
    await_moment,
    begun,
    environment,
    groups,
    kill,
    ready,
    results,
    scan,
    served,
    until,
)


def test_a_scan_that_is_killed_at_random_moments_gives_what_an_undisturbed_one_gives(
    texts: Path, undisturbed: list[Line], kills: int, tmp_path: Path
) -> None:
    dice, rows, scraps = random.Random(1), len(undisturbed), list[Path]()
    for number, times in enumerate(groups(kills)):
        out, killed = tmp_path / f"out{number}", 0
        watch = Watch.of_file(out / "scan.sqlite")
        for _ in range(times):
            with begun(tmp_path / "log", environment(tmp_path), "scan", str(texts), "--out", str(out)) as process:
                await_moment(dice, watch, rows, process)
                killed += kill(process)
        done = scan(texts, out, tmp_path)
        assert done.returncode == 0, done.stderr
        look = watch.look()
        assert look.status == "completed" and look.again <= killed, look
        output, errors = results(out)
        assert_each_row_once(output, errors, rows)
        assert_same_results(output, undisturbed)
        assert_parts_hold_each_row_once(sorted((out / "parts").glob("*.parquet")), rows)
        scraps += out.rglob(".*.part")
    assert not scraps, "what a killed process had half written lies among the results"


def test_a_service_that_is_killed_at_random_moments_goes_on_with_its_batch(
    texts: Path, undisturbed: list[Line], kills: int, tmp_path: Path
) -> None:
    dice, rows, port = random.Random(2), len(undisturbed), free_port()
    api = Api(port)
    for number, times in enumerate(groups(kills)):
        home, killed, batch = tmp_path / f"home{number}", 0, ""
        home.mkdir()
        watch = Watch.of_file(home / "scans.sqlite")
        for _ in range(times):
            with served(home, port) as process:
                if not batch:
                    assert until(lambda: ready(port)), said(home)
                    batch = str(api.batch(api.upload(texts))["id"])
                await_moment(dice, watch, rows, process)
                killed += kill(process)
        with served(home, port):
            assert until(lambda: ready(port)), said(home)
            assert until(watch.over), watch.look()
            look, found = watch.look(), api.get(f"batches/{batch}")
            assert found["status"] == "completed" and found["error_file_id"] is None, found
            assert found["request_counts"] == {"total": rows, "completed": rows, "failed": 0}
            assert look.again <= killed, look
            output = api.content(found["output_file_id"])
        assert_each_row_once(output, [], rows)
        assert_same_results([one for line in output for one in line["response"]["body"]["results"]], undisturbed)
        assert_parts_hold_each_row_once(sorted((home / "store/scans" / batch / "parts").glob("*.parquet")), rows)


def said(home: Path) -> str:
    return (home / "serve.log").read_text()
