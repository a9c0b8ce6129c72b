"""The command `fmask browse`: what the page contains, and how it behaves in a browser if one is installed."""

import base64
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask.cli import app
from fmask.data.paths import ANNOTATIONS
from fmask.report import entries
from fmask.report.entries import MAX_SIDE, MIN_SIDE, side_for
from fmask.utils.errors import UserError
from tests.helpers.browser import Tab, browser, needs_chromium
from tests.helpers.made_up import MALICIOUS_NAME, FakePredictor, make_run
from tests.helpers.own_data import write_own
from tests.helpers.parsed import Element, check_self_contained, everything, parse
from tests.helpers.scenes import photo

SCRIPT = f"<script>alert(1)</script>{'x' * 90}"
CLASSES = ("hat", SCRIPT)
RENAMED = "<script>alert(2)<.png"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A data set of 9 photos: a file and a class are named like elements, and the training photos have faults."""
    root = write_own(tmp_path / "site", CLASSES)
    for split in ("train", "test"):
        edit(root / split, lambda entry: entry | {"filename": RENAMED} if entry["filename"] == "0.png" else entry)
        (root / split / "0.png").rename(root / split / RENAMED)
    edit(root / "train", spoil)
    Image.new("RGB", (20, 20)).save(root / "train" / "unlisted.png")
    return root


def edit(folder: Path, change: Any) -> None:
    file = folder / ANNOTATIONS
    file.write_text(json.dumps({key: change(entry) for key, entry in json.loads(file.read_text()).items()}))


def spoil(entry: dict[str, Any]) -> dict[str, Any]:
    """Empty the label of the first region of a photo, and leave the last photo without regions."""
    if entry["filename"] == "1.png":
        entry["regions"][0]["region_attributes"]["label"] = ""
    if entry["filename"] == "2.png":
        entry |= {"regions": [], "file_attributes": {"empty": "true"}}
    return entry


def browse(*words: str) -> str:
    result = CliRunner().invoke(app, ["browse", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def page_of(*words: str) -> Element:
    browse(*words)
    return parse(Path("browse.html").read_text())


@pytest.fixture
def run(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run whose network finds the mask in each of two photos, calls the hat a mask, and finds a hat in the corner."""
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: FakePredictor())
    return make_run(tmp_path / "data")


def rows(article: Element) -> list[list[str]]:
    return [[" ".join(cell.text.split()) for cell in row.inside] for row in article.all("tbody")[0].all("tr")]


def options(page: Element, name: str) -> list[str | None]:
    (choice,) = page.all("select", name=name)
    return [each.attributes["value"] for each in choice.all("option")]


def test_a_data_set_is_shown_with_its_outlines_and_faults(store: Path, site: Path) -> None:
    assert browse(str(site)) == "browse.html shows 9 photos (0.1 MB).\n"
    page = parse(Path("browse.html").read_text())
    articles = {str(each.attributes["data-name"]): each for each in page.all("article")}
    assert list(articles)[:4] == [f"train/{RENAMED}", "train/1.png", "train/2.png", "val/0.png"]
    spoiled, empty = articles["train/1.png"], articles["train/2.png"]
    (first, second) = rows(spoiled)
    assert first[:3] == ["0", "-", "ignored"]
    assert second[0] == "1"
    assert second[2:] == ["object", "medium, 84 px"]  # 28 of 64 pixels, at an input of 192
    assert [each.text for each in spoiled.all("li")] == [
        "Region 0: blank label, `label` is empty (counts neither as an object nor as background)"
    ]
    assert spoiled.attributes["data-faults"] == "1"
    assert [path.attributes["data-key"] for path in spoiled.all("path")] == ["region0", "region1"]
    assert rows(empty) == [["No object."]]
    assert "unlisted photo" in page.all("details")[0].text
    assert options(page, "kind") == ["", "object", "ignored"]
    assert options(page, "split") == ["", "train", "val", "test"]
    assert options(page, "show") == ["", "empty", "faults"]
    assert options(page, "sort") == ["name", "objects"]


def test_names_of_files_and_classes_are_text(store: Path, site: Path, run: str) -> None:
    page = page_of(str(site))
    check_self_contained(page)
    assert len(page.all("script")) == 1
    assert options(page, "class") == ["", SCRIPT, "hat"]
    assert f"test/{RENAMED}" in [each.attributes["data-name"] for each in page.all("article")]
    assert "alert(1)" in page.all("article")[0].all("table")[0].text
    of_run = page_of(run)
    check_self_contained(of_run)
    assert of_run.all("h1")[0].text == "run of <i>mine</i> & yours"
    assert len(of_run.all("img")) == 2  # the photos, and not the name of one of them
    assert "taken at home" not in base64.b64decode(str(of_run.all("img")[0].attributes["src"])[23:]).decode("latin-1")
    for each in (page, of_run):
        ids = Counter(element.attributes["id"] for element in everything(each) if "id" in element.attributes)
        assert max(ids.values()) == 1


