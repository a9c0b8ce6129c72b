"""Class names of data sets and networks.

A class id is 1 + the position of the name in the list of the data set or network; 0 is the background. Names are equal
if they differ only in case and in surrounding blanks.
"""

from collections.abc import Iterable, Mapping, Sequence

from fmask.utils.errors import UserError, printable

BACKGROUND = "background"
"""The name of class 0 in matrices of classes."""
MAX_CLASSES = 999
"""Largest number of classes of a network, without the background."""
UNNAMED = ("mask", "hat")
"""The classes of networks and runs of version 0.2.0 and earlier, which did not record their names."""


def names_of(count: int) -> tuple[str, ...]:
    """Return the names of `count` classes that are not recorded: `UNNAMED` for two classes, otherwise numbers."""
    return UNNAMED if count == len(UNNAMED) else tuple(map(str, range(1, count + 1)))


def key_of(name: str) -> str:
    """Return the form of a name that is the same for equal names."""
    return name.strip().casefold()


def by_key(classes: Iterable[str]) -> dict[str, str]:
    """Return class names by the `key_of` each, to find the class that a label means."""
    return {key_of(name): name for name in classes}


def most_common_spellings(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the classes that labels name, sorted: of equal names, the spelling with the highest count.

    Args:
        counts: number of objects by label; blank labels are left out.
    """
    spellings: dict[str, str] = {}
    for label, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        if label.strip():
            spellings.setdefault(key_of(label), label.strip())
    return tuple(spellings[key] for key in sorted(spellings))


def check_classes(classes: Sequence[object], setting: str = "data.classes") -> None:
    """Check a list of class names.

    Args:
        classes: the names.
        setting: name of the setting, for the message.

    Raises:
        UserError: the list is empty or too long, or a name is not text, blank, listed twice, or the background's.
    """
    if not 1 <= len(classes) <= MAX_CLASSES:
        raise UserError(f"{setting} must list 1 to {MAX_CLASSES} class names, not {len(classes)}.")
    seen: set[str] = set()
    for name in classes:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise UserError(f"{setting}: {printable(repr(name))} is not a class name; a name is printable text.")
        if key_of(name) == BACKGROUND:
            raise UserError(
                f'{setting}: {name} is the name of class 0, which is not listed; "data.map={{{name}: null}}" leaves '
                "out regions with this label."
            )
        if key_of(name) in seen:
            raise UserError(f"{setting} lists {name} twice; names that differ only in case are equal.")
        seen.add(key_of(name))
