"""What was asked for: flags > environment > profile > mapping > defaults; frozen once resolved.

The order is four updates of a dict, which says it better than the sources of a settings library would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bulk_sync.errors import Refused

DEFAULT_BASE_URL = "https://api.heffl.com/api/v1"
"""Heffl's v1 API (docs.heffl.com/api-reference/introduction)."""
DEFAULT_RATE = "60/min"
"""Requests for each key (docs.heffl.com/api-reference/introduction; heffl.com/api-docs says 60 an hour)."""
DEFAULT_TIMEOUT = 30.0
"""Seconds for a whole request, from its beginning to the last byte of its answer."""

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
}
"""Guard → meaning; these are the names that ``--allow`` takes."""

_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def parse_duration(text: object) -> float:
    """Return seconds for ``90s``, ``30m``, ``2h``, ``30d`` or a number of seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(text).lower())
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a duration: expected such as 90s, 30m, 2h or 30d")
    return float(match[1]) * _UNITS[match[2]]


def parse_rows(text: object) -> tuple[tuple[int, int], ...]:
    """Return inclusive ranges of row numbers for ``2-21,40``; an open end is written ``100-``.

    A list of pairs is what a journal keeps of them.
    """
    if isinstance(text, list):
        return tuple((int(first), int(last)) for first, last in text)
    ranges = []
    for part in str(text).split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:(-)\s*(\d*))?\s*", part)
        if not match:
            raise ValueError(f"{part.strip()!r} is not a row or a range of rows: expected such as 2-21,40")
        first = int(match[1])
        last = first if not match[2] else int(match[3]) if match[3] else 2**62
        if last < first:
            raise ValueError(f"{part.strip()!r} ends before it begins")
        ranges.append((first, last))
    return tuple(ranges)


def parse_until(text: object) -> clock_time:
    """Return a clock time for ``06:00``, which a journal keeps as ``06:00:00``."""
    minutes = re.sub(r"(:\d\d):00$", r"\1", str(text).strip())
    try:
        return datetime.strptime(minutes, "%H:%M").time()  # noqa: DTZ007 - a time of day, any zone
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day: expected such as 06:00") from None


def seconds_until(moment: clock_time, now: datetime) -> float:
    """Return the seconds from ``now`` (with its zone) to the next such time of day."""
    then = now.replace(hour=moment.hour, minute=moment.minute, second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    return (then - now).total_seconds()


def _parse_names(text: object) -> object:
    parts = text.split(",") if isinstance(text, str) else text
    if isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts):
        return tuple(part.strip() for part in parts if part.strip())
    return text


def _asked_fields(given: object) -> object:
    """Refuse what names no field: an unset variable of a shell script would have every field written."""
    names = _parse_names(given)
    if names in ((), []):
        raise ValueError(f"{given!r} names no field: expected such as name,email")
    return names


def _parse_ledger(text: object) -> float:
    return 0.0 if str(text).strip().lower() == "no" else parse_duration(text)


def _guard_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in GUARD_NAMES:
            raise ValueError(f"{name!r} is no guard: expected one of {', '.join(GUARD_NAMES)}")
    return names


def _whole_path(path: Path) -> Path:
    return path.expanduser().absolute()  # the run may be resumed from another folder


def _positive_share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{value} is not a share: expected more than 0 and at most 1, such as 0.7")
    return value


def _number_as_text(value: object) -> object:
    """Let a number of a profile, or of a program, be what a flag says in letters."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_number_as_text)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
Names = Annotated[tuple[str, ...], BeforeValidator(_parse_names)]


