"""YAML that cannot surprise: what is text stays text, and hostile files are refused quickly."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bulk_sync.errors import MappingError
from bulk_sync.mapping.document import plain_data, read_document

ROOT = Path(__file__).parents[2]


def read(text: str) -> tuple[object, list[str]]:
    """Read a text; return the plain data and the mistakes as texts."""
    root, mistakes = read_document(text, name="m.yaml")
    data, _, bombs = plain_data(root, lambda value, _position: value)
    return data, [str(mistake) for mistake in (*mistakes, *bombs)]


def test_a_text_over_several_lines_is_what_yaml_says() -> None:
    """Shows that the places where a text was folded leave nothing in it."""
    data, mistakes = read("a: >-\n  Company\n  Name\n\n  x\nb: |\n  one\n  two\nc: >\n  no end\nd: 'x\n  y'\n")
    assert (data, mistakes) == ({"a": "Company Name\nx", "b": "one\ntwo\n", "c": "no end\n", "d": "x y"}, [])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("0123", "0123"),
        ("+971501234567", "+971501234567"),
        ("1.10", "1.10"),
        ("1e5", "1e5"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12345678901234567890", "12345678901234567890"),
        ("2024-01-05", "2024-01-05"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("-0", "-0"),
        ("True", "True"),
        ("=", "="),
        ('"12"', "12"),
        ("12", 12),
        ("-1.5", -1.5),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_a_plain_scalar_is_what_was_written(written: str, meant: object) -> None:
    """Shows that only what loses nothing becomes a number, boolean or null; everything else is text."""
    data, mistakes = read(f"a: {written}\n")
    assert (data, mistakes) == ({"a": meant}, [])
    assert isinstance(data, dict)
    assert type(data["a"]) is type(meant)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: 2\na: 3\n", "m.yaml:3:1: the key 'a' stands twice (first in line 1)"),
        ("a: {x: 1, x: 2}\n", "m.yaml:1:11: the key 'x' stands twice (first in line 1)"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            (
                "m.yaml:1:4: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed; "
                "nothing in a mapping is executed or converted"
            ),
        ),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "m.yaml:3:3: merge keys (<<) are not allowed"),
        ("? [a, b]\n: 1\n", "m.yaml:1:3: a key must be a text"),
    ],
)
def test_surprises_are_mistakes_with_their_place(text: str, mistake: str) -> None:
    """Shows that duplicate keys, tags, merge keys and strange keys are named by line and column."""
    assert read(text)[1] == [mistake]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\nb: 3\n", "m.yaml:2:2: not YAML:"),
        ("a: b: c\n", "m.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("a: \x00\n", "m.yaml: not YAML:"),
        ("", "m.yaml:1:1: the mapping is empty"),
        ("# only a comment\n", "m.yaml:1:1: the mapping is empty"),
        ("a: 1\n---\nb: 2\n", "m.yaml:2:1: a second document"),
        ("a: &x [*x]\n", "m.yaml:1:8: the alias *x has no finished anchor before it"),
        ("a: *y\n", "m.yaml:1:4: the alias *y has no finished anchor before it"),
        ("%TAG ! tag:x,2000:\n---\na: !b c\n%", ""),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, message: str) -> None:
    """Shows that a file that cannot be read is one mistake at its place, not a traceback."""
    with pytest.raises(MappingError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def bombs() -> dict[str, str]:
    """Files made to cost time or memory."""
    names = "abcdefghij"
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in pairwise(names):
        laughs += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    return {
        "billion laughs": laughs,
        "deep flow": "[" * 5000,
        "deep mappings": "{a: " * 5000,
        "deep blocks": "- " * 5000,
        "many keys": "".join(f"k{number}: v\n" for number in range(30000)),
        "many items": "a: [" + "x, " * 60000 + "]",
        "huge scalar": "a: '" + "x" * 1_000_000 + "'",
        "question marks": "? a\n" * 20000,
        "anchors": "".join(f"k{number}: &a{number} v\n" for number in range(20000)),
    }


REFUSING = """
import resource, sys, time
from bulk_sync.errors import MappingError
from bulk_sync.mapping.document import plain_data, read_document
text = sys.stdin.read()
read_document("a: 1", name="warm.yaml")
start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    root, mistakes = read_document(text, name="m.yaml")
    found = [*mistakes, *plain_data(root, lambda value, _position: value)[2]]
except MappingError as error:
    found = [error]
assert found
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def cost_of_refusing(text: str) -> tuple[float, int]:
    """Return seconds of computing and kilobytes that finding something wrong takes, without the coverage's own."""
    done = subprocess.run(
        [sys.executable, "-c", REFUSING], input=text, capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes)


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_within_a_second_and_200_mb(name: str) -> None:
    """Shows that hostile YAML is refused before it costs a second or 200 MB; one bad second is a busy machine's."""
    costs = [cost_of_refusing(bombs()[name])]
    if costs[0][0] >= 1:
        costs.append(cost_of_refusing(bombs()[name]))
    assert costs[-1][0] < 1
    assert costs[-1][1] < 200_000


def test_aliases_within_reason_are_copied() -> None:
    """Shows that an anchor may be used again: it is the same text, no object shared with surprises."""
    data, mistakes = read("a: &x {b: [1]}\nc: *x\n")
    assert (data, mistakes) == ({"a": {"b": [1]}, "c": {"b": [1]}}, [])
