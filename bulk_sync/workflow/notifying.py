"""Tell somebody how a night went, and that it went at all: a notification, and a heartbeat.

Neither ever fails a run: what could not be told is warned of, without the address, which may be a secret. How rows
ended is told by columns, cells and codes; no value of a cell or a record leaves the house.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from hashlib import blake2b
from importlib import import_module
from urllib.parse import urlsplit

from bulk_sync.errors import BulkSyncError, Busy, ExitCode, GuardStop, Refused
from bulk_sync.records import RunSummary
from bulk_sync.results.summary_lines import more_causes
from bulk_sync.settings import Settings
from bulk_sync.workflow.closing import Ended
from bulk_sync.workflow.desk import Desk
from bulk_sync.workflow.ending import Cause

HEARTBEAT_SECONDS = 10.0
_CHANGED = ("updated", "differs")
_RAN = frozenset({ExitCode.OK, ExitCode.ROWS})
_CAUSES_TOLD = 20
_ENDED = "ended/"
"""How the causes begin that a command had for which there was no run, or that was no run's end."""
_NOT_FETCHED = "the heartbeat's address is no http or https URL: it was not fetched"

Deliver = Callable[[str, str, str], str]
"""Sends (address, title, text) and returns '' or why it could not."""


def tell_ended(desk: Desk, settings: Settings, ended: Ended, *, job: str, deliver: Deliver | None = None) -> None:
    """Notify of a run's end where there is something to say, and fetch the heartbeat where the run did run.

    What runs night after night is known by its run's mapping, else by ``job``, the command: a cause that its last
    night had is not told again.
    """
    if settings.notify:
        _came_to_a_run(desk, job)
        job = ended.summary.mapping or job
        known = _known(desk, job)
        stop = _stop_key(ended.summary)
        fresh = [cause for cause in ended.causes if cause.key not in known]
        now = frozenset({*(cause.key for cause in ended.causes), stop})
        message = _message(ended.summary, fresh, ended.causes, stop_is_new=stop not in known)
        told = message is None or _notify(desk, settings, message, deliver or apprise_deliver)
        # What a run that stopped early did not come to may still be there; what was not delivered is told again.
        kept = known if stop else known & now
        _remember(desk, job, kept | now if told else kept)
    if settings.heartbeat and ended.summary.exit_code in _RAN:
        _beat(desk, settings.heartbeat)


def tell_failed(desk: Desk, settings: Settings, error: Exception, *, job: str, deliver: Deliver | None = None) -> None:
    """Notify of a command that ended without a run's end, once as long as the reason stays; no heartbeat."""
    if not settings.notify:
        return
    known = _known(desk, job)
    code, words = ExitCode.DEFECT, f"a defect of bulk_sync ({type(error).__name__}); stderr names a file with details"
    if isinstance(error, BulkSyncError):
        code, words = error.exit_code, "\n".join(filter(None, (error.message, error.hint)))
    same = re.sub("[0-9]+", "#", words)  # an age, or a date, is no reason of its own
    key = f"{_ENDED}{type(error).__name__}/{blake2b(same.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
    if key in known:
        return
    # Of the others nobody can say it here: a journal that was damaged while the run sent is one of them.
    what = "nothing was sent" if isinstance(error, (Refused, GuardStop, Busy)) else "stopped"
    if _notify(desk, settings, (f"bulk-sync: {what} (exit code {int(code)})", words), deliver or apprise_deliver):
        _remember(desk, job, {*_without_ended(known), key})


def _came_to_a_run(desk: Desk, job: str) -> None:
    """Forget why a command came to no run the last time: when that comes back, it is told again."""
    known = _known(desk, job)
    if known != (kept := _without_ended(known)):
        _remember(desk, job, kept)


def _without_ended(known: Iterable[str]) -> frozenset[str]:
    return frozenset(key for key in known if not key.startswith(_ENDED))


def _stop_key(summary: RunSummary) -> str:
    return f"stopped/{summary.stopped_by}" if summary.stopped_by and summary.exit_code else ""


