"""Why a run ended early: one table for the exit code and the words."""

from __future__ import annotations

import pytest

from bulk_sync.sending.ports import Stop, StopReason
from bulk_sync.workflow.reasons import ENDINGS, OwnReason, ending, stopped_words


def test_every_reason_has_its_exit_code_and_its_words() -> None:
    """None is shown to a person by the name that scripts know."""
    assert ENDINGS.keys() == {*StopReason, *OwnReason}
    assert [name for name, how in ENDINGS.items() if how.words == name] == ["interrupted"]


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_stop_ends_a_command_as_it_ends_a_run(reason: StopReason) -> None:
    """Whether there are results to write or not."""
    assert Stop(reason, "").error().exit_code == Stop(reason, "").exit_code == ending(reason).exit_code


def test_a_reason_has_a_detail_or_is_of_another_version() -> None:
    """What follows the colon changes nothing; what nobody knows halts, under its own name."""
    assert ending("guard:shifted") == ENDINGS["guard"]
    assert stopped_words("guard:shifted") == "a guard stopped it (shifted)"
    assert (stopped_words("until"), stopped_words("")) == ("the time of --until has come", "")
    assert (ending("moon").words, int(ending("moon").exit_code)) == ("moon", 3)
