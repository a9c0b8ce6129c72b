"""The page of a run: its contents, its independence of the network, and the escaping of names."""

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fmask import report, tracking
from fmask.structures.detections import Detections
from fmask.structures.operating_point import NEVER
from tests.helpers.made_up import MALICIOUS_NAME, FakePredictor, make_run
from tests.helpers.parsed import Element, check_self_contained, everything, parse
from tests.helpers.scenes import detections

Pages = Callable[..., Element]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Pages:
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)

    def show(run_id: str, predictor: object | None = None) -> Element:
        monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: predictor or FakePredictor())
        return parse(report.run_page(tracking.find_run(run_id), Console(quiet=True)))

    return show


def rows(document: Element, confidence: str) -> list[list[str]]:
    (body,) = document.all("tbody", data_at=confidence)
    return [[" ".join(cell.text.split()) for cell in row.inside] for row in body.all("tr")]


def test_each_object_and_each_spurious_detection_is_listed_with_its_outcome(
    store: Path, tmp_path: Path, show: Pages
) -> None:
    document = show(make_run(tmp_path / "data"))
    expected = [
        ["mask", "mask", "found", "0.99", "1.00"],
        ["hat", "mask", "found wrongly", "0.60", "1.00"],
        ["-", "hat", "spurious", "0.95", "-"],
    ]
    assert rows(document, "0.5") == [[name, *row] for name in (MALICIOUS_NAME, "plain.jpg") for row in expected]
    assert rows(document, "0.9")[1] == [MALICIOUS_NAME, "hat", "-", "missed", "-", "-"]
    assert "All objects have the logged outcome." in document.text
    (head,) = document.all("tbody", data_at="0.9")
    assert "hidden" in head.attributes  # the confidence of the run, 0.5, is shown first


def test_scores_have_intervals_and_each_part_has_a_row(store: Path, tmp_path: Path, show: Pages) -> None:
    document = show(make_run(tmp_path / "data"))
    (cards,) = document.all("div", _class="cards", data_at="0.5")
    text = " ".join(cards.text.split())
    assert "accuracy 0.50" in text
    assert "95 % interval 0.15 to 0.85; found / all objects" in text  # the Wilson interval of 2 in 4
    assert "2 of 4 found 2 found wrongly, 0 missed; 2 spurious" in text
    assert "precision (study) 0.50" in text
    assert "precision (all detections) 0.33 95 % interval 0.10 to 0.70; found / all detections" in text  # 2 of 6
    assert "test, after part two lr=0.1" in " ".join(document.text.split())
    assert "2 epochs of 50 steps with 8 photos" in document.text


def test_pictures_are_small_jpegs_without_metadata_and_with_all_outlines(
    store: Path, tmp_path: Path, show: Pages
) -> None:
    document = show(make_run(tmp_path / "data"))
    first, _ = document.all("article")
    annotated, found, found_at_nine = first.all("svg")
    assert annotated.attributes["aria-label"] == f"{MALICIOUS_NAME}, annotated: mask, hat"
    assert found.attributes["aria-label"] == (
        f"{MALICIOUS_NAME}, detected: mask 0.99 found, hat 0.95 spurious, mask 0.60 found wrongly"
    )
    assert [path.attributes["class"] for path in found_at_nine.all("path")] == [
        "outline class1 is-found",
        "outline class2 is-spurious",
        "outline class2 is-missed",
    ]
    mask = found.all("path")[0]
    corners = [tuple(map(float, each.split())) for each in re.findall(r"[\d.]+ [\d.]+", str(mask.attributes["d"]))]
    across, down = zip(*corners, strict=True)
    assert (min(across), max(across), min(down), max(down)) == (10, 30, 20, 40)  # the edges of the pixels of MASK
    (image,) = annotated.all("image")
    content = base64.b64decode(str(image.attributes["href"]).removeprefix("data:image/jpeg;base64,"))
    assert b"taken at home" not in content
    assert Image.open(io.BytesIO(content)).size == (80, 60)


def test_tags_are_placed_from_the_nearer_edge_so_that_narrow_photos_contain_them(
    store: Path, tmp_path: Path, show: Pages
) -> None:
    first, _ = show(make_run(tmp_path / "data")).all("article")
    tags = [each for each in first.all("span") if str(each.attributes.get("class", "")).startswith("tag")]
    places = {each.text: str(each.attributes["style"]) for each in tags}
    assert places["hat 0.95 spurious"].startswith("right:0.0%")  # the box ends at 75 of 80 pixels
    assert places["mask 0.99 found"].startswith("left:")