def _message(
    summary: RunSummary, fresh: list[Cause], all_causes: tuple[Cause, ...], *, stop_is_new: bool
) -> tuple[str, str] | None:
    """Return title and text, None for nothing to say."""
    stopped = summary.stopped_by if summary.exit_code else ""
    changed = sum(summary.counts.get(name, 0) for name in _CHANGED)
    if not changed and not fresh and not (stopped and stop_is_new):
        return None
    counts = ", ".join(f"{count:,} {status}" for status, count in summary.counts.items())
    where = "SANDBOX " if summary.sandbox else ""
    lines = [f"run {summary.run}: {counts}"]
    if stopped:
        lines.append(f"stopped by {stopped}")
    lines.extend(f"- {cause}" for cause in fresh[:_CAUSES_TOLD])
    if len(fresh) > _CAUSES_TOLD:
        lines.append(f"- {more_causes(len(fresh) - _CAUSES_TOLD, summary.output)}")
    if old := len(all_causes) - len(fresh):
        lines.append(f"{old} {'cause was' if old == 1 else 'causes were'} told before")
    if fresh or stopped:
        lines.extend(summary.next_steps[:1])
    rows = sum(summary.counts.get(status, 0) for status in {cause.status for cause in fresh})  # one may have two causes
    if stopped:
        title = f"bulk-sync {where}stopped (exit code {summary.exit_code})"
    elif fresh:
        title = f"bulk-sync {where}: {rows:,} {'row' if rows == 1 else 'rows'} did not go through".replace(" :", ":")
    else:
        title = f"bulk-sync {where}: {changed:,} {'row' if changed == 1 else 'rows'} changed".replace(" :", ":")
    return title, "\n".join(lines)


def _known(desk: Desk, job: str) -> frozenset[str]:
    found = desk.state.learned("told", job)
    return frozenset(str(key) for key in found) if isinstance(found, list) else frozenset()


def _remember(desk: Desk, job: str, keys: Iterable[str]) -> None:
    """Keep this night's causes in place of the last one's: one that went away is told when it comes back."""
    desk.state.learn("told", job, sorted({key for key in keys if key}))


def _notify(desk: Desk, settings: Settings, message: tuple[str, str], deliver: Deliver) -> bool:
    """Return whether it was delivered."""
    if fault := deliver(settings.notify, *message):
        desk.talk.warn(f"the notification could not be sent: {fault}")
        return False
    return True


def apprise_deliver(address: str, title: str, text: str) -> str:
    """Send by apprise, which knows mail, chat and webhooks by their addresses; return '' or why it could not."""
    try:
        apprise = import_module("apprise")
    except ImportError:
        return "it needs the extra notify: pip install 'bulk-sync[notify]'"
    logging.getLogger("apprise").addHandler(logging.NullHandler())  # its own words may hold the address
    sender = apprise.Apprise()
    if not sender.add(address):
        return "BULK_SYNC_NOTIFY is no address that apprise knows (github.com/caronc/apprise lists them)"
    return "" if sender.notify(title=title, body=text) else "the service did not take it"


def _beat(desk: Desk, address: str) -> None:
    """Fetch the heartbeat's address; only http and https, so that no file is read."""
    # Here and not above: few are called by a heartbeat, and its HTTP takes 20 ms to import.
    import http.client
    import urllib.error
    import urllib.request

    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
        if not host:
            desk.talk.warn(_NOT_FETCHED)
            return
        request = urllib.request.Request(address, headers={"User-Agent": "bulk-sync"})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=HEARTBEAT_SECONDS):  # noqa: S310 - checked above
            pass
    except (ValueError, http.client.InvalidURL):  # their words hold the address, or a part of it
        desk.talk.warn(_NOT_FETCHED)
    except http.client.HTTPException:
        desk.talk.warn(f"the heartbeat at {host} could not be fetched: it does not answer in HTTP")
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        desk.talk.warn(f"the heartbeat at {host} could not be fetched: {reason}")
