"""The changes that a run has handled, as the ledger wants to know them."""

from __future__ import annotations

from collections.abc import Iterator

from bulk_sync.journal.encoding import STATUSES
from bulk_sync.journal.entries import EndedChange
from bulk_sync.journal.plan_tables import DOUBTFUL, OUTCOME_AT
from bulk_sync.journal.store import Journal
from bulk_sync.records import Status


def handled_changes(journal: Journal) -> Iterator[EndedChange]:
    """Yield the changes that have an outcome, in their order, then those whose request left and was not answered.

    Of these nobody wrote an outcome, since the process died: they are in doubt from when their request left.
    """
    checked = journal.checked
    with journal.faults():
        for entry in journal.connection.execute(
            "SELECT changes.*, outcomes.* FROM changes JOIN outcomes ON outcomes.change = changes.id "
            "ORDER BY changes.id"
        ):
            _, record_id, payload, *_ = checked("changes", entry)
            _, status, _, _, _, _, answer, finished_at = checked("outcomes", entry, OUTCOME_AT)
            yield EndedChange(record_id, STATUSES[status], payload, answer, finished_at)
        left = dict(
            journal.connection.execute(
                f"SELECT requests.change, max(intended_at) FROM {DOUBTFUL} GROUP BY requests.change"
            ).fetchall()
        )
        marks = ",".join("?" * len(left))
        for entry in journal.connection.execute(f"SELECT * FROM changes WHERE id IN ({marks})", tuple(left)):
            number, record_id, payload, *_ = checked("changes", entry)
            yield EndedChange(record_id, Status.IN_DOUBT, payload, None, left[number])
