"""Photos that belong together: near-duplicates by their perceptual hashes, and groups that the user names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageOps

from fmask.data.images import open_image
from fmask.structures.annotations import Photo

HASH_SIDE = 16
"""Side of the perceptual hash, which has `HASH_SIDE**2` = 256 bits."""
DUPLICATE_BITS = 56
"""Two photos are duplicates if their perceptual hashes differ in fewer bits than this.

Measured on the study's photos: saving again at JPEG quality 30, halving the size or brightening by 30 % changes at most
40 bits; cropping 2 % from each side changes at most 52. Different pictures differ in 82 or more bits, except those of
one photo session: 44 for two frames that look the same, 68 or more once the person moves.
"""


@dataclass(frozen=True)
class NearPair:
    """Two near-duplicates among N photos."""

    earlier: int
    """Index of the first photo, from 0."""
    later: int
    """Index of the second photo, larger than `earlier`."""
    bits: int
    """Number of bits in which their hashes differ, of 256."""
    mirrored: bool
    """Whether one photo is the mirror image of the other."""


def hashes(image: Image.Image) -> np.ndarray:
    """Return the perceptual hashes of a picture and of its mirror image: bool (2, 256)."""
    side = 4 * HASH_SIDE  # the size that phash scales to first; scaling here does it once for both hashes
    small = image.convert("L").resize((side, side), Image.Resampling.LANCZOS)
    both = (imagehash.phash(picture, HASH_SIDE) for picture in (small, ImageOps.mirror(small)))
    return np.stack([each.hash.ravel() for each in both])


def near_pairs(hashed: np.ndarray) -> Iterator[NearPair]:
    """Compare each photo with all photos before it.

    Args:
        hashed: bool (N, 2, 256), the result of `hashes` for each photo.
    """
    for later in range(len(hashed)):
        bits = np.count_nonzero(hashed[:later] != hashed[later, :1], axis=2)  # (earlier photos, unchanged or mirrored)
        for earlier in np.flatnonzero(bits.min(axis=1, initial=HASH_SIDE**2) < DUPLICATE_BITS):
            unchanged, mirrored = bits[earlier]
            yield NearPair(int(earlier), later, int(min(unchanged, mirrored)), bool(mirrored < unchanged))


def chains(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the indices of `count` photos in groups: photos that a chain of pairs of indices connects are in one."""
    group = {index: [index] for index in range(count)}
    for one, other in pairs:
        first, second = group[one], group[other]
        if first is not second:
            merged = sorted(first + second)
            group |= dict.fromkeys(merged, merged)
    return list({id(each): each for each in group.values()}.values())


def group_photos(photos: Sequence[Photo], groups: Mapping[Path, str] | None = None) -> list[list[Photo]]:
    """Return the photos in groups: near-duplicates are in one, and so are photos of one of the user's own groups.

    Args:
        photos: the photos.
        groups: the user's group of photos, by path; see `fmask.data.groups`.

    Raises:
        UserError: a photo cannot be decoded.
    """
    with ThreadPoolExecutor() as pool:  # Pillow decodes in parallel
        hashed = list(pool.map(lambda photo: hashes(open_image(photo.path)), photos))
    pairs = [(pair.earlier, pair.later) for pair in near_pairs(np.array(hashed))]
    first: dict[str, int] = {}
    for index, photo in enumerate(photos):
        if groups and photo.path in groups:
            pairs.append((first.setdefault(groups[photo.path], index), index))
    return [[photos[index] for index in chain] for chain in chains(len(photos), pairs)]