class Settings(BaseModel):
    """The options of one command, resolved. Durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: Path | None = None
    overwrite: bool = False
    output_mode: Annotated[Text, Field(pattern=r"^0?[0-7]{3}$")] = "600"
    report: Path | None = None
    base_url: str = DEFAULT_BASE_URL
    rate: str | None = None
    quota_share: Annotated[float, AfterValidator(_positive_share)] = 1.0
    workers: int = Field(4, ge=1, le=1000)
    attempts: int = Field(10, ge=1, le=100)
    timeout: Annotated[Duration, Field(gt=0)] = DEFAULT_TIMEOUT
    ca_file: Annotated[Path, AfterValidator(_whole_path)] | None = None
    first: int | None = Field(None, ge=1)
    rows: Annotated[tuple[tuple[int, int], ...], BeforeValidator(parse_rows)] | None = None
    only_fields: Annotated[tuple[str, ...], BeforeValidator(_asked_fields)] = ()
    until: Annotated[clock_time, BeforeValidator(parse_until)] | None = None
    max_requests: int | None = Field(None, ge=0)
    max_duration: Duration | None = None
    max_outage: Duration = 1800.0
    read: Literal["auto", "list", "each", "none"] = "auto"
    trust_ledger: Annotated[float, BeforeValidator(_parse_ledger)] = 30 * 86400.0
    max_changed: Text | None = None
    max_cleared: Text | None = None
    max_invalid: Text | None = None
    require_valid: bool = False
    expect_rows: Text | None = None
    allow: Annotated[Names, AfterValidator(_guard_names)] = ()
    yes: bool = False
    sandbox: Literal["keep", "fresh"] | None = None
    sheet: Text | None = None
    profile: str = ""
    state_dir: Path | None = None
    json_summary: bool = False
    verbose: bool = False
    quiet: bool = False
    log_format: Literal["text", "json"] = "text"
    wait: Duration | None = None
    from_journal: bool = False
    include_unverified: bool = False
    skip_same: bool = False
    require_fresh: Duration | None = None
    notify: str = ""
    heartbeat: str = ""
    key_command: str = ""


_OPTIONS = {"json_summary": "json"}
"""Settings whose option has another name."""

_NAMES = {"profile": "profile", "state_dir": "folder", "sheet": "sheet", "base_url": "address", "ca_file": "file"}
"""Options that name something: an unset variable of a shell script never means another account, state or sheet."""

NOT_FROM_OUTSIDE = frozenset({"yes", "allow"})
"""Answers and overrides are given on the command line or not at all."""


def resolve(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    profiles: Path | None = None,
    mapping: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings of a command.

    ``flags`` has only what was given; ``profiles`` is a TOML file with a table for each profile; ``mapping``
    what the mapping file says (rate, workers). Raises :class:`Refused` naming every option that does not fit.
    """
    for field, what in _NAMES.items():
        if flags.get(field) == "":
            raise Refused(f"{_option(field)}: '' names no {what}", hint="leave the option out to do without one")
    environment = _from_environment(environ)
    name = str(flags.get("profile") or environment.get("profile") or "")
    merged: dict[str, object] = dict(mapping or {})
    merged.update(_profile(name, profiles))
    merged.update(environment)
    merged.update({key: value for key, value in flags.items() if value is not None})
    try:
        return Settings(**merged)
    except ValidationError as error:
        lines = [_told(dict(item), flags, environment, name) for item in error.errors(include_url=False)]
        raise Refused("\n".join(lines), hint="bulk-sync COMMAND --help lists the options") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    given = {field: environ.get(_variable(field), "") for field in Settings.model_fields}
    return {field: text for field, text in given.items() if text and field not in NOT_FROM_OUTSIDE}


def _variable(field: str) -> str:
    """Return the variable for a setting, named as its option is."""
    return f"BULK_SYNC_{_OPTIONS.get(field, field).upper()}"


def _option(field: str) -> str:
    return "--" + _OPTIONS.get(field, field).replace("_", "-")


def _profile(name: str, profiles: Path | None) -> dict[str, object]:
    if not name:
        return {}
    tables = _tables(profiles) if profiles and profiles.is_file() else {}
    if name not in tables:
        listed = ", ".join(tables) or "none"
        message = f"profile {name!r}: not in {profiles} (it has: {listed})"
        raise Refused(message, hint="a profile is a table of that file, of however few lines: [production]")
    fields = {option: field for field, option in _OPTIONS.items()}
    values = {fields.get(plain := key.replace("-", "_"), plain): value for key, value in tables[name].items()}
    for key in ("key", "api_key", *NOT_FROM_OUTSIDE):
        if key in values:
            hint = "give the key as HEFFL_API_KEY, by key_command, or with: bulk-sync key set"
            raise Refused(
                f"{profiles}: profile {name!r}: {key!r} cannot be set in a profile",
                hint=f"give it on the command line, each time: {_option(key)}" if key in NOT_FROM_OUTSIDE else hint,
            )
    for field, what in _NAMES.items():
        if values.get(field) == "":
            message = f"{profiles}: profile {name!r}: {field} = '' names no {what}"
            raise Refused(message, hint="leave the line out to do without one")
    return {**values, "profile": name}


def _tables(profiles: Path) -> dict[str, dict[str, object]]:
    import tomllib

    try:
        content = tomllib.loads(profiles.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{profiles}: not a TOML file of profiles: {error}") from None
    return {name: table for name, table in content.items() if isinstance(table, dict)}


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list of names",
    "path": "the path of a file",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "three octal digits, such as 600 or 640",
}
"""What the models ask for, by the beginning of their own names for what does not fit."""


def _expected(field: str, item: Mapping[str, Any]) -> str:
    """Say what was expected; the models' own words are for who wrote them."""
    kind, message = str(item["type"]), str(item["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        from difflib import get_close_matches

        near = get_close_matches(field, Settings.model_fields, n=1)
        return "there is no such option" + "".join(f"; did you mean {name}?" for name in near)
    expected = _EXPECTED.get(kind) or _EXPECTED.get(kind.partition("_")[0])
    return f"expected {expected.format(**item.get('ctx') or {})}" if expected else message


def _told(item: Mapping[str, Any], flags: Mapping[str, object], environment: Mapping[str, object], profile: str) -> str:
    field = str(item["loc"][0]) if item["loc"] else ""
    if flags.get(field) is not None:
        where = _option(field)
    elif field in environment:
        where = _variable(field)
    else:
        where = f"profile {profile!r}, {field}" if profile else f"mapping, {field}"
    message = _expected(field, item)
    # Of several names the message says which one.
    told = isinstance(item["input"], tuple) or repr(item["input"]) in message
    given = "" if told else f" (given: {item['input']})"
    return f"{where}: {message}{given}"
