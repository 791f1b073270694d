"""The report page: one self-contained file that prints well and asks nothing of any network."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bulk_sync.results.charts import KINDS, request_figures
from bulk_sync.results.drawing import draw
from bulk_sync.results.page_rows import gather_rows
from bulk_sync.results.placing import REPORT, Written, fingerprint, place
from bulk_sync.results.summary_lines import duration, headline, sandbox_line, sections, status_counts
from bulk_sync.results.table import RunBook
from bulk_sync.results.text import cut, visible

_TEXT_LIMIT = 1_000
_GENERATOR = b'<meta name="generator" content="bulk_sync">'
_FOLDER = Path(__file__).parent


def write_report(book: RunBook, path: Path, *, mode: int = 0o600, fallback: Path | None = None) -> Written:
    """Write the report page of a run to ``path``; an older report there is replaced, no other file is.

    It goes into the folder ``fallback`` where it cannot be put there. Raises Halted where it cannot be written.
    """
    ours = (fingerprint(path),) if _is_report(path) else ()
    run = book.summary.run
    return place(
        lambda beside: _write(book, beside), path, run=run, mode=mode, replaces=ours, fallback=fallback, words=REPORT
    )


def _is_report(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return _GENERATOR in file.read(1_000)
    return False


def _write(book: RunBook, path: Path) -> tuple[str, ...]:
    script = (_FOLDER / "page.js").read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(thousands="{:,}".format, inert=inert, duration=duration)
    requests = request_figures(book.requests(), book.summary.rate)
    parts = environment.get_template("page.html.jinja").generate(
        summary=book.summary,
        headline=headline(book.summary),
        sandbox=sandbox_line(book.summary),
        counts=status_counts(book.summary),
        sections=sections(book.summary),
        requests=requests,
        drawing=draw(requests.timeline, _zone(book.summary.started_at)),
        kinds=KINDS,
        found=gather_rows(book),
        style=(_FOLDER / "page.css").read_text("utf-8"),
        script=script,
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(parts)
    return ()


def inert(value: object) -> str:
    """Return a text of the source or the server, short and with nothing unseen in it."""
    return visible(cut(str(value), _TEXT_LIMIT))


def _zone(moment: str) -> tzinfo:
    """Return the offset that the run's own times are told in."""
    with suppress(ValueError):
        return datetime.fromisoformat(moment).tzinfo or UTC
    return UTC
