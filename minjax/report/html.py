"""Pages from templates: Jinja with autoescape on, pictures inside the page as data URIs."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")


def render(template: str, **context: Any) -> str:
    """A template of `minjax/report/templates` filled in. A name the context lacks is an error, not a blank."""
    return _environment().get_template(template).render(**context)


def data_uri(png: bytes) -> str:
    """A PNG as the value of an image's ``src``, so that the page needs no other file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def markdown(text: object) -> Markup:
    """`text` so that Markdown shows it as it is: no markup, no column break, no HTML."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(_MARKDOWN.sub(r"\\\1", escaped))  # safe: escaped just above


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("minjax.report"),
        autoescape=True,  # for every template: class names are a user's folder names
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = markdown
    return environment
