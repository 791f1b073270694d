"""The codes that planning gives to problems and skipped rows, each with its meaning in one line."""

from __future__ import annotations

from collections.abc import Mapping

KEY_BLANK = "key_blank"
NO_MATCH = "no_match"
SEVERAL_MATCHES = "several_matches"
KEYS_DISAGREE = "keys_disagree"
ROWS_CONTRADICT = "rows_contradict"
HELD_BACK = "held_back"
STALE = "stale"
CHANGED_SINCE = "changed_since"
NOT_RESTORABLE = "not_restorable"
CLIENT_GONE = "client_gone"
NOTHING_TO_UNDO = "nothing_to_undo"
SUPERSEDED = "superseded"

PLANNING_CODES: Mapping[str, str] = {
    KEY_BLANK: "the row's key cell is blank, or holds nothing that could be a key",
    NO_MATCH: "no client has the row's key",
    SEVERAL_MATCHES: "more than one client has the row's key",
    KEYS_DISAGREE: "the first key finds a client whose other keys are not the row's",
    ROWS_CONTRADICT: "rows of one client want different values for the same field",
    HELD_BACK: "overwrite: if_empty or if_ours kept every value that the row would change",
    STALE: "a value that the plan would change has changed since the plan was made",
    CHANGED_SINCE: "someone changed the value after the run that is undone, so it stays",
    NOT_RESTORABLE: "the old value is unknown, cannot be verified, or the API cannot clear the field",
    CLIENT_GONE: "the client no longer exists",
    NOTHING_TO_UNDO: "the run left nothing here that is to be put back",
    SUPERSEDED: "a later run has handled the same client",
}
"""Code → meaning, for ``sync_code`` and the documentation."""
