"""The mapping commands as a person sees them: whole outputs of lint, explain and suggest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

MAPPING = """\
match: Client ID
clear_token: CLEAR!
source: {where: {Land: [DE, ""]}}
fields:
  name: Company
  email: {column: E-mail, transform: [lower]}
  cf_tier: {column: Tier, map: {Gold: g}}
"""
SOURCE = (
    "Client ID,Company,E-mail,Tier,Land\nclt_1,Acme,A@B.com,Gld,DE\nclt_2,,CLEAR!,,\nclt_3,x\x9by,,,AT\nclt_4,a,b\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a mapping and a source."""
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "c.csv").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *args: str, piped: str = "") -> tuple[int, str, str]:
    """Run a mapping command in a folder, with something piped into it; return exit code, stdout and stderr."""
    command = [sys.executable, "-m", "bulk_sync", "mapping", *args]
    environ = {
        "BULK_SYNC_STATE_DIR": str(folder / "state"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        command, cwd=folder, env=environ, input=piped, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_lint_of_a_mapping_and_a_source(folder: Path) -> None:
    """Shows each cause with its count, first cell and hint, and only the rows that a run would take."""
    assert run(folder, "lint", "m.yaml", "c.csv")[:2] == (
        0,
        (
            '1 row: column "Tier", value "Gld": not listed in the field\'s map (D2)\n'
            "    hint: did you mean 'Gold'?\n"
            '1 row: column "Tier", value "clt_4,a,b": line 5: the row has 3 fields, the header has 5 (D5)\n'
            "    hint: a delimiter is missing, or a line end stands inside the row\n"
            "m.yaml: no mistakes, 3 rows checked\n"
        ),
    )


def test_lint_tells_a_mappings_mistakes_whatever_the_source_is(folder: Path) -> None:
    """Shows that a source which only the faulty mapping says how to read does not stand before its mistakes."""
    (folder / "m.yaml").write_text(
        MAPPING.replace("source: {", "source: {encoding: cp1252, ").replace("name:", "nmae:")
    )
    (folder / "c.csv").write_bytes("Client ID;Company\nclt_1;Müller\n".encode("cp1252"))
    code, out, err = run(folder, "lint", "m.yaml", "c.csv")
    assert (code, out.splitlines()[0], err) == (2, "m.yaml:5:3: unknown field 'nmae'", "")


def test_lint_says_how_much_it_does_not_say(folder: Path) -> None:
    """Shows that causes beyond those kept apart are not counted as none."""
    for number, said in ((300, "and 100 more causes"), (1200, "and more than 800 more causes")):
        rows = "".join(f"clt_{row},a,{row}@@b.com,,DE\n" for row in range(number))
        (folder / "c.csv").write_text(SOURCE.splitlines(keepends=True)[0] + rows)
        last, total = run(folder, "lint", "m.yaml", "c.csv")[1].splitlines()[-2:]
        assert (last, total) == (
            f"{said}: bulk-sync check lists every row",
            f"m.yaml: no mistakes, {number:,} rows checked",
        )
        told = json.loads(run(folder, "lint", "m.yaml", "c.csv", "--json")[1])
        assert (len(told["problem_groups"]), told["notes"]) == (200, [last])


def test_lint_names_the_file_as_it_was_given(folder: Path) -> None:
    """Shows file:line:column as an editor links it from the working directory, the line, a caret and the hint."""
    (folder / "m.yaml").write_text("match: ID\nfields:\n  emial: E-mail\n", encoding="utf-8")
    assert run(folder, "lint", "m.yaml") == (
        2,
        (
            "m.yaml:3:3: unknown field 'emial'\n"
            "      emial: E-mail\n"
            "      ^\n"
            "hint: did you mean 'email'?\n"
            "m.yaml: 1 mistake\n"
        ),
        "",
    )


ROW_3 = """\
key
  key A3                   "clt_2"   (finds the client by id)
name
  cell B3                  ""   (column Company)
  trim                     ""   (outer white space off)
  blank                    (keep)
  not sent                 (the field stays as it is)
email
  cell C3                  "CLEAR!"   (column E-mail)
  trim                     "CLEAR!"   (outer white space off)
  clear token              null   ('CLEAR!' clears the field)
  clear                    null   (sends null)
  sent                     null   (null clears)
cf_tier
  cell D3                  ""   (column Tier)
  trim                     ""   (outer white space off)
  blank                    (keep)
  not sent                 (the field stays as it is)
would be sent: {"email": null}
"""
CELL_D2 = """\
cf_tier
  cell D2                  "Gld"   (column Tier)
  trim                     "Gld"   (outer white space off)
  map                      "Gld"   (not listed, otherwise: error)
  problem                  "Gld"   (not listed in the field's map)
  not sent                 (the row is invalid)
error: D2 "Gld": not listed in the field's map
  hint: did you mean 'Gold'?
would be sent: nothing, the row is invalid
"""
CELL_B4 = """\
name
  cell B4                  "x\\x9by"   (column Company)
  problem                  "x\\\\u009by"   (a control character (U+009B at position 2))
  not sent                 (the row is invalid)
would be sent: nothing, the row is left out by the mapping's where
"""
CELL_E4 = """\
row
  where E4                 "AT"   (none of the values that take a row)
would be sent: nothing, the row is left out by the mapping's where
"""
ROW_5 = """\
row
  problem D5               "clt_4,a,b"   (line 5: the row has 3 fields, the header has 5)
error: D5 "clt_4,a,b": line 5: the row has 3 fields, the header has 5
  hint: a delimiter is missing, or a line end stands inside the row
would be sent: nothing, the row is invalid
"""


@pytest.mark.parametrize(
    ("cell", "output"),
    [
        ("3", ROW_3),
        ("D2", CELL_D2),
        ("d2 (line 2)", CELL_D2),
        ("B4", CELL_B4),
        ("E4", CELL_E4),
        ("5", ROW_5),
        ("F5", ROW_5),
    ],
)
def test_explain_of_a_cell_or_a_row(folder: Path, cell: str, output: str) -> None:
    """Shows every step, what is kept, what clears, why nothing is sent; what would steer a terminal is visible."""
    assert run(folder, "explain", "c.csv", cell, "--mapping", "m.yaml")[:2] == (0, output)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("99", "error: c.csv has no row 99 below its header\n"),
        ("Z2", "error: the source has no column Z: its last is E\n"),
        ("C", "error: 'C' is neither a cell such as C17 nor a row such as 17\n"),
        (
            "Clients!C2",
            (
                "error: the cell is in sheet Clients, and c.csv has no sheets\n"
                "hint: name the cell without its sheet, or --sheet\n"
            ),
        ),
    ],
)
def test_explain_of_what_is_not_there(folder: Path, cell: str, message: str) -> None:
    """Shows the one line for a row, a column and a word that name nothing."""
    assert run(folder, "explain", "c.csv", cell, "--mapping", "m.yaml") == (2, "", message)


