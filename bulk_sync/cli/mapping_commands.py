"""The commands on mappings: suggest, lint, explain, schema, transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bulk_sync.cli import options


@click.group("mapping", short_help="Write, check and explain mappings.")
def mapping_group() -> None:
    """Work on the YAML that joins columns to fields."""


@mapping_group.command("suggest", short_help="Write a mapping for a file.")
@click.argument("source", type=options.FILE)
@click.option("--output", "-o", type=options.FILE, metavar="FILE", help="Where to write it.  [stdout]")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@options.sheet
@options.common
def suggest_command(source: str, output: str | None, *, overwrite: bool, **given: Any) -> int:
    """Match the headers and values of SOURCE to the API's fields; what is doubtful is commented out."""
    from bulk_sync.cli.mapping_work import suggest_mapping

    return suggest_mapping(options.given(given), Path(source), Path(output) if output else None, overwrite=overwrite)


@mapping_group.command("lint", short_help="All mistakes of a mapping at once.")
@click.argument("mapping", type=options.FILE)
@click.argument("source", type=options.FILE, required=False)
@options.sheet
@options.common
def lint_command(mapping: str, source: str | None, **given: Any) -> int:
    """Check MAPPING and run its tests; with SOURCE also its columns and the values that its maps must know."""
    from bulk_sync.cli.mapping_work import lint_mapping

    return lint_mapping(options.given(given), Path(mapping), Path(source) if source else None)


@mapping_group.command("explain", short_help="Each value at each step, from the cell to the payload.")
@click.argument("source", type=options.FILE)
@click.argument("cell")
@options.mapping
@options.sheet
@options.common
def explain_command(source: str, cell: str, mapping_path: str | None, **given: Any) -> int:
    """Show what becomes of CELL (such as C17) or of a whole row (17) of SOURCE."""
    if not mapping_path:
        raise click.UsageError("--mapping FILE is missing: the YAML that joins columns to fields.")
    from bulk_sync.cli.mapping_work import explain_cell

    return explain_cell(options.given(given), Path(source), cell, Path(mapping_path))


@mapping_group.command("schema", short_help="The JSON Schema of mappings, for editors.")
@options.common
def schema_command(**given: Any) -> int:
    """Print the JSON Schema that completes and underlines mappings in an editor."""
    from bulk_sync.cli.mapping_work import print_schema

    return print_schema(options.given(given))


@mapping_group.command("transforms", short_help="The transforms, with examples.")
@click.argument("name", required=False)
@options.common
def transforms_command(name: str | None, **given: Any) -> int:
    """List the transforms, or show NAME in full."""
    from bulk_sync.cli.mapping_work import print_transforms

    return print_transforms(options.given(given), name)
