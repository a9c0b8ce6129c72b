"""Colour splash of one photo."""

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from fmask.apps.splash.style import SplashStyle
from fmask.data.images import load_image
from fmask.utils.files import atomic_write

if TYPE_CHECKING:
    from fmask.inference.predictor import Predictor


def splash_photo(
    source: Path, output: Path, predictor: "Predictor", style: SplashStyle, min_confidence: float | None
) -> None:
    """Write the colour splash of a photo.

    The EXIF rotation of the photo is applied, so the output is upright.

    Args:
        source: the photo.
        output: the file to write; its suffix gives the format.
        predictor: the trained model.
        style: which objects keep their colour, and what is drawn on them.
        min_confidence: lowest score of the detections to show; None for those of `Detections.select`.

    Raises:
        UserError: the photo cannot be read or the output cannot be written; no partial file remains.
    """
    image = load_image(source)
    picture = Image.fromarray(style.draw(image, predictor.predict(image).select(min_confidence)))
    with atomic_write(output) as draft:
        # Without chroma subsampling: in a JPEG, colour would bleed over the edges of the objects.
        picture.save(draft, format=Image.registered_extensions()[output.suffix.lower()], quality=95, subsampling=0)
