"""The codes that planning gives to problems, skipped rows and guards, each with its meaning in one line."""

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
}
"""Code → meaning, for ``sync_code`` and the documentation."""

GUARD_NAMES: Mapping[str, str] = {
    "shifted": "a column moved by a row against the clients it belongs to",
    "swapped": "values arrive in a field where another field's values belong",
    "permuted": "the changed cells of a field hold each other's present values",
    "filled": "one value over most of a column whose present values differ",
    "new-custom-field": "a custom field that no client read has",
    "max-changed": "more rows would change than --max-changed allows",
    "max-cleared": "more cells would be cleared than --max-cleared allows",
    "max-invalid": "more rows are invalid than --max-invalid allows",
    "require-valid": "some rows are invalid and --require-valid was asked for",
    "expect-rows": "the number of rows is outside --expect-rows",
    "empty": "the source has no rows",
    "much-smaller": "the source is much smaller than the last one of this mapping (a warning)",
}
"""Guard → meaning; these are the names that ``--allow`` takes."""
