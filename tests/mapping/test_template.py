"""Templates: columns in braces, and what goes when one of them is blank."""

from __future__ import annotations

import pytest

from bulk_sync.mapping.template import compile_template


@pytest.mark.parametrize(
    ("template", "texts", "filled"),
    [
        ("{A} {B}", ["Ada", "Berg"], "Ada Berg"),
        ("{A} {B}", ["Ada", ""], "Ada"),
        ("{A} {B}", ["", "Berg"], "Berg"),
        ("{A} {B}", ["", ""], ""),
        ("{A}, {B} {C}", ["Dubai", "", "00123"], "Dubai 00123"),
        ("{A}, {B} {C}", ["", "", "00123"], "00123"),
        ("{A}, {B} ({C})", ["Dubai", "", ""], "Dubai"),
        ("{A} ({B})", ["Acme", "UAE"], "Acme (UAE)"),
        ('"{A}" - {B}', ["", "x"], "x"),
        ("Mr {A}!", ["Berg"], "Mr Berg!"),
        ("Mr {A}!", [""], ""),
        ("{{{A}}}", ["x"], "{x}"),
        ("{A|lower|title}", ["BERG"], "Berg"),
        ("{A|truncate}", None, "truncate needs an option"),
        ("{A} {", None, "a single { in the template; write {{ for a brace"),
        ("A }", None, "a single } in the template; write }} for a brace"),
        ("{}", None, "empty braces in the template; {{ and }} stand for braces"),
        ("plain", None, "a template without a column"),
    ],
)
def test_a_blank_part_takes_its_separator_along(template: str, texts: list[str] | None, filled: str) -> None:
    """Shows what a template makes of its columns, and what it does not understand."""
    if texts is None:
        with pytest.raises(ValueError, match="^" + filled.replace("{", r"\{").replace("}", r"\}")):
            compile_template(template)
    else:
        assert compile_template(template).render(texts, [None] * len(texts)) == filled


def test_a_part_that_fails_its_transform_is_named() -> None:
    """Shows the place of the part and the transform's problem."""
    found = compile_template("{A} {B|digits}").render(["x", "abc"], [None, None])
    assert not isinstance(found, str)
    assert (found[0], found[1].code, found[1].value) == (1, "became_empty", "abc")
