"""Photos of a group of the user stay together in folds and shares."""

from pathlib import Path

import pytest

from fmask.data.config import Data
from fmask.data.groups import read_groups
from fmask.data.open import open_dataset
from fmask.utils.errors import UserError
from tests.data.test_folds import make, names


def test_the_photos_of_a_group_are_in_one_half_of_one_fold(tmp_path: Path) -> None:
    make(tmp_path, photos=48)
    people = {f"{split}/{number}.png": f"person {number % 5}" for split in ("train", "val") for number in range(1, 11)}
    lines = [f"{name},{group}" for name, group in people.items()]
    (tmp_path / "people.csv").write_text("\n".join(["photo,group", *lines]))
    for file in ("people.csv", str(tmp_path / "people.csv")):
        data = Data(name="mine", root=str(tmp_path), folds=3, groups=file)
        dealt = open_dataset(data, 1).deal
        assert dealt is not None
        halves = {photo.name: number for number, half in enumerate(dealt.halves) for photo in half}
        of_group: dict[str, set[int]] = {}
        for name, group in people.items():
            of_group.setdefault(group, set()).add(halves[name])
        assert [len(each) for each in of_group.values()] == [1] * 5
    assert dealt is not None
    without = open_dataset(Data(name="mine", root=str(tmp_path), folds=3), 1).deal
    assert without is not None
    assert without.digest() != dealt.digest()


def test_a_share_has_all_photos_of_a_group_or_none(tmp_path: Path) -> None:
    make(tmp_path, photos=72)
    (tmp_path / "sites.csv").write_text("group,photo\n" + "".join(f"a,train/{n}.png\n" for n in range(1, 9)))
    sizes = set()
    for seed in range(12):
        data = Data(name="mine", root=str(tmp_path), share=0.5, share_seed=seed, groups="sites.csv")
        kept = names(open_dataset(data), "train")
        sizes.add(len(kept & {f"{n}.png" for n in range(1, 9)}))
    assert sizes == {0, 8}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,site\na.png,1\n", "must have the columns photo and group; group is missing, it has photo, site."),
        ("", "must have the columns photo and group; photo and group is missing, it has none."),
        ("photo,group\na.png,\n", "line 2: `group` is empty."),
        ("photo,group\nb.png,1\n", "line 2: b.png is not a file below "),
        ("photo,group\na.png,1\na.png,2\n", "line 3: a.png is in two groups, 1 and 2."),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(UserError) as refusal:
        read_groups("groups.csv", tmp_path)
    assert message in str(refusal.value)
    with pytest.raises(UserError, match=r"^data.groups=gone.csv cannot be read: No such file or directory\.$"):
        read_groups("gone.csv", tmp_path)


def test_a_path_that_is_not_below_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    for other in (str(tmp_path / "a.png"), f"../{tmp_path.name}/a.png"):  # the photo is known as `root / "a.png"`
        (tmp_path / "groups.csv").write_text(f"photo,group\n{other},1\n")
        with pytest.raises(UserError, match=r"line 2: .* is not a file below"):
            read_groups("groups.csv", tmp_path)
