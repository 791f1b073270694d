"""Transforms: their examples, their options, and how a list of them passes a value on."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime

import jsonschema
import pytest

from bulk_sync.mapping.transforms import (
    TRANSFORM_CODES,
    TRANSFORMS,
    Example,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    TransformSpec,
    Value,
    compile_chain,
    compile_transform,
    transform_schema,
    transforms_table,
)
from bulk_sync.mapping.transforms.repair import load_extra

EXAMPLES = [(info, example) for info in TRANSFORMS.values() for example in info.examples]


def spec_of(info: TransformInfo, example: Example) -> TransformSpec:
    return info.name if example.option is None else {info.name: example.option}


def outcome(spec: TransformSpec | list[TransformSpec], value: Value, stored: object = None) -> object:
    """The value, or the code of the problem."""
    chain = compile_chain(spec if isinstance(spec, list) else [spec])
    result = chain(value, stored)  # type: ignore[arg-type]  # tests give odd stored values too
    return result.code if isinstance(result, TransformProblem) else result


@pytest.mark.parametrize(("info", "example"), EXAMPLES, ids=[f"{i.name}-{e.input}" for i, e in EXAMPLES])
def test_every_example_in_the_list_of_transforms_is_true(info: TransformInfo, example: Example) -> None:
    """What `mapping transforms` and the schema show is what happens, to the type of the value."""
    result = compile_transform(spec_of(info, example))(example.input, None)
    if example.problem:
        assert isinstance(result, TransformProblem)
        assert result.code == example.output
        assert result.code in TRANSFORM_CODES
    else:
        assert (type(result), result) == (type(example.output), example.output)


def test_every_example_fits_the_json_schema() -> None:
    """An editor accepts what the program accepts: the schema's fragments validate all examples."""
    validator = jsonschema.Draft202012Validator(transform_schema())
    for info, example in EXAMPLES:
        validator.validate(spec_of(info, example))
    refused: list[object] = ["tirm", {"pad": "x"}, {"trim": 1}, {"replace": {"frm": "a", "to": "b"}}, "pad", {}]
    assert [spec for spec in refused if validator.is_valid(spec)] == []


def test_no_transform_changes_a_blank_but_default() -> None:
    """A blank passes every transform unchanged; default alone gives it a value."""
    for info, example in EXAMPLES:
        transform = compile_transform(spec_of(info, example))
        blanks: list[Value] = [None, "", []]
        for blank in blanks:
            assert transform(blank, None) == (example.option if info.name == "default" else blank)


def test_a_value_that_becomes_empty_is_a_problem_and_blank_if_makes_a_blank() -> None:
    """Nothing left of a value is never taken for a blank cell, unless blank_if says that it is meant."""
    assert outcome("digits", "n/a") == "became_empty"
    assert outcome({"replace": {"from": "x", "to": "\u200b "}}, "x") == "became_empty"
    assert outcome([{"blank_if": "n/a"}, "digits"], "n/a") is None
    assert outcome([{"blank_if": "-"}, {"default": "none"}], "-") == "none"


def test_a_list_goes_through_text_transforms_item_by_item() -> None:
    """Transforms after `list` work on each item; blank items leave, an item's problem is the list's."""
    assert outcome([{"list": ";"}, "title", {"blank_if": "-"}], "vip; - ;RETAIL") == ["Vip", "Retail"]
    assert outcome([{"list": ";"}, "digits"], "a;b") == "became_empty"
    assert outcome([{"list": ";"}, {"truncate": 2}], "abc;a") == "too_long"
    assert outcome([{"list": ";"}, {"list": ","}, {"join": "+"}], "a,b;c") == "a+b+c"
    assert outcome([{"list": ";"}, {"blank_if": "-"}], "-;-") == []


