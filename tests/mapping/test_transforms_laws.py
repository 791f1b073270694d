"""Laws of transforms: composition, and that nothing in a cell can make one raise."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_sync.mapping.transforms import (
    TRANSFORMS,
    TransformMistake,
    TransformProblem,
    TransformSpec,
    Value,
    compile_chain,
    compile_transform,
    is_blank,
)
from bulk_sync.mapping.transforms.casing import title_case
from bulk_sync.mapping.transforms.patterns import compile_pattern
from bulk_sync.records import CellValue

SPECS: list[TransformSpec] = [
    info.name if example.option is None else {info.name: example.option}
    for info in TRANSFORMS.values()
    for example in info.examples
]
COMPILED = [compile_chain([spec]) for spec in SPECS]

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="0123456789+-().,/%; €xÀİß٠١\u200b ", max_size=40),
    st.from_regex(r"[a-z.]{1,8}@[a-z]{1,8}\.[a-z]{2,3}", fullmatch=True),
    st.from_regex(r"(https?:/{0,3})?[a-z\[\]:@]{1,8}\.[a-z]{2,3}(:\d{1,6})?(/\S{0,5})?", fullmatch=True),
)
VALUES: st.SearchStrategy[Value] = st.one_of(
    TEXTS, st.none(), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.lists(TEXTS, max_size=4)
)
STORED: st.SearchStrategy[CellValue] = st.one_of(
    st.none(),
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)


@settings(max_examples=120)
@given(VALUES, STORED)
def test_no_transform_raises_on_any_value(value: Value, stored: CellValue) -> None:
    """Every transform gives a value or a problem for whatever stands in a cell."""
    for chain in COMPILED:
        result = chain(value, stored)
        assert isinstance(result, TransformProblem | str | int | float | date | datetime | list) or result is None


@settings(max_examples=100)
@given(st.lists(st.sampled_from(SPECS), max_size=3), st.lists(st.sampled_from(SPECS), max_size=3), TEXTS)
def test_a_list_is_applied_from_left_to_right(
    first: list[TransformSpec], second: list[TransformSpec], value: str
) -> None:
    """Composition: the transforms of two lists in a row do what the one list does after the other."""
    middle = compile_chain(first)(value)
    expected = middle if isinstance(middle, TransformProblem) else compile_chain(second)(middle)
    assert compile_chain([*first, *second])(value) == expected


@settings(max_examples=100)
@given(st.lists(st.sampled_from(SPECS), min_size=1, max_size=4), TEXTS, STORED)
def test_the_trace_ends_with_what_the_chain_gives(specs: list[TransformSpec], value: str, stored: CellValue) -> None:
    """What explain shows last is what is sent."""
    chain = compile_chain(specs)
    assert repr(chain.trace(value, stored)[-1][1]) == repr(chain(value, stored))


@settings(max_examples=100)
@given(st.sampled_from(SPECS), VALUES)
def test_an_empty_result_is_a_problem(spec: TransformSpec, value: Value) -> None:
    """No transform but blank_if turns a value into a blank."""
    name = spec if isinstance(spec, str) else next(iter(spec))
    result = compile_transform(spec)(value, None)
    if name != "blank_if" and not is_blank(value) and not isinstance(result, TransformProblem):
        assert not is_blank(result)


@settings(max_examples=100)
@given(st.lists(st.text(alphabet="abcdemcovanrLDS'-. ", max_size=12), max_size=4).map(" ".join))
def test_title_is_idempotent(text: str) -> None:
    """A title is not changed by taking the title of it again, where it is no longer shouted."""
    once = title_case(text.lower())
    assert title_case(once) == once or not any(c.islower() for c in once)


SLOW = [
    "(a+)+$",
    "(a|aa)+$",
    "(?:a*)*b",
    "(\\w+\\s?)*$",
    "((a|b)c)*",
    "(a{2,}){3,}",
    "(?P<x>a+)*",
    "(a*){10,30}",
    "(a?){30}a{30}",
    "a?" * 30,
    "(a{0,9}){5}",
]


@pytest.mark.parametrize("pattern", SLOW)
def test_patterns_that_take_for_ever_are_refused(pattern: str) -> None:
    """A group that repeats or chooses may not be repeated, nor many optional parts stand together."""
    with pytest.raises(TransformMistake, match="for ever"):
        compile_pattern(pattern, ("extract",))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a*b*c*d*e*", "5 open quantifiers (* + {n,}), at most 4 are allowed"),
        (r"(a)\1", "references to a group (\\1) are not allowed in a pattern"),
        ("(?P<x>a)(?P=x)", "references to a group are not allowed in a pattern"),
        ("(?=a)b", "look-ahead and look-behind are not allowed in a pattern"),
        ("(?<!a)b", "look-ahead and look-behind are not allowed in a pattern"),
        ("(?x)a b", "verbose patterns (?x) are not allowed in a pattern"),
        ("(", "not a regular expression: missing ), unterminated subpattern at position 0"),
    ],
)
def test_other_patterns_that_are_refused(pattern: str, message: str) -> None:
    """Each refusal says what in the pattern is not allowed."""
    with pytest.raises(TransformMistake) as caught:
        compile_pattern(pattern, ("extract",))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "pattern",
    [
        r"(.*?)\s*-\s*(.*)x",
        "(a)?(b){1,3}",
        r"[(a+)+]+",
        r"\(a+\)+",
        "(?i:ab)+",
        "(?:ab){2}",
        "(abc)+",
        r"[^]\]a]+",
        r"\b(?:LLC|FZE|DMCC|Ltd)\.?$",
        r"(\d{3})[ -]?(\d{3})[ -]?(\d{2,4})",
        r"(?:\d{3}-?){2}",
    ],
)
def test_ordinary_patterns_are_taken(pattern: str) -> None:
    """What looks like a nested quantifier inside a set or after a backslash is none."""
    assert compile_pattern(pattern, ("extract",))[0].pattern == pattern


@pytest.mark.parametrize("pattern", [r"\s*\s*\s*\s*x", r"\w?\w?\w?\w?\w*\w*x"])
def test_the_slowest_texts_of_allowed_patterns_end_soon(pattern: str) -> None:
    """The longest text that a pattern is tried on takes seconds at worst, and a longer one is a problem."""
    compiled, longest = compile_pattern(pattern, ("extract",))
    filler = " " if r"\s" in pattern else "1"
    began = time.process_time()
    assert compiled.search(filler * longest) is None
    assert timedelta(seconds=time.process_time() - began) < timedelta(seconds=10)
    result = compile_transform({"extract": pattern})(filler * (longest + 1), None)
    assert isinstance(result, TransformProblem)
    assert result.code == "pattern_too_slow"


def test_a_bad_replacement_is_refused_when_the_mapping_is_read() -> None:
    """A reference to a group that the pattern has not is a mistake of the mapping, not of a row."""
    with pytest.raises(TransformMistake) as caught:
        compile_transform({"regex_replace": {"from": "a", "to": r"\2"}})
    assert str(caught.value) == "regex_replace › to: invalid group reference 2 at position 1"
    assert caught.value.path == ("regex_replace", "to")
