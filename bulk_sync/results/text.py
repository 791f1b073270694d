"""Text from outside made fit for a file: cut where a format has a limit, and visibly so."""

from __future__ import annotations

import re

MESSAGE_LIMIT = 4_000
"""Characters of a message that the results keep: enough to read, little enough for 10,000 of them."""

_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")


def cut(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters, the last of which say how long it was.

    >>> cut("x" * 1_000_000, 30)
    'xx… [cut, 1,000,000 characters]'
    """
    if len(text) <= limit:
        return text
    mark = f"… [cut, {len(text):,} characters]"
    return text[: max(0, limit - len(mark))] + mark


def utf8_text(text: str) -> str:
    r"""Show lone surrogates, which no file can hold, as their escape.

    >>> utf8_text("a\ud800b")
    'a\\ud800b'
    """
    return text if text.isascii() else _NOT_UTF8.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
