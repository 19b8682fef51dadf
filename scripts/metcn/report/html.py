"""Templates as self-contained HTML documents: everything is escaped, and the page's own scripts alone may run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, Undefined
from markupsafe import Markup

from metcn.files import PACKAGE


def environment(undefined: type[Undefined]) -> Environment:
    """Jinja environment of our templates: everything is escaped unless marked safe, absent names are ``undefined``."""
    return Environment(
        loader=PackageLoader("metcn.report"),
        autoescape=True,
        undefined=undefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def document(templates: Environment, name: str, *, scripts: Sequence[str] = (), **shown: Any) -> str:
    """A template filled in, whose security policy allows the named scripts, by their digests, and nothing else."""
    sources = [(PACKAGE / "report" / "templates" / script).read_text(encoding="utf-8").strip() for script in scripts]
    digests = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
    policy = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return templates.get_template(name).render(policy=Markup(policy), scripts=list(map(Markup, sources)), **shown)