def test_the_training_samples_are_in_the_page_if_the_run_logged_them(store: Path, tmp_path: Path, show: Pages) -> None:
    run_id = make_run(tmp_path / "data")
    assert not show(run_id).all("section", id="samples")
    sheet = tmp_path / "training_samples.png"
    Image.new("RGB", (900, 300), (200, 30, 30)).save(sheet)
    mlflow.MlflowClient().log_artifact(run_id, str(sheet), "figures")
    (section,) = show(run_id).all("section", id="samples")
    (image,) = section.all("img")
    content = base64.b64decode(str(image.attributes["src"]).removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(content)).size == (900, 300)


def test_classes_are_shown_as_counts_and_as_shares(store: Path, tmp_path: Path, show: Pages) -> None:
    document = show(make_run(tmp_path / "data"))
    (matrices,) = document.all("div", _class="matrices", data_at="0.9")
    _, counts, shares = matrices.all("table")
    cells = [[cell.text.split() for cell in table.all("tbody")[0].all("td")] for table in (counts, shares)]
    assert cells[0][3:] == [["0", "missed"], ["2"], ["0"], ["2", "missed"], ["0"], ["0"]]
    assert cells[1] == [["0", "%"], ["100", "%"], ["0", "%"], ["100", "%"], ["0", "%"], ["0", "%"]]
    assert "the diagonal can exceed the number of found objects" in " ".join(document.text.split())


def test_losses_have_training_and_validation_in_one_chart(store: Path, tmp_path: Path, show: Pages) -> None:
    charts = show(make_run(tmp_path / "data")).all("svg", _class="chart")
    texts = [{text.text for text in chart.all("text")} for chart in charts]
    assert len(texts) == 5
    (losses,) = (each for each in texts if "loss, the weighted total" in each)
    assert {"training", "validation"} <= losses
    (confidence,) = (each for each in texts if "min_confidence 0.5" in each)
    assert {"F1", "recall"} <= confidence


def test_ap50_lost_by_cause_has_a_chart_and_the_command_that_prints_it(
    store: Path, tmp_path: Path, show: Pages
) -> None:
    """The hats are detected as masks, after detections on the background that halve the precision."""
    run_id = make_run(tmp_path / "data")
    (section,) = show(run_id).all("section", id="causes")
    (chart,) = section.all("svg")
    assert str(chart.attributes["aria-label"]).endswith(
        "classification 0.250, localisation 0.000, both 0.000, duplicate 0.000, background 0.000, missed 0.000."
    )
    assert {"mask", "hat", "mean of the classes", "0.500", "0.250"} <= {text.text for text in chart.all("text")}
    assert section.all("code")[0].text == f"fmask diagnose {run_id} --split test --runtime keras"


def test_a_page_loads_nothing_and_runs_only_its_own_script(store: Path, tmp_path: Path, show: Pages) -> None:
    document = show(make_run(tmp_path / "data"))
    check_self_contained(document)
    assert not {element.tag for element in everything(document)} & {"img", "i"}  # names are not parsed as elements
    assert document.all("h1")[0].text == "run of <i>mine</i> & yours"
    assert "<b>none</b>" in document.text


def test_ids_are_unique_and_links_have_targets(store: Path, tmp_path: Path, show: Pages) -> None:
    elements = everything(show(make_run(tmp_path / "data")))
    ids = Counter(element.attributes["id"] for element in elements if "id" in element.attributes)
    assert max(ids.values()) == 1
    links = {str(element.attributes.get(name, "")) for element in elements for name in ("href", "xlink:href")}
    links |= {
        f"#{element.attributes['aria-labelledby']}" for element in elements if "aria-labelledby" in element.attributes
    }
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    for element in elements:
        if element.attributes.get("role") in ("img", "region"):
            assert element.attributes.get("aria-label") or element.attributes.get("aria-labelledby")


def test_other_outcomes_than_logged_are_reported(store: Path, tmp_path: Path, show: Pages) -> None:
    class Blind(FakePredictor):
        def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
            return [detections() for _ in images]

    document = show(make_run(tmp_path / "data"), Blind())
    assert "4 objects have other outcomes than logged" in document.text
    assert "2 of 4 found" in " ".join(document.text.split())  # the page shows the logged scores


