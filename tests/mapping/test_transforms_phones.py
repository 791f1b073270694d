"""The phone transform against the example numbers of libphonenumber: 1,221 numbers of 245 regions."""

from __future__ import annotations

import json
from pathlib import Path

import phonenumbers
import pytest

from bulk_sync.mapping.transforms import TransformProblem, compile_transform

VECTORS = Path(__file__).parents[2].parent / "shared" / "cases" / "lists" / "phones" / "libphonenumber_examples.json"


@pytest.mark.skipif(not VECTORS.exists(), reason="the public test material is not beside the repository")
def test_the_example_numbers_of_every_region_agree() -> None:
    """Valid numbers become their E.164 from every way to write them, invalid ones are problems."""
    rows = json.loads(VECTORS.read_text(encoding="utf-8"))["rows"]
    differing = {}
    for row in rows:
        region = row["region"] if row["region"] in phonenumbers.SUPPORTED_REGIONS else None
        phone = compile_transform({"phone": region} if region else "phone")
        forms = ("e164", "international", "rfc3966", *(("national",) if region else ()))
        found = {form: phone(row[form], None) for form in forms if form in row}
        right = all(
            value == row["e164"] if row["valid"] else isinstance(value, TransformProblem) for value in found.values()
        )
        if not right:
            differing[row["e164"]] = str(found)
    assert len(rows) == 1221
    assert differing == {}


FORMS = [
    ("AE", "+971 50 123 4567", "+971501234567"),
    ("AE", "Tel.: 050-123 4567", "+971501234567"),
    ("AE", "Mob 050.123.4567", "+971501234567"),
    ("AE", "(050) 1234567", "+971501234567"),
    ("AE", "＋971501234567", "+971501234567"),
    ("AE", "\u202a+971 50 123 4567\u202c", "+971501234567"),
    ("AE", "\u202d+971\u00a050\u00a0123\u00a04567", "+971501234567"),
    ("US", "0044 20 7946 0958", "+442079460958"),
    ("DE", "+49 (0) 30 901820", "+4930901820"),
    ("IT", "06 6982", "+39066982"),
    ("IT", "393331234567", "+393331234567"),
    ("BR", "55 99123 4567", "+5555991234567"),
    ("DE", "04915 123456", "+494915123456"),
    ("DE", "4915123456789", "may be +4915123456789 or +494915123456789"),
    ("ID", "62 812-345-678", "may be +62812345678 or +6262812345678"),
    ("AE", "0501234567 / 0507654321", "it seems to hold several"),
    ("AE", "0501234567, 0507654321", "it seems to hold several"),
    ("AE", "0501234567 (Ahmed)", "it has letters"),
    ("AE", "1-800-FLOWERS", "it has letters"),
    ("AE", "050*1234567", "it has other signs than digits, spaces and ( ) . - /"),
    ("AE", "041234567 x12", "an extension cannot be kept in E.164"),
    ("AE", "tel:+97141234567;ext=12", "an extension cannot be kept in E.164"),
    ("AE", "05012345678901", "has too many digits for AE"),
    ("AE", "+999 123", "is not a phone number"),
    ("AE", "12", "has too few digits for AE"),
    ("US", "253-0000", "lacks its area code for US"),
]


@pytest.mark.parametrize(("region", "text", "expected"), FORMS)
def test_the_forms_in_which_people_write_phones(region: str, text: str, expected: str) -> None:
    """One valid number in any usual form is taken; what would lose something is a problem that says so."""
    result = compile_transform({"phone": region})(text, None)
    if isinstance(result, TransformProblem):
        assert result.code == "bad_phone"
        assert expected in result.message
    else:
        assert result == expected
