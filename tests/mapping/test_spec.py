"""Mappings read and checked: every mistake at once, each where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_sync.errors import MappingError
from bulk_sync.mapping.spec import FieldPolicy, MappingSpec, load_mapping, parse_mapping


def mistakes(text: str) -> list[str]:
    """Return the mistakes of a mapping, each with its hint."""
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, name="m.yaml", environ={})
    return [f"{mistake} | {mistake.hint}" if mistake.hint else str(mistake) for mistake in caught.value.mistakes]


def test_every_mistake_is_told_at_once() -> None:
    """Shows that the models' mistakes do not hide those that need the resource, and that each has a place."""
    text = """\
match: Client ID
fields:
  emial: {colum: E-mail}
  name: {column: Company, blank: clear}
  cf_tier: {column: Tier, transform: [loer, {phone: AE}], otherwise: eror}
  phone: {value: "0501234567"}
  billingAddress.city: City
blnk: keep
blank: klear
rate: 60/moon
partial: [billingAdress]
"""
    assert mistakes(text) == [
        "m.yaml:3:3: unknown field 'emial' | did you mean 'email'?",
        "m.yaml:3:11: unknown key 'colum' | did you mean 'column'?",
        (
            "m.yaml:4:34: name cannot be cleared: the API does not let it be null "
            '| `clear_as: empty` sends "" instead, at your word'
        ),
        "m.yaml:5:39: unknown transform 'loer' | did you mean 'lower'?",
        "m.yaml:5:70: fields.cf_tier.otherwise: expected error, leave, pass, clear or {value: …}",
        (
            'm.yaml:6:18: "0501234567": not an international phone number (it must begin with + and the country code) '
            "| the transform {phone: AE} completes and checks numbers of a country"
        ),
        (
            "m.yaml:7:3: billingAddress is mapped in part (address, landmark, state, country, postalCode left out), "
            "and the API may erase the rest | map the others, or say that it is on purpose: partial: [billingAddress]"
        ),
        "m.yaml:8:1: unknown key 'blnk' | did you mean 'blank'?",
        "m.yaml:9:8: blank: expected 'keep', 'clear' or 'error', got \"klear\" | did you mean 'clear'?",
        'm.yaml:10:7: rate: "60/moon" is not understood | write 60/min, 1/s, 60/2s, 1000/h, or none',
        "m.yaml:11:11: 'billingAdress' is not a unit | did you mean 'billingAddress'?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fields: {name: A}\n", ["m.yaml:1:1: match is missing"]),
        ("match: A\n", ["m.yaml:1:1: fields is missing"]),
        ("- a\n", ["m.yaml:1:1: a mapping has keys with values, such as `fields:`"]),
        (
            "match: A\nfields: {name: }\n",
            [
                (
                    "m.yaml:2:10: fields.name has no value | null and an empty value say nothing here; "
                    "delete the line, or fill it in"
                )
            ],
        ),
        (
            "match: {column: A, by: colour}\nfields: {name: A}\n",
            [
                (
                    'm.yaml:1:24: match.1.by: "colour" is not understood | by is id, number, email, '
                    "phone, name or a custom field cf_…"
                )
            ],
        ),
        ("match: [A, A]\nfields: {name: B}\n", ['m.yaml:1:12: the column "A" is matched twice']),
        ("match: A\nfields: {name: {}}\n", ["m.yaml:2:10: one of column, value, template, first_of is needed"]),
        (
            "match: A\nfields: {name: {column: A, value: B}}\n",
            ["m.yaml:2:10: only one of column, value, template, first_of may be given, not column and value"],
        ),
        (
            "match: A\nfields: {name: {column: A, type: number}}\n",
            ["m.yaml:2:34: name is sent as text; `type` is for custom fields"],
        ),
        (
            "match: A\nfields: {name: {column: A, otherwise: leave}}\n",
            ["m.yaml:2:28: `otherwise` says something about `map`, and there is none"],
        ),
        (
            "match: A\nfields: {cf_a: {column: A, separator: x, decimal: ','}}\n",
            [
                "m.yaml:2:28: `separator` belongs to `type: list`",
                "m.yaml:2:42: `decimal` belongs to `type: number` and `type: integer`",
            ],
        ),
        (
            "match: A\nfields: {billingAddress: A}\n",
            [
                (
                    "m.yaml:2:10: billingAddress is filled by its parts | map billingAddress.address, "
                    "billingAddress.landmark, billingAddress.city, billingAddress.state, billingAddress.country, "
                    "billingAddress.postalCode"
                )
            ],
        ),
        (
            "match: A\nfields: {type: {column: K, map: {Firm: compny}}}\n",
            ["m.yaml:2:40: \"compny\": not one of company, contact | did you mean 'company'?"],
        ),
        (
            "match: A\nfields: {name: {value: }}\n",
            ["m.yaml:2:23: null would clear the field, which the API does not let be null"],
        ),
        (
            "match: A\nfields: {name: {template: plain}}\n",
            ["m.yaml:2:27: a template without a column; write `value:` for a fixed text, {Column} for a column"],
        ),
        (
            "match: A\nfields: {name: {template: '{A|loer}'}}\n",
            ["m.yaml:2:27: unknown transform 'loer' | did you mean 'lower'?"],
        ),
        (
            "match: A\nfields: {name: A}\nclear_token: \\X\n",
            ["m.yaml:3:14: clear_token: must be a visible word without outer white space that does not begin with \\"],
        ),
        (
            "match: A\nfields: {nonsense: A}\n",
            [
                (
                    "m.yaml:2:10: unknown field 'nonsense' | "
                    "custom fields begin with cf_; others are named under extra_fields"
                )
            ],
        ),
        (
            "match: A\nfields: {cf_n: {column: A, map: {a: x}, type: number}}\n",
            ['m.yaml:2:37: "x": not a number | a number may have digits, a sign, a decimal sign and groups of three'],
        ),
        (
            "match: A\nfields: {cf_d: {column: A, type: date, format: YYYY-MM-DD}}\n",
            ["m.yaml:2:48: 'YYYY-MM-DD' is not a date format | write it in strftime's letters: %Y-%m-%d, %d/%m/%Y"],
        ),
        (
            "match: A\nfields: {cf_a: {first_of: []}, cf_b: {column: B, map: {}, when: {}}}\n",
            [
                "m.yaml:2:27: fields.cf_a.first_of must not be empty",
                "m.yaml:2:55: fields.cf_b.map must not be empty",
                "m.yaml:2:65: fields.cf_b.when must not be empty",
            ],
        ),
        (
            "match: A\nfields: {cf_a: {column: A, when: {K: []}}}\n",
            ["m.yaml:2:34: fields.cf_a.when: no value of 'K' is given, so that no row would fit"],
        ),
        (
            "match: A\nfields: {}\n",
            [
                (
                    "m.yaml:2:9: fields must not be empty "
                    "| a mapping sends something: write a line such as `name: Company` beneath `fields:`"
                )
            ],
        ),
        (
            "match: A\nfields: {cf_a: {column: A, transform: [trim: x, 5, {default: 0}, loer]}}\n",
            [
                "m.yaml:2:40: trim takes no option | write trim",
                (
                    "m.yaml:2:49: a transform is a name, or one name with its option "
                    "| write a list for several: [trim, {phone: AE}]"
                ),
                'm.yaml:2:53: default: expected a text, got 0 | as text it is written in quotes: "0"',
                "m.yaml:2:66: unknown transform 'loer' | did you mean 'lower'?",
            ],
        ),
        (
            "match: A\nfields: {name: {value: ''}, email: {column: A, map: {x: ''}}}\n",
            [
                (
                    f"m.yaml:2:{column}: an empty text would clear the field; `clear_as: empty` says that "
                    '"" is meant | null clears, where the API lets a field be null'
                )
                for column in (24, 57)
            ],
        ),
        (
            "match: A\nfields: {city: B, email: C, id: D}\nextra_fields: [phone, primaryContact]\n",
            [
                "m.yaml:2:10: unknown field 'city' | did you mean 'billingAddress.city'?",
                (
                    "m.yaml:2:29: unknown field 'id' "
                    "| the API gives it, and nobody can change it; `match` finds the client by it"
                ),
                *(
                    f"m.yaml:3:{column}: {name!r} is a field of the API already, or a unit of them "
                    "| `extra_fields` is for names that are not known here"
                    for column, name in ((16, "phone"), (23, "primaryContact"))
                ),
            ],
        ),
        (
            "match: A\nfields: {name: A}\nsource: {header_row: 0, delimiter: ';;'}\nworkers: 0.5\n",
            [
                'm.yaml:3:22: source.header_row: at least 1, got "0"',
                (
                    "m.yaml:3:36: source.delimiter: ';;' is no delimiter; "
                    "one is a character, or comma, semicolon, tab, pipe"
                ),
                'm.yaml:4:10: workers: expected a whole number, got "0.5"',
            ],
        ),
        (
            "match: A\nfields: {lastName: {template: {Last} {First}}}\n",
            [
                (
                    "m.yaml:2:38: not YAML: expected ',' or '}', but got '{' "
                    "| within braces and brackets a text that has one of { } [ ] , in it is written in quotes"
                )
            ],
        ),
        (
            'match: "A\nfields: {}\n',
            ["m.yaml:1:8: not YAML: found unexpected end of stream | a quote that begins here never ends"],
        ),
        (
            "match: A\nfields: {cf_n: {column: A, map: {a: x, A: y}, ignore_case: true}}\n",
            ['m.yaml:2:40: "A" is listed twice when letter case is ignored'],
        ),
    ],
)
def test_each_kind_of_mistake_names_its_place(text: str, expected: list[str]) -> None:
    """Shows what is said of each mistake, and where."""
    assert mistakes(text) == expected