def test_the_stored_value_goes_along_until_the_text_is_changed() -> None:
    """date reads the stored date of a cell, but the text of a value that a transform made."""
    stored = datetime(2024, 3, 4, 12, 0)  # noqa: DTZ001
    assert outcome({"date": "%d/%m/%Y"}, "04.03.24", stored) == date(2024, 3, 4)
    assert outcome(["trim", {"date": "%d/%m/%Y"}], "04.03.24", stored) == date(2024, 3, 4)
    assert outcome([{"extract": "^.{8}"}, {"date": "%d.%m.%y"}], "01.02.23 x", stored) == date(2023, 2, 1)
    assert outcome("datetime", "04.03.24", stored) == stored
    assert outcome("number", "1,234.57", 1234.5678) == 1234.5678
    assert outcome("number", "12 %", 0.12) == 0.12
    assert outcome("boolean", "WAHR", stored=True) is True
    assert outcome("upper", "x", 5) == "X"


def test_other_values_than_text_are_taken_as_their_text() -> None:
    """Numbers, booleans and dates reach text transforms in the form in which they would be sent as text."""
    assert outcome(["number", {"prefix": "#"}], "12.0") == "#12"
    assert outcome(["boolean", "upper"], "ja") == "TRUE"
    assert outcome([{"date": "day-first"}, {"suffix": "!"}], "4.3.2024") == "2024-03-04!"


MISTAKES = [
    ("tirm", "unknown transform 'tirm'", "did you mean 'trim'?", ()),
    ("pad", "pad needs an option: the width, or width, with (one character) and side (left or right)",
     "as in {pad: 5}", ()),
    ({"trim": 1}, "trim takes no option", "write trim", ("trim",)),
    ({"upper": 1}, "upper: expected one of tr, az, got 1", "", ("upper",)),
    ({"unicode": "nfc"}, "unicode: expected one of NFC, NFKC, NFD, NFKD, got 'nfc'", "did you mean 'NFC'?",
     ("unicode",)),
    ({"replace": {"frm": "a", "to": "b"}}, "replace: unknown name 'frm'", "did you mean 'from'?",
     ("replace", "frm")),
    ({"replace": {"from": "a"}}, "replace: 'to' is missing", "", ("replace",)),
    ({"replace": {"from": "", "to": "b"}}, "replace › from: must not be empty", "", ("replace", "from")),
    ({"truncate": 0}, "truncate: at least 1, got 0", "", ("truncate",)),
    ({"truncate": True}, "truncate: expected a whole number or names with values, got true or false (true)", "",
     ("truncate",)),
    ({"pad": {"width": 3, "with": "ab"}}, "pad › with: at most 1 characters, got 2", "", ("pad", "with")),
    ({"pad": {"width": 3000}}, "pad › width: at most 1000, got 3000", "", ("pad", "width")),
    ({"blank_if": []}, "blank_if: must not be empty", "", ("blank_if",)),
    (
        {"blank_if": ["a", 5]},
        "blank_if › 2: expected a text, got 5",
        'as text it is written in quotes: "5"',
        ("blank_if", 1),
    ),
    ({"split": {"on": ",", "part": 0}}, "split › part: may not be 0", "", ("split", "part")),
    ({"default": None}, "default: expected a text, got nothing", "", ("default",)),
    ({"default": ["a"]}, "default: expected a text, got a list", "", ("default",)),
    ({"default": {"a": 1}}, "default: expected a text, got names with values", "", ("default",)),
    ({"a": 1, "b": 2}, "a transform is a name, or one name with its option",
     "write a list for several: [trim, {phone: AE}]", ()),
    ({"phone": "UK"}, "phone: 'UK' is not a region with phone numbers", "GB is the United Kingdom", ("phone",)),
    ({"phone": "AA"}, "phone: 'AA' is not a region with phone numbers",
     "two capital letters such as AE, GB, DE", ("phone",)),
    ({"date": "dd/mm/yyyy"}, "'dd/mm/yyyy' is not a date format",
     "write one such as %d/%m/%Y, or one of iso, day-first, month-first, year-first", ("date",)),
    ({"date": ["iso", "%d/%m"]}, "'%d/%m' does not name day, month and year", "", ("date", 1)),
    ({"date": "%d/%m/%Y %Q"}, "unknown directive %Q in '%d/%m/%Y %Q'",
     "%d day, %m month, %b month's name, %Y year, %H hour, %M minute, %S second", ("date",)),
    ({"boolean": {"true_words": ["A", "nein"]}}, "'nein' means true and false",
     "name both true_words and false_words; the known words stand for the one that is left out", ("boolean",)),
    ({"date": "%d %d %m %Y"}, "%d stands twice in '%d %d %m %Y'", "", ("date",)),
    ({"datetime": "%d/%m/%Y %H:%M %p"}, "%p in '%d/%m/%Y %H:%M %p' would be passed over: 06:30 PM would be 06:30",
     "write %I, the hour that AM or PM belongs to, for %H", ("datetime",)),
    ({"datetime": "%d%m%y %I"}, "%I in '%d%m%y %I' is an hour from 1 to 12, and no %p says in which half of the day",
     "write %H for hours from 0 to 23, or add %p (AM, PM)", ("datetime",)),
    ({"tax_number": "QQ"}, "tax_number: the tax numbers of 'QQ' are not known",
     "without a check: {extract: …} or digits", ("tax_number",)),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "message", "hint", "path"), MISTAKES, ids=[str(case[0]) for case in MISTAKES])
