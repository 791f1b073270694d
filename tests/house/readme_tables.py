"""The README's tables, made from the program. Run as a script it writes them; a test compares them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from bulk_sync.cli import commands
from bulk_sync.console.events import EVENTS
from bulk_sync.errors import EXIT_MEANINGS
from bulk_sync.mapping.codes import PROBLEM_CODES
from bulk_sync.mapping.transforms import transforms_table
from bulk_sync.planning.codes import PLANNING_CODES
from bulk_sync.records import STATUS_MEANINGS
from bulk_sync.results.codes import RESULTS_CODES
from bulk_sync.sending.policy import verdict_table
from bulk_sync.settings import GUARD_NAMES
from bulk_sync.sources.codes import SOURCE_CODES
from bulk_sync.workflow.deciding import CODES as DECIDING_CODES
from bulk_sync.workflow.intake import CODES as INTAKE_CODES

README = Path(__file__).parents[2] / "README.md"
_PLACE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return a text as Markdown code."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def all_codes() -> dict[str, str]:
    """Return every problem code of the program with its meaning."""
    codes: dict[str, str] = {}
    for each in (
        SOURCE_CODES, PLANNING_CODES, PROBLEM_CODES, RESULTS_CODES, INTAKE_CODES, DECIDING_CODES,
    ):  # fmt: skip
        for name, meaning in each.items():  # one code may have several meanings, which its column tells apart
            codes[name] = meaning if codes.get(name, meaning) == meaning else f"{codes[name]}, or {meaning}"
    codes["differs"] = "the API accepted the change, and its answer shows another value"
    return dict(sorted(codes.items()))


TABLES: dict[str, Callable[[], str]] = {
    "commands": lambda: table(
        ("command", "what it does"),
        ((code(f"bulk-sync {name}"), each.get_short_help_str(200)) for name, each in commands.commands.items()),
    ),
    "exit-codes": lambda: table(
        ("code", "means"), ((str(int(number)), meaning) for number, meaning in EXIT_MEANINGS.items())
    ),
    "statuses": lambda: table(
        ("status", "means"), ((code(status.value), meaning) for status, meaning in STATUS_MEANINGS.items())
    ),
    "transforms": lambda: table(
        ("transform", "option", "what it does", "example"),
        (
            (
                code(row.name),
                row.option,
                row.summary + (f" (extra `{row.extra}`)" if row.extra else ""),
                code(row.example),
            )
            for row in transforms_table()
        ),
    ),
    "codes": lambda: table(("code", "means"), ((code(name), meaning) for name, meaning in all_codes().items())),
    "verdicts": lambda: table(("what came", "verdict", "an attempt", "because"), verdict_table()),
    "events": lambda: table(("event", "tells"), ((code(name), meaning) for name, meaning in EVENTS.items())),
    "guards": lambda: table(("guard", "stops"), ((code(name), meaning) for name, meaning in GUARD_NAMES.items())),
}


def with_tables(text: str) -> str:
    """Return the README with its tables as the program has them."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
