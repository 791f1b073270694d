"""The YAML that mapping suggest writes: whole, loadable, and safe for any header."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bulk_sync.errors import MappingError
from bulk_sync.mapping.mapper import compile_mapping
from bulk_sync.mapping.spec import parse_mapping
from bulk_sync.mapping.suggest import render_yaml, suggest
from bulk_sync.mapping.suggest_yaml import flow, quoted
from bulk_sync.records import SourceRow

HEADER = (
    "CLIENT ID",
    "Firma",
    "Contact e-mail",
    "Mobile",
    "Tel.",
    "Stadt",
    "Land",
    "Web",
    "Typ",
    "VAT #",
    "Notes: all",
)
ROWS = [
    ("clt_1", "ACME LLC", "Jan <jan@acme.ae>", "050 765 4321", "04 361 4567", "Dubai", "UAE", "acme.ae", "Business",
     "100234567890123", "-"),
    ("clt_2", "BERG  GMBH", "a@berg.de", "", "050 123 4567", "n/a", "U.A.E.", "https://berg.de", "company",
     "100234567890124", "call\nback"),
    ("clt_3", "GULF EST", "b@gulf.com", "", "04-361-4321", "Sharjah", "AE", "", "Person", "", ""),
]  # fmt: skip

EXPECTED = """\
# yaml-language-server: $schema=clients.schema.json
# Suggested for clients.xlsx from its headers and 3 rows. Lines that begin with # are doubtful: take the "# " off \
those that are right.
# An editor completes and underlines it beside: bulk-sync mapping schema > clients.schema.json
version: 1
resource: clients
source:
  sheet: Clients
  delimiter: ";"
match: CLIENT ID  # 98%, 100% of 3 values are ids that begin with clt_
fields:
  name: {column: Firma, transform: [squeeze]}  # 100%, "Firma" means name
  #   the values are in capitals; transform: [title] writes them as names
  primaryContact.email: {column: Contact e-mail, transform: [email]}  # 95%, "Contact e-mail" means email
  # phone: {column: Mobile, transform: [{phone: AE}]}  # 50%, "Mobile" means phone; 100% of 1 values are phone \
numbers, but "Tel." has the field already
  #   region AE: 100% of the countries are AE; 100% of the values are valid numbers with it
  phone: {column: Tel., transform: [{phone: AE}]}  # 100%, "Tel." means phone; 100% of 3 values are phone numbers
  #   region AE: 100% of the countries are AE; 100% of the values are valid numbers with it
  billingAddress.city: {column: Stadt, transform: [{blank_if: [n/a]}]}  # 100%, "Stadt" means billingAddress.city
  billingAddress.country: Land  # 100%, "Land" means billingAddress.country; 100% of 3 values are countries
  #   written in several ways; transform: [country] writes names, [{country: code}] two letters
  website: {column: Web, transform: [url]}  # 100%, "Web" means website; 100% of 2 values are web addresses
  # type: {column: Typ, map: {Business: company, company: company, Person: contact}}  # 60%, "Typ" means type, with \
other words than the API's
  taxNumber: "VAT #"  # 100%, "VAT #" means taxNumber; 100% of 2 values are numbers long enough for one
  # cf_notes_all: "Notes: all"
partial: [primaryContact, billingAddress]
# ignore: ["Notes: all"]
"""


def rows() -> list[SourceRow]:
    return [SourceRow(number, values) for number, values in enumerate(ROWS, 2)]


def test_the_whole_suggestion_for_a_small_file() -> None:
    """Sure lines count, doubtful ones are comments; each has its confidence, reason and what its values ask for."""
    found = suggest(HEADER, rows(), source_name="clients.xlsx", detected={"sheet": "Clients", "delimiter": ";"})
    assert render_yaml(found) == EXPECTED
    assert found.complete


def test_what_is_written_loads_and_compiles_and_so_do_its_doubtful_lines() -> None:
    """The mapping is valid as written; with the # of one doubtful line for each field removed, it still is."""
    found = suggest(HEADER, rows(), source_name="clients.xlsx", detected={"sheet": "Clients"})
    text = render_yaml(found)
    mapper = compile_mapping(parse_mapping(text, name="suggested.yaml", environ={}), HEADER, sheet="Clients")
    assert [mapper.map(row).problems for row in rows()] == [(), (), ()]
    mapped = {line.split(":")[0].strip() for line in text.splitlines() if line.startswith("  ") and "#" not in line[:4]}
    lines = []
    for line in text.splitlines():
        target = line.removeprefix("  # ").split(":")[0]
        doubtful = line.startswith("  # ") and "." not in target and " " not in target and target not in mapped
        mapped |= {target} if doubtful else set()
        lines.append("  " + line.removeprefix("  # ") if doubtful else line)
    parse_mapping("\n".join(lines), name="uncommented.yaml", environ={})


def test_a_file_without_a_header_is_doubted() -> None:
    """Its first client would be taken for the names of the columns, and never be updated."""
    rows = [SourceRow(2, ("clt_2", "Bravo", "b@b.com"))]
    doubt = "# CHECK: a column is called what looks like a value; where the first row is no header, put one above it.\n"
    found = suggest(("clt_1", "Acme", "a@b.com"), rows, source_name="c.csv", detected={})
    assert doubt in render_yaml(found)
    assert doubt not in render_yaml(suggest(("clt_id", "Name", "E-mail"), rows, source_name="c.csv", detected={}))