def test_one_split_is_shown_and_opened(store: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_first(address: str) -> bool:
        opened.append(address)
        return len(opened) == 1

    monkeypatch.setattr("webbrowser.open", open_first)
    assert browse(str(site), "--split", "val", "-o", "val.html", "--open") == "val.html shows 3 photos (0.0 MB).\n"
    assert opened == [(store / "val.html").as_uri()]
    assert "No browser was found; open val.html yourself." in browse(str(site / "val"), "-o", "val.html", "--open")
    page = parse(Path("val.html").read_text())
    assert [each.attributes["data-name"] for each in page.all("article")] == ["val/0.png", "val/1.png", "val/2.png"]
    assert not page.all("select", name="split")


def test_sizes_of_objects_are_those_at_the_input_of_the_network(store: Path, site: Path) -> None:
    page = page_of(str(site / "val"), "--image-size", "640")
    assert {row[3] for article in page.all("article") for row in rows(article)} == {"large, 280 px"}


def test_a_run_is_shown_with_annotations_detections_and_outcomes(run: str) -> None:
    page = page_of(run)
    first, second = page.all("article")
    assert first.attributes["data-name"] == f"test/{MALICIOUS_NAME}"
    assert rows(second) == [
        ["0", "mask", "mask", "found", "0.99", "1.00", "medium, 64 px"],  # 20 of 80 pixels, at an input of 256
        ["1", "hat", "mask", "found wrongly", "0.60", "1.00", "medium, 78 px"],
        ["-", "-", "hat", "spurious", "0.95", "-", "medium, 45 px"],
    ]
    assert second.attributes["data-weight"] == "1.5500"
    annotated, detected = second.all("g")
    lines = [(path.attributes["class"], path.attributes["data-key"]) for path in annotated.all("path")]
    assert lines == [
        ("casing", "region0"),
        ("casing", "region1"),
        ("outline class1 is-found", "region0"),
        ("outline class2 is-found", "region1"),
    ]
    assert [path.attributes["class"] for path in detected.all("path")] == [
        "outline class1 is-found",
        "outline class2 is-spurious",
        "outline class1 is-found-wrongly",
    ]
    keys = [row.attributes["data-keys"] for row in second.all("tbody")[0].all("tr")]
    assert keys == ["region0 detection0", "region1 detection2", "detection1"]
    assert options(page, "kind") == ["", "found", "found wrongly", "spurious", "errors"]
    assert "At a confidence of 0.5: 2 found, 2 found wrongly, 0 missed, 2 spurious." in page.text
    stricter = page_of(run, "--min-confidence", "0.97").all("article")[1]
    assert [row[3] for row in rows(stricter)] == ["found", "missed"]
    missed = stricter.all("g")[0].all("path")[-1]
    assert (missed.attributes["class"], missed.attributes["data-key"]) == ("outline class2 is-missed", "region1")


def test_detections_are_those_of_the_scores_of_the_run(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str, runtime: str, threads: int) -> FakePredictor:
        loaded.append(runtime)
        return FakePredictor()

    monkeypatch.setattr("fmask.inference.load.load", load)
    browse(run)
    browse(run, "--runtime", "onnx")
    assert loaded == ["keras", "onnx"]


def test_a_run_without_its_photos_is_refused(run: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did not log its val photos\. `fmask browse FOLDER` shows photos without"):
        browse(run, "--split", "val")
    (tmp_path / "data").rename(tmp_path / "away")
    with pytest.raises(UserError, match="has no photos any more"):
        browse(run)


def cut(file: Path) -> None:
    """Replace a photo by the first part of a JPEG file of its size, whose header is whole."""
    content = io.BytesIO()
    Image.open(file).convert("RGB").save(content, "JPEG")
    file.write_bytes(content.getvalue()[:1000])


def test_photos_that_cannot_be_decoded_are_listed(store: Path, site: Path) -> None:
    cut(site / "val" / "1.png")
    page = page_of(str(site), "--split", "val")
    assert len(page.all("article")) == 2
    assert page.all("details")[0].all("tr")[1].inside[1].text == "unreadable photo"
    for name in ("0.png", "2.png"):
        cut(site / "val" / name)
    with pytest.raises(UserError, match="site has no annotated photos to show; `fmask check"):
        browse(str(site), "--split", "val")


def test_many_photos_are_smaller(store: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert side_for([photo()]) == MAX_SIDE
    assert side_for([photo()] * 100_000) == MIN_SIDE
    side = side_for([photo()] * 1000)  # 80 x 60 pixels
    assert 0.99 < 1000 * side * side * 0.75 / entries.MAX_PIXELS <= 1
    monkeypatch.setattr(entries, "MIN_SIDE", 16)
    monkeypatch.setattr(entries, "MAX_PIXELS", 9 * 32 * 32)
    image = page_of(str(site)).all("img")[0]
    content = base64.b64decode(str(image.attributes["src"]).removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(content)).size == (32, 32)


def shown(tab: Tab) -> list[str]:
    """Return the names of the photos in the grid, in order."""
    script = "[...document.querySelectorAll('article:not([hidden])')].map((each) => each.dataset.name)"
    return list(tab.evaluate(script))


def choose(tab: Tab, name: str, value: str) -> None:
    """Choose from a list, and wait until the address has the choice."""
    field = f"document.forms.filter.elements[{name!r}]"
    tab.evaluate(f"{field}.value = {value!r}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    tab.wait(f"new URLSearchParams(location.hash.slice(1)).get({name!r}) === {value!r}")


def is_within(tab: Tab, width: int) -> bool:
    """Return whether nothing is wider than the window, which a browser for phones would widen."""
    wide = f"document.documentElement.scrollWidth <= {width} && innerWidth === {width}"
    dialog = "[...document.querySelectorAll('dialog[open]')].every((each) => each.scrollWidth <= each.clientWidth)"
    return bool(tab.evaluate(f"{wide} && {dialog}"))


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_data_set_in_a_browser(store: Path, site: Path, tmp_path: Path, width: int) -> None:
    browse(str(site))
    large = "document.getElementById('photo')"
    with browser(tmp_path / "browser") as tab:
        tab.open(store / "browse.html", width, dark=width == 390)
        assert len(shown(tab)) == 9
        assert is_within(tab, width)
        choose(tab, "split", "train")
        choose(tab, "kind", "ignored")
        assert shown(tab) == ["train/1.png"]
        assert tab.evaluate("document.querySelector('output').textContent") == "1 of 9 photos, 1 matching"
        faded = "[...document.querySelectorAll('article:not([hidden]) path.faded')].map((each) => each.dataset.key)"
        assert tab.evaluate(faded) == ["region1"]
        tab.evaluate("document.querySelector('[type=reset]').click()")
        tab.wait("location.hash === ''")
        choose(tab, "show", "empty")
        assert shown(tab) == ["train/2.png"]
        tab.open(store / "browse.html", width, hash="#q=2.PNG&class=hat&photo=val%2F2.png&hide=annotations")
        assert sorted(shown(tab)) == ["test/2.png", "val/2.png"]
        assert tab.evaluate(f"{large}.open && document.body.className") == "no-annotations"
        assert is_within(tab, width)
        tab.press("a", "j")
        tab.wait("location.hash === '#q=2.PNG&class=hat&photo=test%2F2.png'")
        tab.press("Escape")
        tab.wait("document.activeElement.closest('article')?.dataset.name === 'test/2.png'")
        tab.press("k", "Enter")
        tab.wait("document.getElementById('photo-name').textContent === 'val/2.png'")
        assert tab.evaluate(f"{large}.querySelectorAll('tbody tr').length") == 2
        tab.press("/")
        tab.wait("document.activeElement === document.forms.filter.elements.q")
        assert not tab.evaluate(f"{large}.open")
        tab.press("?")  # into the field
        tab.wait("document.forms.filter.elements.q.value === '2.PNG?'")
        tab.wait("document.querySelector('.none').hidden === false")
        tab.press("Escape", "?")
        tab.wait("document.getElementById('keys').open")
        assert is_within(tab, width)
        assert not tab.complaints


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_run_in_a_browser(store: Path, run: str, tmp_path: Path, width: int) -> None:
    browse(run)
    with browser(tmp_path / "browser") as tab:
        tab.open(store / "browse.html", width)
        assert is_within(tab, width)
        assert "worst" in str(tab.evaluate("document.forms.filter.elements.sort.value"))
        choose(tab, "kind", "spurious")
        choose(tab, "class", "mask")
        assert shown(tab) == []
        choose(tab, "kind", "errors")
        assert len(shown(tab)) == 2
        choose(tab, "q", "plain")
        assert shown(tab) == ["test/plain.jpg"]
        tab.press("ArrowRight", "Enter")
        tab.wait("document.getElementById('photo').open")
        assert is_within(tab, width)
        spurious = "document.querySelector('#photo tr[data-kind=spurious]')"
        tab.evaluate(f"{spurious}.focus()")
        tab.wait(f"{spurious}.classList.contains('lit')")
        clear = "[...document.querySelectorAll('#photo path:not(.faded)')].map((each) => each.dataset.key)"
        assert tab.evaluate(clear) == ["detection1"]
        tab.press("d")
        hidden = "getComputedStyle(document.querySelector('#photo .detections')).display"
        assert tab.evaluate(hidden) == "none"
        assert "hide=detections" in tab.evaluate("location.hash")
        assert not tab.complaints
