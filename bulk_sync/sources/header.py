"""Column names, and which row holds them.

A header cell is compared as a person reads it: outer white space off, no-break spaces and line breaks folded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from unicodedata import normalize

SEARCHED_ROWS = 50
"""How far down a header is looked for."""

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_BLANKS = re.compile(r"\s+")


def fold(name: str) -> str:
    r"""Return a column's name as a person reads it.

    >>> fold(" Client\u00a0ID\n(new) ")
    'Client ID (new)'
    """
    return _BLANKS.sub(" ", name.translate(_INVISIBLE)).strip()


def folded_header(names: Sequence[str]) -> tuple[str, ...]:
    """Fold every name and drop the nameless columns at the right end."""
    folded = [fold(name) for name in names]
    while folded and not folded[-1]:
        folded.pop()
    return tuple(folded)


def matches(names: Sequence[str], needs: Collection[str]) -> int:
    """Count the needed columns that a row names, ignoring case."""
    present = set(map(_compared, names))
    return sum(_compared(need) in present for need in needs)


def _compared(name: str) -> str:
    return normalize("NFC", fold(name)).casefold()


def header_index(rows: Sequence[Sequence[str]], needs: Collection[str]) -> int | None:
    """Return which of the first rows is the header; None if every one is blank.

    The row that names most of the columns the mapping needs, the first of them; without any, the first row
    that is about as full as most are, so that a title above the table is passed over but a header with one
    cell too few is not.
    """
    if needs:
        counts = [matches(row, needs) for row in rows]
        best = max(counts, default=0)
        if best:
            return counts.index(best)
    filled = [sum(1 for name in row if fold(name)) for row in rows]
    usual = _usual_fullness(filled)
    return next((index for index, count in enumerate(filled) if count and count * 3 >= usual * 2), None)


def _usual_fullness(filled: Sequence[int]) -> int:
    """Return how many cells most rows fill."""
    full = Counter(count for count in filled if count)
    return max(full, key=lambda count: (full[count], count), default=0)
