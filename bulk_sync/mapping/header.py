"""The header: a column for each name that the mapping uses, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from unicodedata import normalize

from bulk_sync.mapping.findings import quoted
from bulk_sync.mapping.transforms import strip_margin
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.records import column_letters

_GAP = re.compile(r"\s+")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
RESULT_PREFIX = "sync_"
"""Columns of our own results: never a mistake, never reported as unused."""


def fold_name(name: str) -> str:
    """Fold a column's name as a person reads it: no outer white space, nothing invisible, every gap one space.

    An é is one, whether it is written as a letter or as a letter and an accent (as on a Mac).
    """
    return normalize("NFC", _GAP.sub(" ", strip_margin(name.translate(_INVISIBLE))))


class ColumnFault(NamedTuple):
    """Why a name finds no column, with a hint."""

    message: str
    hint: str


class Header:
    """The columns of a source by name: exactly, then ignoring case.

    ``notes`` says where only the letter case differed; ``used`` are the columns that were asked for.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(map(fold_name, names))
        self.notes: list[str] = []
        self.used: set[int] = set()
        self._exact: dict[str, list[int]] = {}
        self._folded: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            if name:
                self._exact.setdefault(name, []).append(index)
                self._folded.setdefault(name.casefold(), []).append(index)

    def find(self, name: str) -> int | ColumnFault:
        """Return the index of a column, counted from 0, or what is wrong."""
        wanted = fold_name(name)
        found = self._exact.get(wanted)
        if found is None:
            found = self._folded.get(wanted.casefold(), [])
            if len(found) == 1 and found[0] not in self.used:
                theirs = self.names[found[0]]
                self.notes.append(
                    f"column {quoted(theirs)} is taken for {quoted(wanted)}: only the letter case differs"
                )
        if not found:
            return self._missing(wanted)
        if len(found) > 1:
            letters = ", ".join(column_letters(index) for index in found)
            return ColumnFault(
                f"the column {quoted(wanted)} stands {len(found)} times in the header ({letters})",
                "rename one of them in the source",
            )
        self.used.add(found[0])
        return found[0]

    def has(self, name: str) -> bool:
        """Whether there is a column of this name, in any letter case."""
        return fold_name(name).casefold() in self._folded

    def uses(self, name: str) -> bool:
        """Whether the column of this name was asked for."""
        wanted = fold_name(name)
        found = self._exact.get(wanted) or self._folded.get(wanted.casefold(), [])
        return not self.used.isdisjoint(found)

    def unused(self, ignored: Iterable[str]) -> list[str]:
        """Return the names of columns that nothing asked for and nobody ignores on purpose."""
        left_out = {fold_name(name).casefold() for name in ignored}
        return [
            name
            for index, name in enumerate(self.names)
            if name
            and index not in self.used
            and name.casefold() not in left_out
            and not name.startswith(RESULT_PREFIX)
        ]

    def _missing(self, name: str) -> ColumnFault:
        known = [each for each in self.names if each]
        hint = did_you_mean(name, known)
        if not hint:
            shown = ", ".join(quoted(each, 30) for each in known[:12])
            hint = f"the columns are {shown}{', …' if len(known) > 12 else ''}" if known else "the header is empty"
        return ColumnFault(f"no column {quoted(name)} in the source", hint)
