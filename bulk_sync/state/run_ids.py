"""Ids of runs: each is greater than every earlier one of its state directory, whatever the clock says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_FORM = re.compile(r"(\d{8}-\d{6})-[0-9a-f]{4}")
_MOMENT = "%Y%m%d-%H%M%S"

CHANCES = 65
"""How many endings each millisecond has, of 65,536 for a second: runs that begin in one second sort by time, too."""


def new_run_id(now: float, chance: int, *, others: Iterable[str]) -> str:
    """Return the id of a run that begins ``now`` (Unix time); ``chance`` is below ``CHANCES``.

    Where a clock that was ahead has given a later id to one of ``others``, it is that one's second and one more: which
    of two runs is the later one is told by their ids. Names of another form are no ids.
    """
    moment = datetime.fromtimestamp(now, UTC)
    ending = moment.microsecond // 1000 * CHANCES + chance
    latest = max(filter(_FORM.fullmatch, others), default="")
    run = _run_id(moment, ending)
    if run > latest:
        return run
    return _run_id(datetime.strptime(latest[:15], _MOMENT).replace(tzinfo=UTC) + timedelta(seconds=1), ending)


def _run_id(moment: datetime, ending: int) -> str:
    return f"{moment:{_MOMENT}}-{ending:04x}"
