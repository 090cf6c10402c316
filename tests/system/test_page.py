"""The page as a person uses it, in a real Chromium against a running service."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probe.access.keys import KeyRing
from probe.demo.locate import find, marks
from tests.documents.made import as_pdf
from tests.system.conftest import started

api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install memprobe[browser])")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (memprobe[browser])")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PARTS = ("text", "document", "data", "scan", "calibrations", "evaluations")
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Passages of a few sentences that the embedded target read often, once and never."""
    chosen = [one for one in marks() if one.role == "planted" or one.split == "test"]
    groups = {role: [one for one in chosen if one.role == role][:25] for role in ("planted", "member", "nonmember")}
    found = find([one for group in groups.values() for one in group])
    return {role: [found[one] for one in group if one in found] for role, group in groups.items()}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("home")) as running:
        yield running.base


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture
def said() -> list[str]:
    """What the console said."""
    return []


@pytest.fixture
def page(browser: Any, address: str, said: list[str]) -> Iterator[Any]:
    """A page whose console must stay silent, and that may ask nobody but the service."""
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.set_default_timeout(60_000)
    opened.goto(address)
    opened.wait_for_selector("#model option", state="attached")
    yield opened
    assert not said
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    context.close()


def shot(page: Any, name: str) -> None:
    """Keeps a picture where somebody wants to look (SCREENSHOTS=folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def accessible(page: Any) -> None:
    found = axe.Axe().run(page)
    faults = found.response["violations"]
    assert not faults, json.dumps(faults, indent=1)[:3000]


def accessible_report(page: Any) -> None:
    """A report runs no script, not even that of the check: its copy is checked."""
    copy = page.context.new_page()
    copy.set_content(page.content())
    accessible(copy)
    copy.close()


def test_from_a_pasted_text_to_a_verdict(page: Any, texts: dict[str, list[str]]) -> None:
    page.fill("#input", texts["planted"][0])
    page.click("#probe-form button")
    page.wait_for_selector(".verdict.member")
    answer = page.inner_text("#probe-answer")
    assert "known non-members" in answer and "p-value" in answer and "overlap" in answer and "pass" in answer
    box = page.locator(".tokens")
    assert box.inner_text() == texts["planted"][0]
    page.hover(".tokens span >> nth=3")
    first = page.inner_text(".readout")
    assert "under the target (rank" in first and "under the reference" in first
    box.focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".readout") != first and page.locator(".tokens span.here").count() == 1
    for key, word in (("Home", texts["planted"][0][0]), ("End", texts["planted"][0][-1])):
        page.keyboard.press(key)
        assert word in page.inner_text(".readout").partition(":")[0]
    assert page.locator(".legend .key").count() == 2 and "likelier under the target" in page.inner_text(".legend")
    accessible(page)
    shot(page, "text")
    page.fill("#input", "Too short.")
    page.click("#probe-form button")
    page.wait_for_selector("#probe-answer .verdict.out_of_distribution, #probe-answer .alert")


def test_from_a_book_to_its_strip(page: Any, texts: dict[str, list[str]], tmp_path: Path) -> None:
    rows = [one for group in zip(*texts.values(), strict=False) for one in group if one.isascii()]
    (tmp_path / "book.pdf").write_bytes(as_pdf(rows))
    page.click("nav a[href='#document']")
    page.set_input_files("#file", str(tmp_path / "book.pdf"))
    page.fill("#prefix", "12")
    page.fill("#suffix", "12")
    page.select_option("#document-alpha", "0.05")
    page.fill("#samples", "4")
    page.click("#document-form button")
    page.wait_for_selector("svg.strip")
    assert page.locator("svg.strip rect").count() > 20 and page.locator("svg.strip circle").count() > 0
    assert "book.pdf:" in page.inner_text("#document-view")
    page.click("#document-view td button, #document-view th button >> nth=0")
    page.wait_for_selector("#document-view .beside")
    assert "page " in page.inner_text("#document-view h3 >> nth=0")
    slider = page.locator("#document-view [role=slider]")
    slider.focus()
    for key, label in (
        ("Home", "1: page 1"),
        ("ArrowRight", "2: page 1"),
        ("End", f"{page.locator('svg.strip .above, svg.strip .below').count()}: page "),
    ):
        page.keyboard.press(key)
        assert page.inner_text("#document-view h3 >> nth=0").startswith(label)
        assert slider.get_attribute("aria-valuetext").startswith(label)
    before = page.locator(".beside").count()
    page.click("#document-view button >> text=Let the model go on")
    page.wait_for_function("(before) => document.querySelectorAll('.beside').length > before", arg=before)
    last = page.inner_text(".beside >> nth=-1")
    assert "The model: " in last and "of 4 by chance" in last
    page.select_option("#order", "place in the document")
    assert page.inner_text("#document-view tbody th >> nth=0").startswith("1: page 1, line ")
    page.click("#document-view button >> text=Later")
    assert page.inner_text("#document-view tbody th >> nth=0").startswith("21: ")
    accessible(page)
    shot(page, "document")
    with page.expect_download() as download:
        page.click("text=What was read of it")
    assert rows[0][:40] in Path(download.value.path()).read_text()
    with page.context.expect_page() as report:
        page.click("text=The report, for printing")
    report.value.wait_for_load_state()
    assert "What this does not prove" in report.value.inner_text("body")
    accessible_report(report.value)
    with page.expect_download() as download:
        page.click("text=All figures as JSON")
    assert json.loads(Path(download.value.path()).read_text())["document"]["alpha"] == 0.05
    page.reload()
    page.click("#document-list th button")  # it is still there
    page.wait_for_selector("svg.strip")
    assert "book.pdf:" in page.inner_text("#document-view")


def test_what_is_shown_is_of_the_document_that_was_asked_for(
    page: Any, said: list[str], texts: dict[str, list[str]], tmp_path: Path
) -> None:
    """Passages begin where they begin, whatever stands before them, and a refused file leaves no other's results."""
    (tmp_path / "marked.txt").write_text("\ufeff\ufeff" + "\n\n".join(texts["nonmember"][:6]))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4")
    page.click("nav a[href='#document']")
    page.set_input_files("#file", str(tmp_path / "marked.txt"))
    page.click("#document-form button")
    page.wait_for_selector("svg.strip")
    page.select_option("#order", "place in the document")
    for number in (0, 1):
        page.click(f"#document-view tbody th button >> nth={number}")
        shown = page.text_content("#document-view .beside div")
        assert shown.removeprefix("\ufeff")[:30] == " ".join(texts["nonmember"][number].split())[:30]
    page.locator("#document-view [role=slider]").focus()
    page.keyboard.press("Alt+ArrowLeft")  # the browser's own
    page.click("nav a[href='#document']")
    page.set_input_files("#file", str(tmp_path / "broken.pdf"))
    page.click("#document-form button")
    page.wait_for_selector("#document-state .alert")
    assert "damaged" in page.inner_text("#document-state") and not page.inner_text("#document-view")
    said.clear()  # the browser's own word on the answer
    page.goto(page.url.partition("#")[0] + "#constructor")
    assert page.locator("main > section:visible").count() == 1


