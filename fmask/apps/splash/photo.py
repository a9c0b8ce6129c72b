"""One photo, splashed."""

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from fmask.apps.splash.look import Look
from fmask.data.images import load_image
from fmask.utils.files import atomic_write

if TYPE_CHECKING:
    from fmask.inference.predictor import Predictor


def splash_photo(source: Path, output: Path, predictor: "Predictor", look: Look, min_confidence: float) -> None:
    """Write the splash of a photo, upright whatever its EXIF rotation, with what scores at least `min_confidence`.

    Raises:
        UserError: the photo cannot be read, or the output not written; nothing is left behind then.
    """
    image = load_image(source)
    picture = Image.fromarray(look.draw(image, predictor.predict(image).at_least(min_confidence)))
    with atomic_write(output) as draft:
        # Full resolution of colour in JPEGs, or it would run over the edges of what has it.
        picture.save(draft, format=Image.registered_extensions()[output.suffix.lower()], quality=95, subsampling=0)
