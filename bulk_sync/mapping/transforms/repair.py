"""Transforms that need the extra ``repair``: mojibake, people's names, tax numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformMistake,
    TransformProblem,
    per_text,
    shown,
)

EXTRA = "repair"
_CACHED = 16_384
_GULF = {
    "AE": (re.compile(r"100\d{12}"), "15 digits beginning with 100"),
    "SA": (re.compile(r"3\d{13}3"), "15 digits beginning and ending with 3"),
}
"""Tax numbers that python-stdnum does not have: the UAE's TRN, the Saudi VAT number. Neither has a known checksum."""

_PREFIX = {"GR": "EL", "GB": "GB", "XI": "XI"}


def load_extra(module: str, transform: str) -> ModuleType:
    """Import an optional library, or say what to install."""
    try:
        return import_module(module)
    except ImportError:
        raise TransformMistake(
            f"{transform} needs {module.partition('.')[0]}, which is not installed",
            hint=f'pip install "bulk-sync[{EXTRA}]"',
            path=(transform,),
        ) from None


def _mojibake(_option: None) -> Transform:
    ftfy = load_extra("ftfy", "mojibake")
    fix: Callable[[str], str] = ftfy.fix_encoding
    return per_text(lambda text: text if text.isascii() else fix(text))


def _person_name(option: str) -> Transform:
    parser = load_extra("nameparser", "person_name")

    @lru_cache(maxsize=_CACHED)
    def name_part(text: str) -> str | TransformProblem:
        name: Mapping[str, str] = parser.HumanName(text).as_dict()
        words = {"first": ("first", "middle"), "given": ("first",)}.get(option, (option,))
        found = " ".join(name.get(word, "") for word in words).strip(" ,")
        if found:
            return found
        return TransformProblem(
            "no_name_part",
            f"{shown(text)} has no {option} name" if option != "title" else f"{shown(text)} has no title",
            "correct the cell, or fill the parts from columns of their own",
        )

    return per_text(name_part)


def _tax_number(option: str) -> Transform:
    country = option.upper()
    check = _gulf_check(country) or _stdnum_check(country)
    return per_text(lru_cache(maxsize=_CACHED)(check))


def _gulf_check(country: str) -> Callable[[str], str | TransformProblem] | None:
    if country not in _GULF:
        return None
    pattern, words = _GULF[country]

    def check(text: str) -> str | TransformProblem:
        compact = re.sub(rf"^(?:TRN|VAT|{country})?[\s:#.]*|[\s\-./]", "", text.upper())
        if pattern.fullmatch(compact) and compact.isascii():
            return compact
        return _tax_problem(text, country, words)

    return check


def _stdnum_check(country: str) -> Callable[[str], str | TransformProblem]:
    stdnum = load_extra("stdnum", "tax_number")
    vat: Any = stdnum.get_cc_module(country.lower(), "vat")
    if vat is None:
        hint = did_you_mean(country, _GULF) or "without a check: {extract: …} or digits"
        raise TransformMistake(
            f"tax_number: the tax numbers of {country!r} are not known", hint=hint, path=("tax_number",)
        )
    union = import_module("stdnum.eu.vat").MEMBER_STATES
    prefix = _PREFIX.get(country, country) if country.lower() in union else ""

    def check(text: str) -> str | TransformProblem:
        try:
            compact = str(vat.validate(text))
        except Exception as error:  # noqa: BLE001  (a hundred foreign modules; whatever they raise is about the text)
            reason = str(error).rstrip(".")
            return _tax_problem(text, country, reason[:1].lower() + reason[1:])
        return prefix + compact.removeprefix(prefix)

    return check


def _tax_problem(text: str, country: str, words: str) -> TransformProblem:
    return TransformProblem("bad_tax_number", f"{shown(text)} is not a tax number of {country} ({words})")


INFOS = (
    TransformInfo(
        name="mojibake",
        summary="Repair text that was read in the wrong encoding (MÃ¼ller)",
        build=_mojibake,
        extra=EXTRA,
        examples=(Example(None, "MÃ¼ller", "Müller"), Example(None, "Müller", "Müller")),
    ),
    TransformInfo(
        name="person_name",
        summary="Keep one part of a person's name",
        option="first (with middle names), given (the first alone), middle, last, title, suffix or nickname",
        schema={
            "type": "string",
            "enum": ["first", "given", "middle", "last", "title", "suffix", "nickname"],
        },
        bare=False,
        build=_person_name,
        extra=EXTRA,
        examples=(
            Example("last", "Dr. Juan Q. de la Vega III", "de la Vega"),
            Example("first", "Dr. Juan Q. de la Vega III", "Juan Q."),
            Example("given", "Vega, Juan Q.", "Juan"),
            Example("title", "Dr. Juan Vega", "Dr."),
            Example("last", "Ahmed", "no_name_part", problem=True),
        ),
    ),
    TransformInfo(
        name="tax_number",
        summary="Check a tax number of a country and write it without spaces (in the EU with its prefix)",
        option="the country (two letters); AE is the TRN",
        schema={"type": "string", "minLength": 2, "maxLength": 2},
        bare=False,
        build=_tax_number,
        extra=EXTRA,
        examples=(
            Example("AE", "TRN 100-2345-6789-0123", "100234567890123"),
            Example("DE", "136 695 976", "DE136695976"),
            Example("GB", "GB 980 7806 84", "980780684"),
            Example("AE", "200234567890123", "bad_tax_number", problem=True),
        ),
    ),
)
CODES = {
    "no_name_part": "a person's name has not the part that person_name asks for",
    "bad_tax_number": "a text is not a tax number of the country that the mapping names",
}
