"""What ``--help`` looks like."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bulk_sync.cli import commands


def paths(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command as the words that it is called by."""
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from paths(inner, *path, name)


def help_of(*path: str) -> str:
    """Return a command's help."""
    return CliRunner().invoke(commands, [*path, "--help"], terminal_width=80).output


def test_each_first_step_has_a_line() -> None:
    """They are there to be copied."""
    lines = [line.strip() for line in help_of().splitlines()]
    begin = lines.index("First steps:") + 1
    assert [line.split()[1] for line in lines[begin : begin + 4]] == ["mapping", "check", "plan", "run"]
    assert all(line.startswith("bulk-sync ") and line.endswith(".yaml") for line in lines[begin : begin + 4])


@pytest.mark.parametrize("path", list(paths(commands)), ids=" ".join)
def test_no_help_shows_its_markup(path: tuple[str, ...]) -> None:
    """Neither a backslash nor the character that it stands for."""
    text = help_of(*path)
    assert text.startswith("Usage: ")
    assert "\\" not in text and "\b" not in text
