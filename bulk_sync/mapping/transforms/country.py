"""The ``country`` transform: a country's name in a dozen languages, or its code ↔ name or code. Nothing is guessed."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from bulk_sync.mapping.transforms.country_words import ALIASES, LANGUAGES, SHORT_NAMES
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.mapping.transforms.shapes import (
    Example,
    Transform,
    TransformInfo,
    TransformProblem,
    per_text,
    shown,
)

if TYPE_CHECKING:
    from gettext import NullTranslations

_KOSOVO = ("XK", "XKX", "Kosovo")


class Country(NamedTuple):
    """A country by its ISO 3166 codes and the English name that people write."""

    code: str
    alpha3: str
    name: str


def fold_name(text: str) -> str:
    """Reduce a name to what tells it from others: no case, accents, signs, Arabic variants or leading article.

    >>> fold_name("The  Côte-d'Ivoire"), fold_name("U.S.A.")
    ('cote d ivoire', 'usa')
    """
    plain = unicodedata.normalize("NFKD", text.replace(".", "").casefold().replace("ı", "i"))
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(letters.replace("&", "and").split()).removeprefix("the ")


@cache
def countries() -> dict[str, Country]:
    """Return every folded name and code → its country. Built once, from pycountry and its translations."""
    import pycountry  # 20 ms, and 80 for the translations: only for a mapping with countries

    table: dict[str, Country] = {}
    listed = {"XK": Country(*_KOSOVO)}
    for item in pycountry.countries:
        code = str(item.alpha_2)
        common = str(getattr(item, "common_name", item.name))
        listed[code] = Country(code, str(item.alpha_3), SHORT_NAMES.get(code, common))
        names = {item.name, common, getattr(item, "official_name", item.name)}
        for name in names | _turned(names) | _translated(names):
            table.setdefault(fold_name(name), listed[code])
    for code, aliases in ALIASES.items():
        for name in aliases.split("|"):
            table[fold_name(name)] = listed[code]
    for country in listed.values():
        table[country.code.lower()] = table[country.alpha3.lower()] = country
        table[fold_name(country.name)] = country
    return table


def _turned(names: set[str]) -> set[str]:
    """Turn ``Korea, Republic of`` round, as people write it."""
    return {" ".join(reversed(name.split(", ", 1))) for name in names if ", " in name}


def _translated(names: set[str]) -> set[str]:
    return {catalogue.gettext(name) for catalogue in _catalogues() for name in names}


@cache
def _catalogues() -> tuple[NullTranslations, ...]:
    import gettext

    import pycountry

    return tuple(
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
        for language in LANGUAGES
    )


def find_country(text: str) -> Country | None:
    """Return the country that a text names by code or name, None where it names none."""
    return countries().get(fold_name(text))


def _country(option: str | None) -> Transform:
    attribute = {"code": "code", "alpha3": "alpha3"}.get(option or "", "name")
    written: dict[str, str | TransformProblem] = {}

    def country(text: str) -> str | TransformProblem:
        known = written.get(text)
        if known is None:
            found = find_country(text)
            known = str(getattr(found, attribute)) if found else _unknown(text)
            if len(written) < 10_000:
                written[text] = known
        return known

    return per_text(country)


def _unknown(text: str) -> TransformProblem:
    hint = did_you_mean(text, {country.name for country in countries().values()}) if len(text) <= 60 else ""
    return TransformProblem("unknown_country", f"{shown(text)} is not a country by name or ISO code", hint)


INFOS = (
    TransformInfo(
        name="country",
        summary="Write a country by its English name or ISO code, read from code or name in a dozen languages",
        option="name (when nothing is said), code (AE) or alpha3 (ARE)",
        schema={"type": "string", "enum": ["name", "code", "alpha3"]},
        build=_country,
        examples=(
            Example(None, "UAE", "United Arab Emirates"),
            Example("code", "U.S.A.", "US"),
            Example("code", "Turkey", "TR"),
            Example("code", "uk", "GB"),
            Example("name", "Deutschland", "Germany"),
            Example("code", "المملكة العربية السعودية", "SA"),
            Example("alpha3", "South Korea", "KOR"),
            Example("code", "Germny", "unknown_country", problem=True),
        ),
    ),
)
CODES = {"unknown_country": "a text is not a country by name or ISO code"}
