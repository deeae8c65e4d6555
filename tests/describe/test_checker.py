"""A data set before any model: what is counted, what is found wrong, what could be compared."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fairaudit.core.errors import ConfigError
from fairaudit.core.samples import BOX_COLUMNS, SAMPLE_WEIGHT, Feature, Samples
from fairaudit.describe.checker import check_samples
from fairaudit.stats.power import group_power

GENDER = Feature("gender", ("woman", "man"), "annotated", "two annotators")
TONE = Feature("tone", ("1", "2", "3"), "annotated", "a scale", ordered=True)


def table(n: int, **columns: Any) -> pd.DataFrame:
    ids = [f"{i}.png" for i in range(n)]
    given = {"sample_id": ids, "path": ids, "cluster_id": ids, "split": "", "label": "", "text": "", **columns}
    return pd.DataFrame(given)


def write(root: Path, n: int) -> None:
    """Write images that all differ, in bytes and in the number of them or not."""
    for i in range(n):
        Image.new("RGB", (6, 6), (i % 256, i // 256, 7)).save(root / f"{i}.png")


def made(root: Path, rows: pd.DataFrame, *features: Feature, **more: Any) -> Samples:
    given = {"subject": "people", "cluster": "image", "licence": "none", **more}
    return Samples(name="data", reader="own", root=root, table=rows, features=features, **given)


def test_everything_is_counted(tmp_path: Path) -> None:
    write(tmp_path, 60)
    rows = table(60, gender=["woman"] * 25 + ["man"] * 30 + ["not recorded"] * 5, label=["cat", "dog"] * 30)
    rows["cluster_id"] = [f"p{i // 2}" for i in range(60)]
    found = check_samples(made(tmp_path, rows, GENDER, cluster="person"))
    assert (found.n_rows, found.n_images, found.n_clusters, found.n_measured) == (60, 60, 30, 60)
    assert found.labels == {"cat": 30, "dog": 30}
    (gender,) = found.features
    assert [(g.group, g.n, g.n_clusters) for g in gender.groups] == [
        ("woman", 25, 13), ("man", 30, 16), ("not recorded", 5, 3),
    ]  # fmt: skip
    assert gender.groups[0].by_label == {"cat": 13, "dog": 12}
    assert (found.left_out, found.unreadable, found.copies, found.overlaps) == ((), (), None, ())
    (comparison,) = gender.comparisons
    assert (comparison.status, comparison.note) == ("too_few", "13 independent units; at least 20 are needed")
    assert math.isnan(comparison.most)
    assert found.can_compare is False
    assert found.n_planned == 0


def test_an_order_is_compared_by_its_slope_and_other_groups_with_the_rest(tmp_path: Path) -> None:
    write(tmp_path, 90)
    race = Feature("race", ("a", "b", "c"), "perceived", "")
    rows = table(90, tone=["1", "2", "3"] * 30, race=["a", "b", "c"] * 30, gender=["woman", "man"] * 45)
    found = check_samples(made(tmp_path, rows, TONE, race, GENDER), indicators=["one", "two"])
    tone, of_race, gender = found.features
    assert [(c.kind, c.measure, c.group) for c in tone.comparisons] == [
        ("slope", "per_step", ""), *(("one_vs_rest", "difference", group) for group in "123"),
    ]  # fmt: skip
    assert [(c.group, c.reference) for c in of_race.comparisons] == [(g, "all others") for g in "abc"]
    assert [(c.group, c.reference) for c in gender.comparisons] == [("woman", "man")]
    assert found.n_planned == 2 * (4 + 3 + 1), "each indicator makes the same comparisons"
    assert found.alpha == pytest.approx(0.05 / 16)
    assert found.can_compare is True


def test_leads_do_not_take_from_the_error_level(tmp_path: Path) -> None:
    write(tmp_path, 80)
    light = Feature("light", ("dark", "bright"), "annotated", "", exploratory=True)
    rows = table(80, gender=["woman", "man"] * 40, light=["dark"] * 40 + ["bright"] * 40)
    found = check_samples(made(tmp_path, rows, GENDER, light))
    assert found.n_planned == 1
    assert [one.exploratory for one in found.features] == [False, True]
    assert found.features[1].comparisons[0].status == "ok"


def test_income_is_compared_per_doubling_over_homes(tmp_path: Path) -> None:
    write(tmp_path, 60)
    rows = table(60, income_usd_per_month=[np.nan, *np.geomspace(30, 9000, 59)])
    rows["cluster_id"] = [f"h{i // 2}" for i in range(60)]
    found = check_samples(made(tmp_path, rows, subject="objects", cluster="household"))
    (income,) = found.features
    assert [(g.group, g.n, g.n_clusters) for g in income.groups] == [("recorded", 59, 30), ("not recorded", 1, 1)]
    (comparison,) = income.comparisons
    assert (comparison.kind, comparison.measure, comparison.status) == ("slope", "per_doubling", "ok")
    assert comparison.least < comparison.most
    assert found.n_planned == 1


def test_memes_are_measured_on_their_test_split_and_need_both_labels(tmp_path: Path) -> None:
    write(tmp_path, 200)
    target = Feature("target", ("race", "sex"), "annotated", "")
    rows = table(200, split=["train"] * 60 + ["test"] * 140, label=["1", "0"] * 100, text="")
    rows["target"] = ["race", "race", "sex", "sex"] * 50
    found = check_samples(made(tmp_path, rows, target, subject="memes"))
    assert found.n_measured == 140
    assert found.splits == {"test": 140, "train": 60}
    (comparison,) = found.features[0].comparisons
    assert (comparison.measure, comparison.status) == ("difference of AUROC", "ok")
    assert 0 < comparison.least == comparison.most < 0.7
    rows.loc[rows["target"] == "sex", "label"] = "1"
    (comparison,) = check_samples(made(tmp_path, rows, target, subject="memes")).features[0].comparisons
    assert (comparison.status, comparison.note) == (
        "not_estimable", "no harmless meme of 'sex', and an AUROC needs both",
    )  # fmt: skip


def test_a_feature_with_one_group_is_compared_with_nothing(tmp_path: Path) -> None:
    write(tmp_path, 30)
    found = check_samples(made(tmp_path, table(30, gender="woman"), GENDER))
    (comparison,) = found.features[0].comparisons
    assert (comparison.status, comparison.note) == ("not_estimable", "only 'woman' occurs")


def test_annotators_who_disagree_are_counted(tmp_path: Path) -> None:
    write(tmp_path, 4)
    shares = pd.DataFrame({"woman": [1.0, 2 / 3, 0.0, np.nan], "man": [0.0, 1 / 3, 1.0, np.nan]})
    rows = table(4, gender=["woman", "woman", "man", "not recorded"])
    found = check_samples(made(tmp_path, rows, GENDER, uncertain={"gender": shares}))
    assert found.features[0].uncertain == pytest.approx(1 / 3)


def test_an_auroc_needs_some_of_both_labels_and_has_no_slope(tmp_path: Path) -> None:
    write(tmp_path, 80)
    target = Feature("target", ("race", "sex"), "annotated", "")
    age = Feature("age", ("young", "middle", "old"), "annotated", "", ordered=True)
    rows = table(80, split="test", label="0", target=["race", "sex"] * 40, age=["young", "middle"] * 40)
    rows.loc[[0, 2, 4, *range(1, 40, 2)], "label"] = "1"
    found = check_samples(made(tmp_path, rows, target, age, subject="memes"))
    (of_target,), (of_age, *groups) = (one.comparisons for one in found.features)
    assert (of_target.status, of_target.note) == ("too_few", "3 hateful memes of 'race'; at least 5 are needed")
    assert (of_age.kind, of_age.status, of_age.note) == ("slope", "not_estimable", "no slope is defined for the AUROC")
    assert [one.group for one in groups] == ["young", "middle", "old"]
    assert [one.status for one in groups] == ["too_few", "too_few", "not_estimable"]
    assert (found.n_planned, found.can_compare) == (0, False)


def test_clustered_memes_have_two_ends(tmp_path: Path) -> None:
    write(tmp_path, 200)
    target = Feature("target", ("race", "sex"), "annotated", "")
    rows = table(200, split="test", label=["1", "0"] * 100, target=["race"] * 100 + ["sex"] * 100)
    rows["cluster_id"] = [f"account {i // 4}" for i in range(200)]
    (one,) = check_samples(made(tmp_path, rows, target, subject="memes", cluster="account")).features[0].comparisons
    assert one.least < one.most


def test_the_country_of_a_home_is_a_lead_beside_its_region(tmp_path: Path) -> None:
    write(tmp_path, 80)
    region, country = (Feature(name, ("a", "b"), "annotated", "") for name in ("region", "country"))
    rows = table(80, region=["a", "b"] * 40, country=["a"] * 40 + ["b"] * 40)
    found = check_samples(made(tmp_path, rows, region, country, subject="objects"))
    assert [(one.name, one.exploratory) for one in found.features] == [("region", False), ("country", True)]
    assert found.n_planned == 1
    found = check_samples(made(tmp_path, rows.drop(columns="region"), country, subject="objects"))
    assert (found.features[0].exploratory, found.n_planned) == (False, 1)


def test_the_check_the_command_and_weights_agree(tmp_path: Path) -> None:
    write(tmp_path, 200)
    rows = table(200, gender=["woman"] * 60 + ["man"] * 140)
    (one,) = check_samples(made(tmp_path, rows, GENDER), expected=0.2).features[0].comparisons
    (end,) = group_power(60, 140, 0.2)
    assert [one.least, one.most] == pytest.approx([end.difference, end.difference])
    rows[SAMPLE_WEIGHT] = [1.0, 3.0] * 100
    (weighted,) = check_samples(made(tmp_path, rows, GENDER), expected=0.2).features[0].comparisons
    assert weighted.least > one.least, "60 rows with weights 1 and 3 are like 48"


@pytest.mark.parametrize("decode", [True, False])
def test_files_that_cannot_be_read_and_copies(tmp_path: Path, decode: bool) -> None:
    write(tmp_path, 5)
    (tmp_path / "0.png").write_bytes(b"no image")
    whole = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(whole).save(tmp_path / "1.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:-400])
    (tmp_path / "4.png").write_bytes((tmp_path / "3.png").read_bytes())
    found = check_samples(made(tmp_path, table(5)), decode=decode)
    assert found.decoded is decode
    said = {one.reason: one.examples for one in found.unreadable}
    assert any(reason.startswith("bytes that are no image") and files == ("0.png",) for reason, files in said.items())
    # A PNG tells its size behind its pixels, so even its header shows that it is cut off.
    assert (sum(r.n for r in found.unreadable), found.n_rows_unreadable) == (2, 2)
    assert found.copies is not None
    assert (found.copies.n, found.copies.examples) == (1, ("4.png",))


def test_a_truncated_jpeg_is_found_only_when_it_is_decoded(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "0.jpg")
    (tmp_path / "0.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:-1500])
    rows = table(1, path="0.jpg")
    found = check_samples(made(tmp_path, pd.concat([rows, table(2, path="0.jpg")[1:]])))
    assert (sum(r.n for r in found.unreadable), found.n_rows_unreadable) == (1, 2), "both rows of the image are lost"
    assert "... bytes" in found.unreadable[0].reason, "numbers differ from file to file"
    assert check_samples(made(tmp_path, rows), decode=False).unreadable == ()


def test_a_box_beyond_its_image_is_told(tmp_path: Path) -> None:
    write(tmp_path, 2)
    rows = table(2, **dict(zip(BOX_COLUMNS, (0, 0, [6, 7], 6), strict=True)))
    (reason,) = check_samples(made(tmp_path, rows)).unreadable
    assert (reason.reason, reason.examples) == ("its box reaches beyond the image", ("1.png",))


def test_images_that_no_row_names_are_counted(tmp_path: Path) -> None:
    write(tmp_path, 4)
    (tmp_path / "more").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "more" / "a.png")
    (tmp_path / "notes.txt").touch()
    skipped = pd.DataFrame({"file": ["3.png"], "reason": ["gone"]})
    rows = table(2)
    rows["path"] = ["./0.png", "1.png"]
    found = check_samples(made(tmp_path, rows, skipped=skipped)).unlisted
    assert found is not None
    assert (found.n, found.examples) == (2, ("2.png", "more/a.png"))
    assert check_samples(made(tmp_path / "more", table(1, path="a.png"))).unlisted is None


def test_reasons_that_differ_in_a_quoted_text_are_one(tmp_path: Path) -> None:
    write(tmp_path, 1)
    skipped = pd.DataFrame({"file": list("abcde"), "reason": [*(f"age '{i}' is none" for i in range(4)), "gone"]})
    found = check_samples(made(tmp_path, table(1), skipped=skipped))
    assert [(one.reason, one.n, one.examples) for one in found.left_out] == [
        ("age '...' is none", 4, ("a", "b", "c")), ("gone", 1, ("e",)),
    ]  # fmt: skip
    assert sum(reason.n for reason in found.left_out) == 5


def test_splits_that_share_ids_files_bytes_persons_and_texts(tmp_path: Path) -> None:
    write(tmp_path, 6)
    (tmp_path / "5.png").write_bytes((tmp_path / "0.png").read_bytes())
    rows = pd.DataFrame(
        {
            "sample_id": ["a", "b", "c", "d", "e", "f"],
            "path": ["0.png", "1.png", "2.png", "3.png", "1.png", "5.png"],
            "cluster_id": ["p", "q", "r", "s", "t", "p"],
            "split": ["train", "train", "dev", "dev", "test", "test"],
            "label": "1",
            "text": ["One  cat", "two", "three", "one CAT", "four", ""],
        }
    )
    skipped = pd.DataFrame({"file": ["9.png"], "reason": ["its id stands in another split, too"]})
    found = check_samples(made(tmp_path, rows, subject="memes", cluster="account", skipped=skipped)).overlaps
    assert [(o.first, o.second, o.by, o.n, o.examples) for o in found] == [
        ("", "", "id", 1, ("9.png",)),
        ("train", "dev", "text", 1, ("d",)),
        ("train", "test", "file", 1, ("e",)),
        ("train", "test", "bytes", 1, ("f",)),
        ("train", "test", "account", 1, ("f",)),
    ]


def test_the_document_is_json_and_says_where_there_is_no_number(tmp_path: Path) -> None:
    write(tmp_path, 3)
    found = check_samples(made(tmp_path, table(3, gender=["woman", "man", "man"]), GENDER)).document()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["features"][0]["comparisons"][0]["least"] is None
    assert (found["schema_version"], found["can_compare"]) == ("2.0", False)


@pytest.mark.parametrize("expected", [0.0, 1.0, -1.0, math.nan])
def test_a_share_outside_its_range_is_refused(tmp_path: Path, expected: float) -> None:
    write(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"--expected must be between 0 and 1; got .*\. Leave it out for"):
        check_samples(made(tmp_path, table(1)), expected=expected)


def test_progress_is_told(tmp_path: Path) -> None:
    write(tmp_path, 3)
    told: list[tuple[int, int]] = []
    check_samples(made(tmp_path, table(3)), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_state_of_weights_is_counted(tmp_path: Path) -> None:
    write(tmp_path, 40)
    rows = table(40, gender=["woman", "man"] * 20, sample_weight=[0.0, 0.5, 1.0, 2.5] * 10)
    found = check_samples(made(tmp_path, rows, GENDER))
    assert found.weights is not None
    assert (found.weights.least, found.weights.most, found.weights.n_zero) == (0.5, 2.5, 10)
    assert found.weights.n_effective == pytest.approx(40**2 / (10 * (0.25 + 1 + 6.25)))
    assert found.document()["weights"]["n_zero"] == 10
    assert check_samples(made(tmp_path, rows.drop(columns="sample_weight"), GENDER)).weights is None
