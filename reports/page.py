"""Self-contained pages from templates: escaping, style sheet, content security policy, file."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from fairaudit.core.errors import InputError
from fairaudit.core.files import atomic_write
from fairaudit.core.marker import OWN, own_kind, own_line, with_own_digest
from fairaudit.core.output_folder import check_file
from fairaudit.core.text import printable
from fairaudit.reports import notation, palette
from fairaudit.reports.disparity_view import runs
from fairaudit.reports.method_view import method

_TEMPLATES: Final = Path(__file__).parent / "templates"
#: Browsers and mail programs fail on larger pages.
MAX_BYTES: Final = 25_000_000


@cache
def environment() -> jinja2.Environment:
    """Return the template environment, which escapes every value and rejects unknown names."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "number": notation.number,
        "count": notation.count,
        "size": notation.size,
        "setting": notation.setting,
        "pretty": notation.pretty,
        "groupby_run": runs,
    }
    env.globals |= {"plural": notation.plural}
    return env


@cache
def stylesheet() -> str:
    """Return the style sheet of a page, without comments and indentation."""
    text = palette.css() + (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def policy() -> str:
    """Return the content security policy, which allows only the style sheet, by its hash."""
    digest = base64.b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def fill(template: str, **values: Any) -> str:
    """Return ``template`` filled with ``values``, all text escaped and printable."""
    return printable(environment().get_template(template).render(**values))


def document(template: str, kind: str, **values: Any) -> str:
    """Return a whole page from a ``template`` that extends ``page.html.j2``; it may replace pages of its ``kind``."""
    # The style sheet is ours and holds no "<", so it cannot end its element.
    ours = {"stylesheet": Markup(stylesheet()), "digest": Markup(f'<meta name="{OWN}" content="{own_line(kind)}">')}
    return with_own_digest(fill(template, **ours, policy=policy(), method=method(), **values))


def write(html: str, path: Path, *, overwrite: bool = False) -> Path:
    """Write a page atomically as UTF-8 and return its path.

    Raises
    ------
    ConfigError
        If ``path`` holds another file or page, or an edited page and ``overwrite`` is not set.
    InputError
        If the page is larger than ``MAX_BYTES``.
    """
    content = html.encode("utf-8")
    if len(content) > MAX_BYTES:
        raise InputError(
            f"page '{path.name}' must be at most {MAX_BYTES:,} bytes; got {len(content):,}. "
            "Audit fewer features at once."
        )
    check_file(path, own_kind(content)[0], overwrite=overwrite)
    atomic_write(path, content)
    return path
