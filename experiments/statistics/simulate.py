"""Simulated studies: which objects the runs of two settings find.

Whether a run finds an object is a probit model with these effects: the object's difficulty, the setting's luck with the
object, the seed's luck, and noise of this run on this object. Difficulty, the setting's luck and noise are correlated
between the objects of a photo.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

DIFFICULTY = 1.5
"""Standard deviation of the objects' difficulty; that of the noise is 1."""


@dataclass(frozen=True)
class World:
    """What studies are drawn from."""

    objects: int
    """Number of objects in the test photos, which have 1 to 4 each."""
    seeds: tuple[int, int]
    """Number of runs of each setting."""
    seed_sd: tuple[float, float] = (0, 0)
    """Standard deviation of the seeds' luck in each setting, in probit; 0.3 is about 0.05 in accuracy."""
    correlation: float = 0
    """Correlation of the outcomes of two objects in a photo, in the middle between never and always found."""
    own_photos: float = 0
    """Standard deviation of the setting's luck with an object: what it is good at, beyond its accuracy."""
    accuracy: float = 0.6
    """Accuracy of the first setting over all photos and seeds."""
    shift: float = 0
    """How much better the second setting is, in probit."""


@dataclass(frozen=True)
class Studies:
    """R simulated studies of one world on photos of the same sizes."""

    objects: np.ndarray
    """(P,), number of objects in each photo."""
    hits: tuple[np.ndarray, np.ndarray]
    """For each setting, bool (R, S, N): whether a run found an object."""
    seed_accuracy: np.ndarray
    """(R, S), accuracy of each run of the first setting over all photos."""
    found: tuple[np.ndarray, np.ndarray] = field(init=False)
    """For each setting, int (R, S, P): number of objects that a run found in a photo."""

    def __post_init__(self) -> None:
        first = np.cumsum(self.objects) - self.objects
        counts = tuple(np.add.reduceat(each.astype(int), first, axis=-1) for each in self.hits)
        object.__setattr__(self, "found", counts)


def simulate(world: World, studies: int, rng: np.random.Generator) -> Studies:
    """Draw studies of a world, all on photos of the same sizes."""
    sizes: list[int] = []
    while sum(sizes) < world.objects:
        sizes.append(min(int(rng.integers(1, 5)), world.objects - sum(sizes)))
    photo = np.repeat(np.arange(len(sizes)), sizes)
    latent = np.sin(np.pi / 2 * world.correlation)  # of the normal variables: Sheppard's formula

    def effect(runs: int, sd: float) -> np.ndarray:
        of_photos = rng.normal(size=(studies, runs, len(sizes)))[..., photo]
        return sd * (np.sqrt(latent) * of_photos + np.sqrt(1 - latent) * rng.normal(size=(studies, runs, len(photo))))

    difficulty = effect(1, DIFFICULTY)
    hits, accuracies = [], []
    for runs, seed_sd, shift in zip(world.seeds, world.seed_sd, (0, world.shift), strict=True):
        fixed = np.sqrt(DIFFICULTY**2 + world.own_photos**2 + 1)
        threshold = norm.ppf(1 - world.accuracy) * np.hypot(fixed, seed_sd)
        luck = seed_sd * rng.normal(size=(studies, runs, 1))
        hits.append(difficulty + effect(1, world.own_photos) + luck + effect(runs, 1) + shift > threshold)
        accuracies.append(norm.cdf((luck[..., 0] + shift - threshold) / fixed))
    return Studies(np.array(sizes), (hits[0], hits[1]), accuracies[0])