def test_short_and_long_forms_are_one(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows that the short forms of match, fields and lists mean what the long ones spell out."""
    short = spec_of("match: ID\nfields: {name: Company, 2024: x}\nextra_fields: 2024\npartial: billingAddress\n")
    long = spec_of(
        "match: [{column: ID, by: id}]\nfields: {name: {column: Company}, '2024': {column: x}}\n"
        "extra_fields: ['2024']\npartial: [billingAddress]\n"
    )
    assert short.file == long.file


def test_what_the_planner_asks_for(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows policies by top-level name, the units' mapped parts, and every column that is used."""
    spec = spec_of(
        "match: [{column: Mail, by: email}, ID]\n"
        "source: {where: {Land: DE}}\n"
        "overwrite: if_empty\n"
        "fields:\n"
        "  name: {column: N, overwrite: if_ours}\n"
        "  phone: {first_of: [P, Q], compare: loose, when: {K: [a]}}\n"
        "  billingAddress.city: {template: '{C} {C}'}\n"
        "partial: [billingAddress]\n"
    )
    assert spec.policies() == {
        "name": FieldPolicy("if_ours", "exact"),
        "phone": FieldPolicy("if_empty", "loose"),
        "billingAddress": FieldPolicy("if_empty", "exact"),
    }
    assert spec.units() == {"billingAddress": ("city",)}
    assert spec.columns() == ("Mail", "ID", "N", "P", "Q", "K", "C", "Land")
    assert [(key.column, key.by) for key in spec.match] == [("Mail", "email"), ("ID", "id")]


def test_extends_lays_one_file_over_another(tmp_path: Path) -> None:
    """Shows that fields and source merge by key, the rest is replaced, null drops a field; the text is complete."""
    (tmp_path / "base.yaml").write_text(
        "match: ID\nsource: {decimal: ',', sheet: A}\nignore: [x]\nfields: {name: N, email: {column: E}, phone: P}\n"
    )
    child = tmp_path / "child.yaml"
    child.write_text(
        "extends: base.yaml\nsource: {sheet: B}\nignore: [y]\nfields: {email: F, phone: null, cf_x: '${X}'}\n"
    )
    spec = load_mapping(child, environ={"X": "a ${Y}"})
    assert {name: field.column for name, field in spec.fields.items()} == {"name": "N", "email": "F", "cf_x": "a ${Y}"}
    assert (spec.source.sheet, spec.source.decimal, spec.ignore) == ("B", ",", ("y",))
    assert parse_mapping(spec.text, name="journal", environ={}).file == spec.file


@pytest.mark.parametrize("odd", ["a\x85b", "a\x7fb", "a\u2028b", "a\ufeffb", "a\ufffeb", "a\nb\tc", 'a"b\\c', "😀"])
def test_what_is_put_together_means_the_same_when_it_is_read_again(tmp_path: Path, odd: str) -> None:
    """Shows that resume reads what the run read, whatever characters the environment has put in."""
    path = tmp_path / "m.yaml"
    path.write_text("match: ID\nfields: {cf_x: {column: N, transform: [{default: '${X}'}]}}\n")
    spec = load_mapping(path, environ={"X": odd})
    assert spec.fields["cf_x"].transform == [{"default": odd}]
    assert parse_mapping(spec.text, name="journal", environ={}).file == spec.file


def test_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    """Shows that no run begins with a mapping that its resume could not read."""
    for name, rest in (("base", ""), ("child", "extends: base.yaml\n")):
        listed = ", ".join(f"k{number}: v" for number in range(4000))
        field = f"fields: {{cf_{name}: {{column: C, map: {{{listed}}}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(f"match: ID\n{rest}{field}")
    load_mapping(tmp_path / "base.yaml", environ={})
    with pytest.raises(MappingError, match="too large for a mapping"):
        load_mapping(tmp_path / "child.yaml", environ={})


def test_a_mapping_that_stands_alone_is_kept_as_written(spec_of: Callable[..., MappingSpec]) -> None:
    """Shows that the journal gets the author's own text, comments included."""
    text = "match: ID # the key\nfields: {name: N}\n"
    assert spec_of(text).text == text


def test_mistakes_of_extends_and_variables(tmp_path: Path) -> None:
    """Shows absent base files, circles and absent variables, each at its place in the right file."""
    (tmp_path / "base.yaml").write_text("extends: child.yaml\nmatch: ID\nfields: {nmae: N}\n")
    child = tmp_path / "child.yaml"
    child.write_text("extends: [base.yaml, gone.yaml]\nrate: ${RATE}\nfields: {cf_x: '$${X}', email: '${Y'}\n")
    with pytest.raises(MappingError) as caught:
        load_mapping(child, environ={})
    assert [str(mistake).replace(f"{tmp_path}/", "") for mistake in caught.value.mistakes] == [
        "base.yaml:1:1: child.yaml extends this file in turn",
        "base.yaml:3:10: unknown field 'nmae'",
        "child.yaml:1:1: cannot extend gone.yaml: there is no such mapping file",
        "child.yaml:2:7: the environment has no variable RATE",
        'child.yaml:3:32: "${Y" is no variable: a name of letters, digits and _ stands in ${NAME}',
    ]


def test_a_file_is_extended_from_where_it_is_named(tmp_path: Path) -> None:
    """Shows that a base in another folder names its own base beside itself."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "root.yaml").write_text("match: ID\nfields: {name: N}\n")
    (tmp_path / "shared" / "base.yaml").write_text("extends: root.yaml\nfields: {email: E}\n")
    (tmp_path / "child.yaml").write_text("extends: shared/base.yaml\nfields: {phone: P}\n")
    assert list(load_mapping(tmp_path / "child.yaml", environ={}).fields) == ["name", "email", "phone"]


def test_a_text_extends_nothing() -> None:
    """Shows that a mapping given as text, which is in no folder, cannot name another file."""
    with pytest.raises(MappingError, match="cannot be followed from a text, which is in no folder"):
        parse_mapping("extends: base.yaml\nfields: {name: N}\n", name="m", environ={})


def test_what_an_absent_base_may_say_is_not_called_missing(tmp_path: Path) -> None:
    """Shows that a base that cannot be read is told beside the file's own mistakes, without what follows from it."""
    child = tmp_path / "child.yaml"
    child.write_text("extends: gone.yaml\nfields: {nmae: N, cf_a: '${A:-b}'}\n")
    with pytest.raises(MappingError) as caught:
        load_mapping(child, environ={})
    assert [str(mistake).replace(f"{tmp_path}/", "") for mistake in caught.value.mistakes] == [
        "child.yaml:1:1: cannot extend gone.yaml: there is no such mapping file",
        "child.yaml:2:10: unknown field 'nmae'",
        'child.yaml:2:25: "${A:-b}" is no variable: a name of letters, digits and _ stands in ${NAME}',
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such mapping file"), (b"\xff\xfe\x00", "not UTF-8 text (byte 0); a mapping is a YAML file")],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    """Shows the one line for a mapping that is missing or no text."""
    path = tmp_path / "m.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MappingError) as caught:
        load_mapping(path, environ={})
    assert str(caught.value) == f"{path}: {message}"


def test_a_directory_is_no_mapping(tmp_path: Path) -> None:
    """Shows the one line for a directory."""
    with pytest.raises(MappingError, match="a directory, not a mapping file"):
        load_mapping(tmp_path, environ={})


def test_a_custom_field_may_be_allowed_by_name(spec_of: Callable[..., MappingSpec]) -> None:
    """``extra_fields`` also names custom fields that no client has yet, which the planner would doubt."""
    assert spec_of("match: ID\nfields: {cf_new: Tier}\nextra_fields: [cf_new]\n").extra_fields == ("cf_new",)
