"""What a column's values ask for beside the field: transforms, a map, a type, or a word of advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bulk_sync.mapping.suggest_shapes import Shape, is_nothing
from bulk_sync.mapping.transforms import TransformProblem, TransformSpec, compile_transform, strip_margin
from bulk_sync.mapping.transforms.country import find_country

_AGREED = 0.8
_TYPES = {
    "company": ("company", "business", "organization", "organisation", "b2b"),
    "contact": ("contact", "individual", "person", "b2c"),
}


class Advice(NamedTuple):
    """``transform`` and ``choices`` are part of the proposed line; ``remarks`` stand beneath it as comments."""

    transform: tuple[TransformSpec, ...] = ()
    choices: Mapping[str, str] = {}
    remarks: tuple[str, ...] = ()


NO_ADVICE = Advice()


def advise(target: str, values: Sequence[str], shape: Shape, countries: Sequence[str]) -> Advice:
    """Say what the values of a field ask for. ``countries`` are those of the same rows, if a column has them."""
    texts = [text for value in values if (text := strip_margin(value))]
    nothing = tuple(sorted({text for text in texts if is_nothing(text)}))
    steps: list[TransformSpec] = [{"blank_if": list(nothing)}] if nothing else []
    remarks: list[str] = []
    base = target.rpartition(".")[2]
    if shape.share("spaced"):
        steps.append("squeeze")
    if base == "phone":
        _advise_phone(texts, shape, countries, steps, remarks)
    elif base == "email" and shape.share("display"):
        steps.append("email")
    elif base == "website" and shape.share("scheme") < 1 and shape.seen:
        steps.append("url")
    elif base == "country":
        _advise_country(texts, remarks)
    elif base in ("name", "firstName", "lastName", "city") and shape.mostly("upper"):
        remarks.append("the values are in capitals; transform: [title] writes them as names")
    choices = _type_choices(texts) if target == "type" and shape.share("exact_type") < 1 else {}
    return Advice(tuple(steps), choices, tuple(remarks))


def _advise_phone(
    texts: Sequence[str], shape: Shape, countries: Sequence[str], steps: list[TransformSpec], remarks: list[str]
) -> None:
    if not shape.seen or shape.share("e164") == 1:
        return
    if shape.share("plus") == 1:
        steps.append("phone")
        return
    region, why = _region(countries)
    if not region:
        remarks.append(f"not in international form, and {why}: transform: [{{phone: XX}}] with their country")
        return
    phone = compile_transform({"phone": region})
    valid = sum(not isinstance(phone(text, None), TransformProblem) for text in texts if not is_nothing(text))
    share = valid / shape.seen
    if share >= _AGREED:
        steps.append({"phone": region})
        remarks.append(f"region {region}: {why}; {share:.0%} of the values are valid numbers with it")
    else:
        remarks.append(
            f"transform: [{{phone: {region}}}] makes {share:.0%} of the values valid ({why}); is it the right country?"
        )


def _region(countries: Sequence[str]) -> tuple[str, str]:
    codes = Counter(found.code for text in countries if text and (found := find_country(text)))
    if not codes:
        return "", "no column says which country they are of"
    code, number = codes.most_common(1)[0]
    share = number / codes.total()
    if share >= _AGREED:
        return code, f"{share:.0%} of the countries are {code}"
    return "", "the countries differ"


def _advise_country(texts: Sequence[str], remarks: list[str]) -> None:
    found = {text: country for text in set(texts) if (country := find_country(text))}
    forms = {"code" if len(text) == 2 else "alpha3" if len(text) == 3 else "name" for text in found}
    names = {country.name for country in found.values()}
    if len(forms) > 1 or len(names) < len(found) or (forms == {"name"} and names != set(found)):
        remarks.append("written in several ways; transform: [country] writes names, [{country: code}] two letters")


def _type_choices(texts: Sequence[str]) -> dict[str, str]:
    return {text: kind for text in dict.fromkeys(texts) for kind, known in _TYPES.items() if text.casefold() in known}
