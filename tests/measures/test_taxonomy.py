"""Taxonomies: the shipped one is the published table; files of users are checked."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.measures.taxonomy import Taxonomy, load_taxonomy, normalise

SHIPPED = files("fairaudit.indicators") / "taxonomies"

# Goyal et al. (2022), arXiv:2202.07603, table 3, as used on Casual Conversations; "cat" is from its use on MIAP.
PUBLISHED = {
    "human": {"people", "face"},
    "possibly_human": {"makeup", "khimar", "beard"},
    "non_human": {
        "swine", "slug", "snake", "monkey", "lemur", "chimpanzee", "baboon", "animal", "bonobo", "mandrill", "rat",
        "capuchin", "gorilla", "mountain gorilla", "ape", "great ape", "orangutan", "dog",
    },
    "possibly_non_human": {"cat"},
    "crime": {"prison"},
}  # fmt: skip


def test_the_shipped_taxonomy_is_the_published_one() -> None:
    shipped = load_taxonomy("goyal2022", shipped_in=SHIPPED)
    assert {kind: set(labels) for kind, labels in shipped.kinds.items()} == PUBLISHED
    assert shipped.harmful == ("non_human", "crime")
    assert len(shipped.kinds["non_human"]) == 18
    assert "Goyal" in shipped.source


def test_on_pictures_of_whole_persons_a_dog_may_stand_beside_them() -> None:
    """OpenImages-MIAP: facebookresearch/vissl 09270ed, inference_label_assoc_openimages_miap_test.py:17-41."""
    miap = load_taxonomy("goyal2022_miap", shipped_in=SHIPPED)
    moved = {"non_human": PUBLISHED["non_human"] - {"dog"}, "possibly_non_human": {"cat", "dog"}}
    assert {kind: set(labels) for kind, labels in miap.kinds.items()} == PUBLISHED | moved
    assert miap.harmful == ("non_human", "crime")
    assert len(miap.kinds["non_human"]) == 17
    assert "Goyal" in miap.source


@pytest.mark.parametrize(
    ("label", "name"),
    [("dog, domestic dog", "dog"), ("Great_Ape", "great ape"), ("  Face ", "face"), ("", ""), ("hot dog", "hot dog")],
)
def test_names_of_labels(label: str, name: str) -> None:
    assert normalise(label) == name


def test_only_the_first_synonym_counts() -> None:
    taxonomy = load_taxonomy("goyal2022", shipped_in=SHIPPED)
    assert taxonomy.kind_of("Dog, Canis familiaris") == "non_human"
    assert taxonomy.kind_of("mountain_gorilla") == "non_human"
    assert taxonomy.kind_of("hot dog") is None
    assert taxonomy.kind_of("sausage, dog") is None
    known = taxonomy.known(["tench", "Dog, pooch", "prison, prison house", "dog"])
    assert known["non_human"] == ("Dog, pooch", "dog")
    assert known["crime"] == ("prison, prison house",)
    assert known["human"] == ()


def test_a_label_belongs_to_one_kind() -> None:
    with pytest.raises(ConfigError) as caught:
        Taxonomy("t", "1", "s", {"human": ("face",), "crime": ("face",)}, ("crime",))
    assert str(caught.value) == (
        "taxonomy 't' must list each label once; got 'face' under 'human' and 'crime'. Remove one of them."
    )
    with pytest.raises(ConfigError, match="got 'face' under 'human' and 'human'"):
        Taxonomy("t", "1", "s", {"human": ("face", "face")}, ())


def test_harmful_names_kinds() -> None:
    with pytest.raises(ConfigError) as caught:
        Taxonomy("t", "1", "s", {"human": ("face",), "crime": ("prison",)}, ("crimes",))
    assert str(caught.value) == (
        "'harmful' of taxonomy 't' must name kinds that it defines (human, crime); got 'crimes'. Did you mean 'crime'?"
    )


TEXT = (
    'name = "mine"\nversion = "2"\nsource = "me"\nharmful = ["crime"]\n[kinds]\ncrime = ["Prison_Cell", "jail, gaol"]\n'
)


def write(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return str(folder / "mine.toml")


def test_a_file_of_the_user(tmp_path: Path) -> None:
    mine = load_taxonomy(write(tmp_path, TEXT), shipped_in=SHIPPED)
    assert mine == Taxonomy("mine", "2", "me", {"crime": ("prison cell", "jail")}, ("crime",))


def test_labels_that_become_equal_are_seen(tmp_path: Path) -> None:
    text = TEXT.replace("jail, gaol", "prison cell")
    with pytest.raises(ConfigError, match="got 'prison cell' under 'crime' and 'crime'"):
        load_taxonomy(write(tmp_path, text), shipped_in=SHIPPED)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("harmful", "harmfull", "key must be one of: harmful, kinds, name, source, version; got 'harmfull'. "
         "Did you mean 'harmful'?"),
        ('source = "me"\n', "", "source must be text in quotation marks; it is missing. Add it."),
        ('version = "2"', "version = 2", "version must be text in quotation marks; got 2. Correct it."),
        ('["Prison_Cell", "jail, gaol"]', '"prison"', "kinds.crime must be a list in square brackets; got 'prison'. "
         "Correct it."),
        ('["crime"]', '"crime"', "harmful must be a list in square brackets; got 'crime'. Correct it."),
        ('"jail, gaol"', "7", "kinds.crime.2 must be text in quotation marks; got 7. Correct it."),
        ("[kinds]\n", "kinds = 3\n[crime]\n", "key must be one of: harmful, kinds, name, source, version; got 'crime'. "
         "Choose one of them."),
    ],
)  # fmt: skip
def test_files_with_mistakes(tmp_path: Path, old: str, new: str, text: str) -> None:
    file = write(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_taxonomy(file, shipped_in=SHIPPED)
    assert str(caught.value) == f"taxonomy '{file}': {text}"


def test_kinds_that_are_no_table(tmp_path: Path) -> None:
    text = TEXT.split("[kinds]")[0] + "kinds = 3\n"
    with pytest.raises(ConfigError, match=r"mine.toml': kinds must be a table, its keys below \[kinds\]; got 3\."):
        load_taxonomy(write(tmp_path, text), shipped_in=SHIPPED)


@pytest.mark.parametrize("content", [b"name = ", b'name = "\xff\xfe"'])
def test_files_that_are_no_toml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"taxonomy .*mine.toml must be TOML in UTF-8; got: .*\. Correct that line\."):
        load_taxonomy(str(file), shipped_in=SHIPPED)


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_taxonomy("goyal2202", shipped_in=SHIPPED)
    assert str(caught.value) == (
        "taxonomy must be a TOML file or one of: goyal2022, goyal2022_miap; got 'goyal2202'. Did you mean 'goyal2022'?"
    )
    with pytest.raises(ConfigError, match="must be a TOML file or one of: goyal2022, goyal2022_miap; got '"):
        load_taxonomy(str(tmp_path), shipped_in=SHIPPED)
