"""The codes of rows that a reader refuses or warns about, each with its meaning in one line."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE_CODES: Mapping[str, str] = {
    "too_few_fields": "the row of a CSV has fewer fields than the header",
    "too_many_fields": "the row of a CSV has more fields than the header",
    "stray_quote": "a quote stands inside a field that does not begin with one",
    "text_after_quote": "text follows the closing quote of a field",
    "unclosed_quote": "a quote is never closed",
    "tight_delimiter": "no space follows a delimiter, in a CSV where one follows every other",
    "nul_byte": "the row holds a NUL byte",
    "torn_row": "the row stands next to a damaged line, which may be a part of it",
    "long_number": "a whole number of more than 15 digits, whose last ones a spreadsheet has lost (a warning)",
}
