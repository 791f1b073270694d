"""Serial numbers of workbooks become dates and times.

A day is 1, counted from the end of 1899 or from 1904. The 1900 system has a day that never was, 29 February
1900 (serial 60), which every spreadsheet program keeps for the sake of old files.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from bulk_sync.records import Cell, CellKind
from bulk_sync.sources.format_code import Shows

_DAY_MS = 86_400_000
_LAST_SERIAL = 2_958_466
_DAYS_TO_1904 = 1462
_PHANTOM = 60


def dated_cell(serial: float, shows: Shows, *, epoch_1904: bool, code: str) -> Cell:
    """Return the cell for a number whose format shows a date, a time or a duration.

    The text is ISO 8601 of what the format shows (to the millisecond); a date that cannot be is unshown.
    """
    if abs(serial) >= _LAST_SERIAL:
        return Cell("", serial, CellKind.NUMBER, code)
    milliseconds = round(serial * _DAY_MS)
    if shows is Shows.DURATION:
        return duration_cell(timedelta(milliseconds=milliseconds))
    days, rest = divmod(milliseconds, _DAY_MS)
    last = _LAST_SERIAL - _DAYS_TO_1904 if epoch_1904 else _LAST_SERIAL
    # Excel shows day 0 of 1900 as 0 January, which no calendar has: mostly a formula that found nothing.
    never = not epoch_1904 and (days == _PHANTOM or (days == 0 and shows is not Shows.TIME))
    if milliseconds < 0 or days >= last or never:
        return Cell("", serial, CellKind.NUMBER, code)
    if days == 0 and shows is Shows.TIME:
        moment = (datetime.combine(date.min, time()) + timedelta(milliseconds=rest)).time()
        return Cell(moment.isoformat(), moment, CellKind.TIME)
    return _moment(days, rest, shows, epoch_1904=epoch_1904)


def _moment(days: int, rest: int, shows: Shows, *, epoch_1904: bool) -> Cell:
    """Return a day with what its format shows of the time."""
    if epoch_1904:
        day = date(1904, 1, 1) + timedelta(days)
    else:
        day = date(1899, 12, 31 if days < _PHANTOM else 30) + timedelta(days)
    if not rest and shows is Shows.DATE:
        return Cell(day.isoformat(), day, CellKind.DATE)
    moment = datetime.combine(day, time()) + timedelta(milliseconds=rest)
    text = day.isoformat() if shows is Shows.DATE else moment.isoformat()
    return Cell(text, moment, CellKind.DATETIME)


def duration_cell(length: timedelta) -> Cell:
    """Return hours, minutes and seconds, the hours without a limit."""
    seconds, left = divmod(abs(length) // timedelta(milliseconds=1), 1000)
    sign = "-" if length < timedelta() else ""
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return Cell(f"{text}.{left:03}" if left else text, length, CellKind.DURATION)


def iso_cell(text: str) -> Cell | None:
    """Return the cell for a date that is stored as ISO text; None if it is none."""
    bare = text.removesuffix("Z")
    try:
        if "T" not in bare and ":" in bare:
            moment = time.fromisoformat(bare)
            return Cell(moment.isoformat(), moment, CellKind.TIME)
        if "T" not in bare:
            day = date.fromisoformat(bare)
            return Cell(day.isoformat(), day, CellKind.DATE)
        stamp = datetime.fromisoformat(bare)
    except ValueError:
        return None
    return Cell(stamp.isoformat(), stamp, CellKind.DATETIME)
