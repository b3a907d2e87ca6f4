"""German is complete, and what is compiled is what was written."""

import re
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings

GERMAN = Path(settings.LOCALE_PATHS[0]) / "de" / "LC_MESSAGES"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
MARKED = re.compile(r"""{% translate (?:"([^"]+)"|'([^']+)')""")


def as_lines(text: str | list[str] | tuple[str, ...]) -> str:
    """One text; plural forms one below the other."""
    return text if isinstance(text, str) else "\n".join(text)


def as_table(catalogue: Catalog) -> dict[str, str]:
    return {as_lines(m.id): as_lines(m.string or "") for m in catalogue if m.id}


def written() -> dict[str, str]:
    catalogue = read_po(BytesIO((GERMAN / "django.po").read_bytes()), locale="de")
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    return as_table(catalogue)


def test_every_text_has_its_german():
    assert [text for text, german in written().items() if not all(german.split("\n"))] == []


def test_every_text_of_the_pages_is_among_them():
    marked = {
        double or single
        for path in TEMPLATES.rglob("*.html")
        for double, single in MARKED.findall(path.read_text())
    }
    assert marked - set(written()) == set()


def test_what_is_compiled_is_what_was_written():
    compiled = read_mo(BytesIO((GERMAN / "django.mo").read_bytes()))
    assert as_table(compiled) == written()
