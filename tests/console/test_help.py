"""What ``--help`` looks like."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bulk_sync.cli import commands
from bulk_sync.sandbox.config import HeaderStyle
from bulk_sync.settings import Settings


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


@pytest.mark.parametrize(("command", "name"), [("check", "check"), ("plan", "plan"), ("run", "results")])
def test_the_name_of_the_results_is_that_of_the_command(command: str, name: str) -> None:
    """Where nobody names them."""
    assert f"[SOURCE-{name}-RUN.xlsx]" in help_of(command).replace("\n", "").replace(" ", "")


def test_check_has_no_option_that_it_could_not_heed() -> None:
    """It knows no record, so it counts no changes, and it follows no run that could have been the same."""
    known = {option.name for option in commands.commands["check"].params} & set(Settings.model_fields)
    assert not known & {"max_changed", "max_cleared", "skip_same", "yes", "rate"}
    assert {"max_invalid", "require_valid", "expect_rows", "require_fresh"} <= known


def test_the_sandbox_lists_its_headers() -> None:
    """All that it takes."""
    assert ", ".join(HeaderStyle) in " ".join(help_of("sandbox").split())


def test_what_is_to_be_written_needs_a_file() -> None:
    """The whole run instead of its problems would look like an answer."""
    ran = CliRunner().invoke(commands, ["runs", "R", "--what", "problems"])
    assert (ran.exit_code, "--output FILE is missing" in ran.output) == (2, True)


@pytest.mark.parametrize(
    "words",
    ["run ", "run -m ", "run --plan ", "check x --output ", "retry ", "runs ", "mapping lint ", "mapping lint m.yaml "],
)
def test_a_shell_completes_the_names_of_files(words: str) -> None:
    """Where one is asked for: with completion on, the shell's own would be gone."""
    asked = {"COMP_WORDS": f"bulk-sync {words}", "COMP_CWORD": str(len(words.split()) + 1)}
    environ = {**asked, "_BULK_SYNC_COMPLETE": "bash_complete"}
    ran = CliRunner().invoke(commands, prog_name="bulk-sync", complete_var="_BULK_SYNC_COMPLETE", env=environ)
    assert ran.output == "file,\n"
