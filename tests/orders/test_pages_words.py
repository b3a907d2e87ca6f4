"""Every language is complete, and what is compiled is what was written."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings

LOCALES = Path(settings.LOCALE_PATHS[0])
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACES = re.compile(r"%\(\w+\)s|%s|</?[a-z][^>]*>")
TEMPLATES = Path(settings.BASE_DIR) / "templates"
MARKED = re.compile(r"""{% translate (?:"([^"]+)"|'([^']+)')""")


def as_lines(text: str | list[str] | tuple[str, ...]) -> str:
    """One text; plural forms one below the other."""
    return text if isinstance(text, str) else "\n".join(text)


def as_table(catalogue: Catalog) -> dict[str, str]:
    return {as_lines(m.id): as_lines(m.string or "") for m in catalogue if m.id}


def read(language: str, name: str) -> BytesIO:
    return BytesIO((LOCALES / language / "LC_MESSAGES" / name).read_bytes())


def written(language: str) -> dict[str, str]:
    catalogue = read_po(read(language, "django.po"), locale=language)
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    return as_table(catalogue)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    table = written(language)
    assert [text for text, words in table.items() if not all(words.split("\n"))] == []
    assert set(table) == set(written("de"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_and_every_mark_of_a_text_is_in_its_translation(language):
    lost = {
        text: words
        for text, words in written(language).items()
        if set(PLACES.findall(text)) != set(PLACES.findall(words))
    }
    assert lost == {}


def test_every_text_of_the_pages_is_among_them():
    marked = {
        double or single
        for path in TEMPLATES.rglob("*.html")
        for double, single in MARKED.findall(path.read_text())
    }
    assert marked - set(written("de")) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_was_written(language):
    assert as_table(read_mo(read(language, "django.mo"))) == written(language)