def test_a_scan_is_followed_and_kept(page: Any, texts: dict[str, list[str]], tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body"])
        writer.writerows([one] for group in texts.values() for one in group for _ in range(10))
    page.click("nav a[href='#scan']")
    page.set_input_files("#rows", str(tmp_path / "rows.csv"))
    page.fill("#column", "body")
    page.click("#scan-form button")
    page.wait_for_selector("#scan-view table")
    assert "member" in page.inner_text("#scan-view") and "completed" in page.inner_text("#scan-state")
    assert "texts are selected" in page.inner_text("#scan-view") or "Nothing is" in page.inner_text("#scan-view")
    page.wait_for_selector("#scan-list td")
    accessible(page)
    shot(page, "scan")
    with page.expect_download() as download:
        page.click("#scan-view a >> text=results.jsonl")
    rows = Path(download.value.path()).read_text().splitlines()
    assert len(rows) == 10 * sum(map(len, texts.values())) and all(json.loads(row) for row in rows)


def test_personal_data_stay_masked(page: Any) -> None:
    from probe.demo.records import planted
    from probe.demo.run import SEED

    record = next(one for one in planted(SEED) if one.times == 32)
    page.click("nav a[href='#data']")
    page.fill("#data-input", record.text)
    page.fill("#pattern", r"Phone: 555 (\d{3} \d{4})")
    page.uncheck("#presidio")
    page.click("#data-form button")
    page.wait_for_selector("#data-view table", timeout=180_000)
    shown = page.inner_text("#data-view")
    assert "*** ****" in shown and record.phone[4:] not in shown and "rank 1 of" in shown
    for name in ("As CSV", "as JSON"):
        with page.expect_download() as download:
            page.click(f"#data-view a >> text={name}")
        assert "*** ****" in Path(download.value.path()).read_text()
    with page.context.expect_page() as report:
        page.click("#data-view a >> text=The report")
    assert "*** ****" in report.value.inner_text("body")
    accessible_report(report.value)
    page.reload()
    page.click("#data-list th button")
    page.wait_for_selector("#data-view table")
    accessible(page)
    shot(page, "data")


def test_calibrations_and_evaluations(page: Any, texts: dict[str, list[str]]) -> None:
    page.click("nav a[href='#calibrations']")
    page.wait_for_selector("#calibration-list table")
    listed = page.inner_text("#calibration-list")
    assert "placebo" in listed and "3,000" in listed and "can" in listed
    accessible(page)
    shot(page, "calibrations")
    page.click("nav a[href='#evaluations']")
    page.fill("#members", "\n".join(texts["member"]))
    page.fill("#nonmembers", "\n".join(texts["nonmember"]))
    page.click("#evaluation-form button")
    page.wait_for_selector("#evaluation-list table")
    assert "ref" in page.inner_text("#evaluation-list")
    plot = page.wait_for_selector("#evaluation-list img[alt*='log-log']")
    plot.scroll_into_view_if_needed()
    page.wait_for_function("(plot) => plot.complete && plot.naturalWidth > 100", arg=plot)
    accessible(page)
    shot(page, "evaluations")


def test_the_interface_is_described_without_asking_others(page: Any) -> None:
    page.click("footer a")
    page.wait_for_selector("article table")
    assert page.locator("article[aria-label='POST /v1/documents']").is_visible()
    page.click("article[aria-label='POST /v1/documents'] a >> text=DocumentRequest")
    assert "top_k" in page.inner_text("#DocumentRequest") and "needed" in page.inner_text("#DocumentRequest")
    assert "Return a new list" in page.inner_text("#ProbeRequest pre")
    accessible(page)
    shot(page, "docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(page: Any, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    for part in PARTS:
        page.click(f"nav a[href='#{part}']")
        page.wait_for_selector(f"#{part}:not([hidden])")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.locator("main > section:visible").count() == 1
        accessible(page)
    page.go_back()
    assert page.locator("#calibrations").is_visible()
    shot(page, f"phone-{scheme}")


def test_errors_are_shown(page: Any, said: list[str]) -> None:
    page.click("nav a[href='#data']")
    page.fill("#data-input", "x")
    page.fill("#pattern", "(")
    page.click("#data-form button")
    page.wait_for_selector("#data-state .alert")
    assert ["422" in one for one in said] == [True]  # the browser's own word on the answer
    said.clear()
    assert "no regular expression" in page.inner_text("#data-state")


def test_a_service_that_is_away_is_waited_for(page: Any, said: list[str], tmp_path: Path) -> None:
    """What fails says why in plain words; what is waited for goes on when the service is there again."""
    page.click("nav a[href='#document']")
    (tmp_path / "a.txt").write_text("word and more of it. " * 4_000)
    page.set_input_files("#file", str(tmp_path / "a.txt"))
    page.click("#document-form button")
    page.wait_for_selector("#document-state progress")
    page.context.set_offline(True)
    page.wait_for_selector("#document-state >> text=it is asked again")
    page.click("nav a[href='#text']")
    page.fill("#input", "Some text.")
    page.click("#probe-form button")
    page.wait_for_selector("#probe-answer >> text=The service does not answer")
    page.context.set_offline(False)
    page.click("nav a[href='#document']")
    page.wait_for_selector("svg.strip", timeout=180_000)
    said.clear()  # the browser's own words on what failed


def test_a_scan_whose_service_ends_says_so(browser: Any, tmp_path: Path, texts: dict[str, list[str]]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    rows = [{"text": text} for text in texts["nonmember"]] * 400
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with started(tmp_path) as running:
        page.goto(f"{running.base}/#scan")
        page.wait_for_selector("#model option", state="attached")
        page.set_input_files("#rows", str(tmp_path / "rows.jsonl"))
        page.click("#scan-form button")
        page.wait_for_selector("#scan-state >> text=in_progress:")
        running.process.kill()
        page.wait_for_selector("#scan-state >> text=it is asked again")
    context.close()


def test_a_service_with_keys_asks_for_one(browser: Any, tmp_path: Path, texts: dict[str, list[str]]) -> None:
    """A wrong key is told, a right one opens all parts, downloads among them; no script can read it afterwards."""
    _, token = KeyRing(tmp_path / "keys.json").add("alice", ["probe", "scan"])
    context = browser.new_context()
    with started(tmp_path) as running:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(running.base)
        page.wait_for_selector("#key[open]")
        accessible(page)
        shot(page, "key")
        for given, then in (("mp-00000000-" + "x" * 43, "#key-answer .alert"), (token, "#model option")):
            page.fill("#key-value", given)
            page.click("#key-form button")
            page.wait_for_selector(then, state="attached")
        page.fill("#input", texts["planted"][0])
        page.click("#probe-form button")
        page.wait_for_selector(".verdict.member")
        assert page.locator("#key[open]").count() == 0
        assert token not in page.evaluate("document.cookie + JSON.stringify([localStorage, sessionStorage])")
        page.reload()
        page.wait_for_selector("#model option", state="attached")
        assert page.locator("#key[open]").count() == 0
    context.close()