def test_a_mistake_names_what_is_wrong_and_where(
    spec: TransformSpec, message: str, hint: str, path: tuple[str | int, ...]
) -> None:
    """A bad transform is refused when it is compiled, with a hint and the path to its place in the list."""
    with pytest.raises(TransformMistake) as caught:
        compile_chain(["trim", spec])
    assert (caught.value.message, caught.value.hint, caught.value.path) == (message, hint, (1, *path))


def test_a_missing_extra_is_named_with_what_to_install() -> None:
    """A transform whose library is not there says so when the mapping is compiled, with the command."""
    with pytest.raises(TransformMistake) as caught:
        load_extra("no_such_library.part", "mojibake")
    assert str(caught.value) == "mojibake needs no_such_library, which is not installed"
    assert caught.value.hint == 'pip install "bulk-sync[repair]"'


def test_nothing_heavy_is_loaded_before_a_transform_needs_it() -> None:
    """Importing the index, listing it and compiling a simple transform load none of the big libraries."""
    code = (
        "import sys; from bulk_sync.mapping.transforms import *; transforms_table(); transform_schema();"
        "compile_chain(['trim', {'pad': 5}, {'date': 'iso'}, {'tax_number': 'AE'}]);"
        "names = 'phonenumbers pycountry email_validator ftfy nameparser stdnum pydantic rapidfuzz pandas'.split();"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_table_has_a_line_for_each_transform() -> None:
    """`mapping transforms` prints name, option, summary and one example, as it would be written in YAML."""
    table = {row.name: row for row in transforms_table()}
    assert list(table) == list(TRANSFORMS)
    assert [table[name].example for name in ("phone", "replace", "blank_if", "default", "trim", "tax_number")] == [
        '{phone: AE}: "050 123 4567" → "+971501234567"',
        '{replace: {from: " & ", to: " and "}}: "Sons & Co" → "Sons and Co"',
        '{blank_if: "-"}: "-" → (blank)',
        '{default: AE}: (blank) → "AE"',
        'trim: "\\xa0 Acme \\u200b" → "Acme"',
        '{tax_number: AE}: "TRN 100-2345-6789-0123" → "100234567890123"',
    ]
    assert {name for name, row in table.items() if row.extra} == {"mojibake", "person_name", "tax_number"}


def test_the_trace_is_what_the_chain_does() -> None:
    """explain sees each transform as it was written, and ends with the first problem."""
    chain = compile_chain(["trim", {"replace": {"from": "x", "to": ""}}, "digits", "upper"])
    assert chain.trace(" x1 ") == [
        ("trim", "x1"),
        ('{replace: {from: x, to: ""}}', "1"),
        ("digits", "1"),
        ("upper", "1"),
    ]
    assert [label for label, _ in chain.trace("xa")] == ["trim", '{replace: {from: x, to: ""}}', "digits"]
