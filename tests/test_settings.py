"""Flags over environment over profile over mapping over defaults; what does not fit is named where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time
from itertools import combinations
from pathlib import Path

import pytest

from bulk_sync.errors import Refused
from bulk_sync.settings import (
    parse_duration,
    parse_rows,
    parse_until,
    resolve,
    seconds_until,
)
from bulk_sync.workflow.desk import kept_settings

LAYERS = ("flags", "environ", "profile", "mapping")


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text('[shop]\nrate = "3/s"\nworkers = 3\nbase-url = "https://shop.example"\n[other]\nrate = "9/s"\n')
    return path


def rate_of(layers: tuple[str, ...], profiles: Path) -> str | None:
    """Resolve with the rate set in these layers, each with a value of its own."""
    flags: dict[str, object] = {"rate": "1/s"} if "flags" in layers else {}
    environ = {"BULK_SYNC_RATE": "2/s"} if "environ" in layers else {}
    mapping: Mapping[str, object] = {"rate": "4/s"} if "mapping" in layers else {}
    if "profile" in layers:
        flags["profile"] = "shop"
    return resolve(flags, environ=environ, profiles=profiles, mapping=mapping).rate


@pytest.mark.parametrize("layers", [part for count in range(5) for part in combinations(LAYERS, count)], ids="+".join)
def test_the_higher_layer_wins(layers: tuple[str, ...], profiles: Path) -> None:
    """Whatever layers say the rate, the first of flags, environment, profile, mapping is heard; else the default."""
    rates = dict(zip(LAYERS, ("1/s", "2/s", "3/s", "4/s"), strict=True))
    expected = next((rates[layer] for layer in LAYERS if layer in layers), None)
    assert rate_of(layers, profiles) == expected


def test_the_defaults_are_the_contract_s() -> None:
    """What design.md says an option is when nobody sets it."""
    found = resolve({}, environ={})
    kept = (found.base_url, found.rate, found.quota_share, found.workers, found.attempts, found.read, found.max_outage)
    assert kept == ("https://api.heffl.com/api/v1", None, 1.0, 4, 10, "auto", 1800.0)
    assert (found.yes, found.allow, found.sandbox, found.output_mode) == (False, (), None, "600")


def test_answers_and_overrides_come_from_the_command_line_alone(profiles: Path) -> None:
    """--yes and --allow are not heard from the environment, and refused in a profile."""
    found = resolve({}, environ={"BULK_SYNC_YES": "1", "BULK_SYNC_ALLOW": "shifted"})
    assert (found.yes, found.allow) == (False, ())
    found = resolve({"yes": True, "allow": ("shifted", "empty")}, environ={})
    assert (found.yes, found.allow) == (True, ("shifted", "empty"))
    for line in ("yes = true", 'allow = "shifted"', 'key = "secret-key"', 'api-key = "secret-key"'):
        profiles.write_text(f"[shop]\n{line}\n")
        with pytest.raises(Refused) as caught:
            resolve({"profile": "shop"}, environ={}, profiles=profiles)
        assert "cannot be set in a profile" in caught.value.message
        assert "secret-key" not in caught.value.message + caught.value.hint
        assert ("on the command line, each time: --" in caught.value.hint) == ("key" not in line)


def test_a_profile_may_come_from_the_environment(profiles: Path) -> None:
    """Its other options are taken; an unknown one is refused with the names that there are."""
    found = resolve({}, environ={"BULK_SYNC_PROFILE": "shop"}, profiles=profiles)
    assert (found.profile, found.base_url, found.workers) == ("shop", "https://shop.example", 3)
    with pytest.raises(Refused, match=r"profile 'shpo': not in .*profiles.toml \(it has: shop, other\)"):
        resolve({"profile": "shpo"}, environ={}, profiles=profiles)
    profiles.write_text("not toml")
    with pytest.raises(Refused, match="not a TOML file of profiles"):
        resolve({"profile": "shop"}, environ={}, profiles=profiles)


def test_an_empty_name_in_a_profile_is_refused(profiles: Path) -> None:
    """An empty state folder would be the working directory: a fresh state, without ledger and lock."""
    profiles.write_text('[shop]\nstate-dir = ""\n')
    with pytest.raises(Refused, match="profile 'shop': state_dir = '' names no folder"):
        resolve({"profile": "shop"}, environ={}, profiles=profiles)


def test_numbers_of_a_profile_are_what_flags_say_in_letters(profiles: Path) -> None:
    """TOML has numbers, and so have programs."""
    profiles.write_text("[shop]\nmax_changed = 0.3\nmax_invalid = 0\nsheet = 2\noutput_mode = 640\n")
    found = resolve({"profile": "shop", "expect_rows": 5}, environ={}, profiles=profiles)
    assert (found.max_changed, found.max_invalid, found.sheet, found.expect_rows) == ("0.3", "0", "2", "5")
    assert found.output_mode == "640"
    profiles.write_text("[shop]\nmax_changed = true\n")
    with pytest.raises(Refused, match="profile 'shop', max_changed: "):
        resolve({"profile": "shop"}, environ={}, profiles=profiles)


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"workers": "0"}, {}, "--workers: expected at least 1 (given: 0)"),
        ({"workers": "many"}, {}, "--workers: expected a whole number (given: many)"),
        ({}, {"BULK_SYNC_WORKERS": "0"}, "BULK_SYNC_WORKERS: expected at least 1 (given: 0)"),
        ({"quota_share": "70%"}, {}, "--quota-share: "),
        ({"quota_share": "1.5"}, {}, "--quota-share: 1.5 is not a share"),
        ({"until": "6 o'clock"}, {}, "--until: "),
        ({"max_duration": "long"}, {}, "--max-duration: 'long' is not a duration: expected such as 90s, 30m,"),
        ({"rows": "21-2"}, {}, "--rows: '21-2' ends before it begins"),
        ({"allow": ("everything",)}, {}, "--allow: 'everything' is no guard: expected one of shifted, swapped,"),
        ({"allow": ("empty", "much-smaller")}, {}, "--allow: 'much-smaller' is no guard: expected one of"),
        ({"output_mode": "rw"}, {}, "--output-mode: expected three octal digits, such as 600 or 640 (given: rw)"),
        ({"quota_share": "much"}, {}, "--quota-share: expected a number (given: much)"),
        ({}, {"BULK_SYNC_OVERWRITE": "perhaps"}, "BULK_SYNC_OVERWRITE: expected true or false (given: perhaps)"),
        ({"timeout": "0s"}, {}, "--timeout: expected more than 0 (given: 0s)"),
        ({"max_change": 3}, {}, "--max-change: there is no such option; did you mean max_changed? (given: 3)"),
        ({"zzz": 3}, {}, "--zzz: there is no such option (given: 3)"),
        ({"read": "some"}, {}, "--read: expected 'auto', 'list', 'each' or 'none' (given: some)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(flags: dict[str, object], environ: dict[str, str], message: str) -> None:
    """The option or variable as the user wrote it, and what was expected."""
    with pytest.raises(Refused) as caught:
        resolve(flags, environ=environ)
    assert caught.value.message.startswith(message)
    assert "given: (" not in caught.value.message


def test_every_mistake_is_named_at_once() -> None:
    """Two wrong options, two lines."""
    with pytest.raises(Refused) as caught:
        resolve({"workers": "0", "timeout": "x"}, environ={"BULK_SYNC_FIRST": "0"})
    named = [line.partition(":")[0] for line in caught.value.message.splitlines()]
    assert sorted(named) == ["--timeout", "--workers", "BULK_SYNC_FIRST"]


def test_durations_rows_and_times() -> None:
    """The ways in which they are written."""
    assert [parse_duration(text) for text in ("90", "90s", "30m", "2h", "1.5h", "30d", " 5 min ")] == [
        90.0, 90.0, 1800.0, 7200.0, 5400.0, 2592000.0, 300.0,
    ]  # fmt: skip
    assert parse_rows("2-21, 40,100-") == ((2, 21), (40, 40), (100, 2**62))
    assert parse_until(" 06:00 ") == time(6, 0)
    for parse in (parse_duration, parse_rows, parse_until):
        with pytest.raises(ValueError, match="is not a"):
            parse("soon")


def test_until_is_the_next_such_time() -> None:
    """Later today, or tomorrow where it has passed."""
    now = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert [seconds_until(time(hour), now) for hour in (23, 22, 6)] == [1800.0, 23.5 * 3600, 7.5 * 3600]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("only_fields", "--only-fields"), ("profile", "--profile"), ("rows", "--rows"), ("state_dir", "--state-dir"),
        ("sheet", "--sheet"), ("ca_file", "--ca-file"), ("base_url", "--base-url"),
    ],
)  # fmt: skip
def test_an_option_that_is_given_empty_is_not_one_left_out(name: str, field: str) -> None:
    """An unset variable of a shell script must not write every field, nor write to another account."""
    with pytest.raises(Refused, match=f"^{field}: ''"):
        resolve({name: ""}, environ={})


@pytest.mark.parametrize(
    "told",
    [
        {"trust_ledger": "no"}, {"trust_ledger": "7d"}, {"until": "06:00"}, {"rate": "none"}, {"rows": "2-5,9-"},
        {"only_fields": "name,email"}, {"max_outage": "5m"}, {"max_changed": "0.3"}, {"expect_rows": "1..5"},
        {"wait": "10m"}, {"require_fresh": "24h"}, {"output_mode": "640"}, {"allow": ("empty",)}, {"sheet": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_run_was_told_is_what_its_resume_hears(told: dict[str, object]) -> None:
    """Through the journal, which keeps it as JSON: as resume and retry get it."""
    settings = resolve(told, environ={})
    kept = json.loads(json.dumps(kept_settings(settings)))
    (name,) = told
    assert getattr(resolve({}, environ={}, mapping=kept), name) == getattr(settings, name)