def test_missing_or_changed_photos_are_left_out_with_a_sentence(store: Path, tmp_path: Path, show: Pages) -> None:
    run_id = make_run(tmp_path / "data")
    Image.new("RGB", (80, 60)).save(tmp_path / "data" / "test" / "plain.jpg")
    document = show(run_id)
    assert f"in {tmp_path / 'data' / 'test'} differ from those that the run was scored on" in document.text
    assert not document.all("article")
    assert not document.all("section", id="causes")
    assert rows(document, "0.5")[0] == [MALICIOUS_NAME, "mask", "mask", "found", "-", "1.00"]
    (tmp_path / "data").rename(tmp_path / "away")
    assert f"The folder {tmp_path / 'data' / 'test'} has no photos any more." in show(run_id).text


def test_photos_are_found_in_the_installed_folder(
    store: Path, tmp_path: Path, show: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "away")
    monkeypatch.setenv("FMASK_PHOTOS", str(tmp_path / "away"))
    assert len(show(run_id).all("article")) == 2


def test_a_run_that_failed_early_has_a_page(store: Path, show: Pages) -> None:
    with pytest.raises(RuntimeError), tracking.start_run({"seed": 3}, "made up", name="early") as run:
        raise RuntimeError("no <memory>")
    document = show(run.id)
    assert "RuntimeError: no <memory>" in document.text
    assert "has logged no scores; its status is failed" in document.text
    assert "has not logged any values to plot" in document.text


def test_the_operating_point_and_its_reliability_are_shown(store: Path, tmp_path: Path, show: Pages) -> None:
    run_id = make_run(tmp_path / "data")
    assert "Operating point" not in show(run_id).text
    calibration = {"slope": 1.25, "intercept": -2.0}
    point = {"aim": "precision=0.9", "thresholds": {"mask": 0.75, "hat": 0.6}, "photos": 44, "objects": 64}
    own = {"mask": {"objects": 2, "found": 2, "spurious": 0}, "hat": {"objects": 2, "found": 0, "spurious": 1}}
    error = {"value": 0.15, "low": 0.1, "high": 0.2, "by_chance": 0.05}
    given = {"found": 2, "found_wrongly": 0, "missed": 2, "spurious": 1, "classes": own}
    given["d_ece"] = {"raw": error, "calibrated": error | {"value": None}}
    logged = {"operating_point": point | {"calibration": calibration}, "splits": {"test": given}}
    tracking.add_text(tracking.find_run(run_id), json.dumps(logged), "operating_point.json")
    document = show(run_id)
    (section,) = document.all("section", id="operating")
    text = " ".join(section.text.split())
    assert "chosen for precision=0.9 on 64 objects in 44 validation photos" in text
    listed = [[cell.text for cell in row.inside] for row in section.all("tr")]
    assert listed[1:] == [["mask", "0.75", "2 of 2", "0"], ["hat", "0.60", "0 of 2", "1"], ["all", "", "2 of 4", "1"]]
    assert "test 0.15 and -" in text
    assert text.endswith("(log-odds of the score) - 2.")
    labels = [chart.attributes["aria-label"] for chart in document.all("svg", _class="chart")]
    assert any("raw and calibrated" in str(label) for label in labels)


def test_the_right_detections_at_an_operating_point_are_shown(store: Path, tmp_path: Path, show: Pages) -> None:
    run_id = make_run(tmp_path / "data")
    point = {"aim": "precision=0.9", "thresholds": {"mask": 0.75, "hat": NEVER}, "photos": 44, "objects": 64}
    own = {
        "mask": {"objects": 2, "found": 2, "spurious": 0, "detections": 3},
        "hat": {"objects": 2, "found": 0, "spurious": 1, "detections": 1},
    }
    given = {"found": 2, "found_wrongly": 0, "missed": 2, "spurious": 1, "classes": own}
    error = {"value": 0.15, "low": 0.1, "high": 0.2, "by_chance": 0.05}
    logged = {
        "operating_point": point | {"calibration": {"slope": 1.25, "intercept": -2.0}},
        "splits": {"test": given | {"d_ece": {"raw": error, "calibrated": error}}},
    }
    tracking.add_text(tracking.find_run(run_id), json.dumps(logged), "operating_point.json")
    (section,) = show(run_id).all("section", id="operating")
    assert [[cell.text for cell in row.inside] for row in section.all("tr")] == [
        ["class", "lowest score", "test found", "test right", "test spurious"],
        ["mask", "0.75", "2 of 2", "2 of 3", "0"],
        ["hat", "none", "0 of 2", "0 of 1", "1"],
        ["all", "", "2 of 4", "2 of 4", "1"],
    ]
