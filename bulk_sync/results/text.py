"""Text from outside made fit for a file: cut where a format has a limit, and visibly so."""

from __future__ import annotations

import re

MESSAGE_LIMIT = 4_000
"""Characters of a message that the results keep: enough to read, little enough for 10,000 of them."""

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_ODD_BLANK = re.compile("[^\\S ]|[\u00ad\u180e\u200b\u2060\ufeff]")
_SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def cut(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, the last of which say how long it was.

    >>> cut("x" * 1_000_000, 30)
    'x… [cut, 1,000,000 characters]'
    """
    if len(text) <= limit:
        return text
    mark = f"… [cut, {len(text):,} characters]"
    return text[: max(0, limit - len(mark))] + mark


def cut_utf16(text: str, limit: int) -> str:
    """Cut as :func:`cut` does, counting as Excel does: a character beyond the first 65,536 counts twice."""
    if len(text) <= limit // 2 or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= limit:
        return text
    mark = f"… [cut, {len(text):,} characters]"
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - len(mark))]
    return kept.decode("utf-16-le", "ignore") + mark


def visible(text: str) -> str:
    r"""Show what a reader could not see as its escape: control characters, changes of direction, lone surrogates.

    Line feeds and tabs stay. For text of the server, whose look matters and not its bytes.

    >>> visible("a\x1b[31mb\u202ec")
    'a\\x1b[31mb\\u202ec'
    """
    # Asking first costs a tenth of looking for the pattern, and nearly every text is printable.
    return text if text.isprintable() else _UNSEEN.sub(_escape, text)


def on_a_line(text: str, limit: int = 100) -> str:
    r"""Show a text on one line, its end left out where it is long.

    Spaces stay as many as they are, other blanks become their escape: values that differ only there look different.

    >>> on_a_line("ACME  LLC"), on_a_line("ACME\u00a0LLC\t\n"), on_a_line("x" * 9, 5)
    ('ACME  LLC', 'ACME\\xa0LLC\\t\\n', 'xxxx…')
    """
    line = text if text.isascii() and text.isprintable() else visible(_ODD_BLANK.sub(_blank_escape, text))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def utf8_text(text: str) -> str:
    r"""Show lone surrogates, which no file can hold, as their escape.

    >>> utf8_text("a\ud800b")
    'a\\ud800b'
    """
    return text if text.isascii() else _LONE_SURROGATE.sub(_escape, text)


def _blank_escape(found: re.Match[str]) -> str:
    return _SHORT_ESCAPES.get(found[0]) or _escape(found)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
