"""The memory of a run: one SQLite file, crash-safe, and the source of the results.

What must and should hold (tested by killing the process at random moments):

- The whole source *must* be in ``rows`` and the plan whole before the state leaves ``planning``.
- A request's intent *must* be on disk before the request leaves: :meth:`Journal.intend` returns only then.
- An outcome *must* be on disk before its change counts as done: :meth:`Journal.answered` returns only then.
- A change with an outcome *must not* be sent again; one with an intent and no answer *must* be treated as
  possibly applied.
- An entry whose checksum does not fit *must* be refused, never read as something else.
- Commits *should* be shared by all that wait at the same moment; none may be skipped for speed.

The file is in WAL mode with ``synchronous=FULL`` and is used from the loop's own thread; a commit costs about
0.3 ms, less than handing it to another thread would.
"""

from bulk_sync.journal.book import JournalBook
from bulk_sync.journal.entries import EndedChange, OpenRow, PlannedChange, RowEntry, StoredChange
from bulk_sync.journal.handled import handled_changes
from bulk_sync.journal.plan_tables import PlanTables
from bulk_sync.journal.request_log import RequestLog
from bulk_sync.journal.store import (
    Journal,
    JournalDamaged,
    JournalFault,
    RunHeader,
    create_journal,
    open_journal,
)
from bulk_sync.journal.tallies import Tallies

__all__ = [
    "EndedChange",
    "Journal",
    "JournalBook",
    "JournalDamaged",
    "JournalFault",
    "OpenRow",
    "PlanTables",
    "PlannedChange",
    "RequestLog",
    "RowEntry",
    "RunHeader",
    "StoredChange",
    "Tallies",
    "create_journal",
    "handled_changes",
    "open_journal",
]