def test_the_source_may_come_from_standard_input(folder: Path) -> None:
    """Shows that - is a source for every command that takes one."""
    assert run(folder, "explain", "-", "D2", "--mapping", "m.yaml", piped=SOURCE)[:2] == (0, CELL_D2)
    assert run(folder, "lint", "m.yaml", "-", piped=SOURCE)[:2] == run(folder, "lint", "m.yaml", "c.csv")[:2]
    code, text, _ = run(folder, "suggest", "-", piped=SOURCE)
    assert (code, text.splitlines()[1].startswith("# Suggested for standard input from its headers")) == (0, True)


def test_explain_reads_the_sheet_that_a_cell_names(folder: Path) -> None:
    """Shows that a cell as a problem names it is found in its own sheet, and not explained by another's."""
    book = openpyxl.Workbook()
    for name, company in (("It's", "one"), ("Other", "two")):
        sheet = book.create_sheet(name)
        sheet.append(["Client ID", "Company", "E-mail", "Tier", "Land"])
        sheet.append(["clt_1", company, None, None, "DE"])
    book.save(folder / "c.xlsx")
    for cell, company in (("Other!B2", "two"), ("'It''s'!B2", "one")):
        code, out, _ = run(folder, "explain", "c.xlsx", cell, "--mapping", "m.yaml")
        assert (code, out.splitlines()[-1]) == (0, f'would be sent: {{"name": "{company}"}}')
    refused = run(folder, "explain", "c.xlsx", "Other!B2", "--mapping", "m.yaml", "--sheet", "It's")
    assert (refused[0], refused[2].splitlines()[0]) == (
        2,
        "error: the cell is in sheet Other, and what is read is sheet It's",
    )


def test_a_transform_in_full(folder: Path) -> None:
    """Shows summary, option, what must be installed and every example, and what a misspelt name may have meant."""
    assert run(folder, "transforms", "split")[:2] == (
        0,
        (
            "split: Cut at a separator and keep one part\n"
            "option: on (the separator), part (1 is the first, -1 the last), missing: whole for texts without it\n"
            'example: {split: {on: ",", part: 1}}: "Berg, Jan" → "Berg"\n'
            'example: {split: {on: ",", part: -1}}: "Berg, Jan" → "Jan"\n'
            'example: {split: {on: ",", part: 2}}: "Berg" → problem no_part\n'
            'example: {split: {on: ",", part: 2, missing: whole}}: "Berg" → "Berg"\n'
        ),
    )
    assert run(folder, "transforms", "splt") == (
        2,
        "",
        "error: there is no transform 'splt'\nhint: did you mean 'split'?\n",
    )


def test_suggest_guesses_an_encoding_where_nobody_can_be_asked(folder: Path) -> None:
    """Shows that a file which no other command reads without its encoding still gets a mapping, with a mark."""
    (folder / "g.csv").write_bytes("Client ID;Straße;E-Mail\nclt_1;Münchner Straße 1;a@b.de\n".encode("cp1252"))
    code, text, _ = run(folder, "suggest", "g.csv")
    assert code == 0
    assert "  encoding: cp1252  # CHECK: guessed" in text
    (folder / "g.yaml").write_text(text, encoding="utf-8")
    assert run(folder, "lint", "g.yaml", "g.csv")[:2] == (0, "g.yaml: no mistakes, 1 row checked\n")
