"""Render the templates to HTML with inline styles and script; all other values are escaped."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).with_name("templates")


def render(template: str, script: str = "page.js", **values: Any) -> str:
    """Render a template in `templates/`. Values are escaped unless they are `Markup`.

    Args:
        template: name of the template's file.
        script: name of the file of the page's only script.
        values: the values of the template.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    code = (FOLDER / script).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return environment.get_template(template).render(
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup(code),
        script_digest=f"sha256-{digest}",
        **values,
    )
