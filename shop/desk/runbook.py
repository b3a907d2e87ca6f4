"""docs/runbook.md as a page, so that every link to it leads somewhere without leaving the shop."""

import re
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from shop.desk.pages import desk_page, desk_response

RUNBOOK = Path(settings.BASE_DIR) / "docs" / "runbook.md"
HEADING = re.compile(r"(#{1,4}) (.+)")
ANCHOR = re.compile(r'<a (?:id|name)="([\w-]+)"></a>')
#: The beginning of a list's point.
POINT = re.compile(r"^(?:[-*]|\d+\.) ", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
#: Code first: within it nothing else is meant.
INLINE = re.compile(r"(`[^`]+`|\*\*.+?\*\*|\[[^\]]+\]\([^)\s]+\))", re.DOTALL)


@desk_page()
@require_safe
def runbook(request: HttpRequest) -> HttpResponse:
    """The whole runbook; each heading can be linked to."""
    if not RUNBOOK.exists():
        raise Http404
    return desk_response(request, "runbook", "Runbook", text=as_html(RUNBOOK.read_text()))


def as_html(markdown: str) -> SafeString:
    """Headings, code, paragraphs, lists, tables, links and bold words; the rest as it is."""
    parts = re.split(r"^```.*?\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)
    # Between two fences stand texts, and inside them code: they take turns.
    blocks = [
        format_html("<pre><code>{}</code></pre>", part) if number % 2 else _texts(part)
        for number, part in enumerate(parts)
    ]
    return format_html_join("\n", "{}", ((block,) for block in blocks))


def slug(heading: str) -> str:
    """A heading's anchor, as the usual readers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _texts(text: str) -> SafeString:
    blocks = (block.strip("\n") for block in re.split(r"\n\s*\n|(?=^#)", text, flags=re.MULTILINE))
    return format_html_join("\n", "{}", ((_block(block),) for block in blocks if block))


def _block(block: str) -> SafeString:
    anchors = format_html_join("", '<a id="{}"></a>', ((a,) for a in ANCHOR.findall(block)))
    first, _, rest = ANCHOR.sub("", block).strip().partition("\n")
    if heading := HEADING.fullmatch(first):
        # The page's own title is the first level.
        level = max(2, len(heading[1]))
        shown = format_html('<h{0} id="{1}">{2}</h{0}>', level, slug(heading[2]), heading[2])
        return format_html("{}{}{}", anchors, shown, _texts(rest) if rest else "")
    whole = ANCHOR.sub("", block).strip()
    if whole.startswith("|"):
        return format_html("{}{}", anchors, _table(whole))
    words, points = _words_and_points(whole)
    listed = _list(points) if points else ""
    told = format_html("<p>{}</p>", _inline(words)) if words else ""
    return format_html("{}{}{}", anchors, told, listed)


def _words_and_points(block: str) -> tuple[str, str]:
    """A list may follow its sentence without an empty line."""
    begin = POINT.search(block)
    return (
        (block, "") if begin is None else (block[: begin.start()].strip(), block[begin.start() :])
    )


def _table(block: str) -> SafeString:
    """The first row is the head; the one of dashes under it is dropped."""
    rows = [line.strip(" |").split(" | ") for line in block.splitlines() if line.strip(" |-:")]
    lines = [_row(cells, "td" if number else "th") for number, cells in enumerate(rows)]
    body = format_html_join("", "{}", ((line,) for line in lines))
    return format_html(
        '<div class="desk-scroll" tabindex="0"><table class="desk-table">{}</table></div>', body
    )


def _row(cells: list[str], tag: str) -> SafeString:
    shown = format_html_join("", "<{0}>{1}</{0}>", ((tag, _inline(cell)) for cell in cells))
    return format_html("<tr>{}</tr>", shown)


def _list(block: str) -> SafeString:
    """Steps or points; what is indented below one belongs to it."""
    number = re.match(r"\d+", block)
    head = format_html('ol start="{}"', number[0]) if number else "ul"
    points = [" ".join(point.split()) for point in POINT.split(block)[1:]]
    body = format_html_join("", "<li>{}</li>", ((_inline(point),) for point in points))
    return format_html("<{}>{}</{}>", head, body, head[:2])


def _inline(text: str) -> SafeString:
    """Code, bold words and links; the rest as it is written."""
    parts = INLINE.split(text)
    return format_html_join("", "{}", ((_piece(part),) for part in parts if part))


def _piece(part: str) -> SafeString | str:
    if part.startswith("`"):
        return format_html("<code>{}</code>", part.strip("`"))
    if part.startswith("**"):
        return format_html("<strong>{}</strong>", _inline(part[2:-2]))
    if link := LINK.fullmatch(part):
        words, where = link.groups()
        # Another page of docs/ is not served here: its name says where to look.
        if where.startswith(("#", "https://")):
            return format_html('<a href="{}">{}</a>', where, words)
        return format_html("{} (docs/{})", words, where)
    return part
