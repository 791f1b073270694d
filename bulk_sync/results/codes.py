"""The codes of rows of a results file that comes back, each with its meaning in one line."""

from __future__ import annotations

from collections.abc import Mapping

RESULTS_CODES: Mapping[str, str] = {
    "sync_row_blank": "the row of a results file has no sync_row, so it cannot be told which row it is",
    "sync_row_unknown": "sync_row is no row of the run that the results are of",
    "sync_row_repeated": "sync_row occurs more than once in the results file",
    "sync_column_edited": "a sync_ column was edited in the results file, which is ignored (a warning)",
    "plan_line_unknown": "a line in a plan's sheet Changes names no row",
}