def test_dates_with_a_time_are_sent_with_it() -> None:
    """A column of dates of which one has a time is of the type that keeps it."""
    rows = [SourceRow(2, ("clt_1", "2024-01-05", "2024-01-05")), SourceRow(3, ("clt_2", "2024-01-05T10:30:00", ""))]
    text = render_yaml(suggest(("Client ID", "Seen", "Since"), rows, source_name="c.csv", detected={}))
    assert "# cf_seen: {column: Seen, type: datetime}\n" in text
    assert "# cf_since: {column: Since, type: date}\n" in text


def test_a_file_without_anything_known_is_not_ready() -> None:
    """Where no column is a key or a field, the mapping says so instead of guessing."""
    found = suggest(("Colour", "???"), [], source_name="odd.csv", detected={})
    assert not found.complete
    assert render_yaml(found) == (
        "# yaml-language-server: $schema=clients.schema.json\n"
        "# Suggested for odd.csv from its headers and 0 rows."
        ' Lines that begin with # are doubtful: take the "# " off those that are right.\n'
        "# An editor completes and underlines it beside: bulk-sync mapping schema > clients.schema.json\n"
        "# Not ready to use: it needs a column to match by, and a line under `fields:` without # before it.\n"
        "version: 1\n"
        "resource: clients\n"
        "# CHECK: no column looks like the key of a record; name one (by: id, number, email, phone, name or cf_…)\n"
        'match: "?"\n'
        "fields:\n"
        "  # cf_colour: Colour\n"
        '# ignore: [Colour, "???"]\n'
    )


def test_doubtful_lines_can_be_taken_in_where_nothing_is_sure() -> None:
    """Without a sure line the file says what it lacks when it is loaded; with one uncommented it is a mapping."""
    header = ("Client ID", "Name", "Name ", "Colour")
    sample = [SourceRow(2, ("clt_1", "a", "b", "x"))]
    found = suggest(header, sample, source_name="odd.csv", detected={}, guesses={})
    text = render_yaml(replace(found, fields=tuple(replace(each, confidence=0.5) for each in found.fields)))
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, name="m.yaml", environ={})
    assert [(mistake.message, mistake.hint) for mistake in caught.value.mistakes] == [
        ("fields has no value", "a mapping sends something: write a line such as `name: Company` beneath `fields:`")
    ]
    taken = text.replace("  # cf_colour", "  cf_colour")
    assert list(parse_mapping(taken, name="m.yaml", environ={}).fields) == ["cf_colour"]


def test_guesses_are_marked() -> None:
    """What was only guessed of the file stands in the source block with a mark and the other possibilities."""
    found = suggest(
        ("Client ID",), [], source_name="a.csv", detected={"encoding": "cp1252"}, guesses={"encoding": "guessed"}
    )
    assert "  encoding: cp1252  # CHECK: guessed\n" in render_yaml(found)


def test_a_po_box_may_stand_for_the_postal_code() -> None:
    """Beside a street a PO box is a doubtful postal code; alone, or beside a postal code, a doubtful address."""

    def proposed(*header: str) -> list[tuple[str, bool]]:
        sample = [SourceRow(2, ("Corniche", "4455", "12345")[: len(header)])]
        found = suggest(header, sample, source_name="a.csv", detected={})
        return [(each.target.removeprefix("billingAddress."), each.doubtful) for each in found.fields]

    assert proposed("Street", "P.O. Box") == [("address", False), ("postalCode", True)]
    assert proposed("Street", "P.O. Box", "ZIP") == [("address", False), ("address", True), ("postalCode", False)]
    assert proposed("PO Box") == [("address", True)]


@pytest.mark.parametrize("phones", [("+97150123456",), ("050 123 4567", "050"), ("",)])
def test_a_phone_column_of_any_kind_gives_loadable_yaml(phones: tuple[str, ...]) -> None:
    """Whatever the numbers look like, whether a country is known or not, the proposal loads and has the phone."""
    for country in ("Germany", "UAE", "??"):
        sample = [SourceRow(2, ("clt_1", "Acme", phone, country)) for phone in phones]
        found = suggest(("ID", "Company", "Phone", "Country"), sample, source_name="p.csv", detected={})
        spec = parse_mapping(render_yaml(found), name="p.yaml", environ={})
        proposed = {"name": "Company", "phone": "Phone", "billingAddress.country": "Country"}
        if country == "??":
            del proposed["billingAddress.country"]
        assert {name: ", ".join(program.columns) for name, program in spec.programs.items()} == proposed


@settings(max_examples=80)
@given(st.text(max_size=20))
def test_any_text_survives_quoting(text: str) -> None:
    """A header is read back from the YAML as it was, as a value, in a list and as a key."""
    loaded = YAML(typ="safe").load(io.StringIO(f"a: {quoted(text)}\nb: {flow({text: [text, 1]})}\n"))
    assert loaded == {"a": text, "b": {text: [text, 1]}}


@settings(max_examples=40)
@given(st.lists(st.text(max_size=12), max_size=4), st.lists(st.text(max_size=12), max_size=4))
def test_any_header_and_values_give_yaml(header: list[str], values: list[str]) -> None:
    """No header and no value can make a suggestion that is not YAML, or raise."""
    names = ("Company", *header)
    sample = [SourceRow(2, ("Acme", *values, *[""] * len(header))[: len(names)])]
    text = render_yaml(suggest(names, sample, source_name="a\nb", detected={"sheet": "x: #"}))
    assert YAML(typ="safe").load(io.StringIO(text))["source"] == {"sheet": "x: #"}
