"""What single transforms make of the values that people's sheets hold."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bulk_sync.mapping.transforms import TransformProblem, TransformSpec, compile_transform
from bulk_sync.mapping.transforms.country import countries, find_country

TITLES = [
    ("MACHADO DE ASSIS", "Machado de Assis"),
    ("o’neill", "O’Neill"),
    ("D'ANGELO DELL'ARTE", "D'Angelo Dell'Arte"),
    ("ahmed bin rashid al maktoum", "Ahmed bin Rashid Al Maktoum"),
    ("JEAN-LUC PICARD", "Jean-Luc Picard"),
    ("DE LA CRUZ", "De la Cruz"),
    ("bank of america", "Bank of America"),
    ("HEAD OF HR", "Head of HR"),
    ("İSTANBUL", "Istanbul"),
    ("الشركة", "الشركة"),
    ("ИВАН ПЕТРОВ", "Иван Петров"),
    ("3M GULF FZ-LLC", "3M Gulf FZ-LLC"),
    ("mcx", "Mcx"),
    ("3RD FLOOR, 22ND STREET", "3rd Floor, 22nd Street"),
    ("1st al nd", "1st Al Nd"),
    ("macdonald", "MacDonald"),
    ("iPhone repair", "iPhone Repair"),
]


@pytest.mark.parametrize(("text", "expected"), TITLES)
def test_titles(text: str, expected: str) -> None:
    """Particles, apostrophes, hyphens, legal forms and capitals inside names are kept as people write them."""
    assert compile_transform("title")(text, None) == expected


COUNTRIES = {
    "AE": "uae|U.A.E|UAE.|United Arab Emirates|Vereinigte Arabische Emirate|Émirats arabes unis|الإمارات|ОАЭ|are",
    "SA": "KSA|Saudi Arabia|Saudi-Arabien|Arabie saoudite|السعودية|Suudi Arabistan",
    "GB": "UK|U.K.|Great Britain|england|Großbritannien|Royaume-Uni|Reino Unido|Wielka Brytania|The United Kingdom",
    "US": "USA|U.S.A.|U.S.|United States of America|États-Unis|EE. UU.|ABD|США|Stati Uniti d'America",
    "TR": "Turkey|Türkiye|TÜRKİYE|Turkiye|Türkei|Turquie",
    "DE": "Germany|Deutschland|Allemagne|Alemania|Duitsland|Niemcy|Almanya|ألمانيا",
    "NL": "The Netherlands|Holland|Niederlande|Nederland|Pays-Bas",
    "CI": "Côte d'Ivoire|Ivory Coast|cote d’ivoire",
    "KR": "South Korea|Korea|Korea, Republic of|Republic of Korea|Südkorea",
    "RU": "Russia|Russian Federation|Россия|Russland",
    "CZ": "Czechia|Czech Republic|Tschechien",
    "VN": "Vietnam|Viet Nam",
    "OM": "Oman|Sultanate of Oman|عمان|سلطنة عُمان",
    "TZ": "Tanzania|Tanzania, United Republic of",
    "CG": "Congo|Congo, Republic of the",
    "CD": "DRC|Congo, The Democratic Republic of the|DR Congo",
    "NE": "Niger",
    "NG": "Nigeria",
}


def test_names_of_countries_as_people_write_them() -> None:
    """Names in a dozen languages, short forms and codes find their country."""
    found = {
        name: country.code if (country := find_country(name)) else None
        for names in COUNTRIES.values()
        for name in names.split("|")
    }
    assert found == {name: code for code, names in COUNTRIES.items() for name in names.split("|")}


def test_a_country_is_never_guessed() -> None:
    """Cities, states, misspelt names and empty signs are unknown; the nearest name is only a hint."""
    assert [text for text in ("Dubai", "California", "Untied Kingdom", "XX", "??", "Gulf") if find_country(text)] == []
    result = compile_transform("country")("Untied Kingdom", None)
    assert isinstance(result, TransformProblem)
    assert result.hint == "did you mean 'United Kingdom'?"


def test_every_country_finds_itself_by_code_and_name() -> None:
    """What the transform writes, it reads again as the same country: no alias hides another's name."""
    listed = set(countries().values())
    assert len(listed) == 250
    for country in listed:
        assert {find_country(text) for text in country} == {country}


VALUES: list[tuple[TransformSpec, str, object]] = [
    ({"number": "de"}, "1.234.567,89", 1234567.89),
    ({"number": "de"}, "-5", -5),
    ({"number": "en"}, "12,34,567.50", 1234567.5),
    ({"number": "en"}, "1,23", "not_number"),
    ({"number": "en"}, "1,2345", "not_number"),
    ({"number": "en"}, "0,125", "not_number"),
    ({"number": "de"}, "-0.125", "not_number"),
    ({"number": "en"}, "$ 5.00", 5),
    ({"number": "en"}, "5.00 USD", 5),
    ({"number": "en"}, "-AED 5", -5),
    ({"number": "en"}, "DHS 1,500", 1500),
    ({"number": "en"}, "1,500 DHS", 1500),
    ({"number": "en"}, "NTD 5", 5),
    ({"number": "en"}, "-$1,234.50", -1234.5),
    ({"number": "de"}, "−€1.234,50", -1234.5),
    ({"number": "en"}, "-R$ 5", -5),
    ({"number": "en"}, "($1,234.50)", -1234.5),
    ({"number": "en"}, "US$5", 5),
    ({"number": "en"}, "(-5)", "not_number"),
    ({"number": "en"}, "-5-", "not_number"),
    ({"number": "en"}, ">$5", "not_number"),
    ({"number": "en"}, "1.5 MIO", "not_number"),
    ({"number": "en"}, "AED 5 LAC", "not_number"),
    ({"number": "en"}, "MAR 12", "not_number"),
    ({"number": "en"}, "−5", -5),
    ({"number": "en"}, "5-", -5),
    ({"number": "en"}, "٥٫٥", 5.5),
    ({"number": "en"}, ".5", 0.5),
    ({"number": "en"}, "5.", "not_number"),
    ({"number": "en"}, "1e5", "not_number"),
    ({"number": "en"}, "12%", "not_number"),
    ({"number": "en"}, "nan", "not_number"),
    ({"number": "fr"}, "1\u202f234,5", 1234.5),
    ({"number": "ch"}, "1’234.50", 1234.5),
    ("number", "9" * 400, "not_number"),
    ("number", "12345678901234567890", 12345678901234567890),
    ("boolean", "Sí", True),
    ("boolean", "HAYIR", False),
    ("boolean", "✓", True),
    ("boolean", "لا", False),
    ("boolean", "2", "not_boolean"),
    ({"date": "day-first"}, "3.4.2024", date(2024, 4, 3)),
    ({"date": "month-first"}, "3/4/2024", date(2024, 3, 4)),
    ({"date": "%d %b %y"}, "03 Apr 24", date(2024, 4, 3)),
    ({"date": "day-first"}, "31.02.2024", "not_date"),
    ({"date": "%d%m%Y"}, "01112024", date(2024, 11, 1)),
    ({"date": "%d%m%Y"}, "1112024", "not_date"),  # 11 January, or 1 November whose zero a spreadsheet took
    ({"date": "%d%m%y"}, "11124", "not_date"),
    ("date", "20240405", date(2024, 4, 5)),
    ("date", "2024111", "not_date"),
    ({"date": "%d%b%Y"}, "5Jan2024", date(2024, 1, 5)),
    ({"date": "%d/%m/%Y %H:%M %p"}, "5/1/2024 06:30 PM", date(2024, 1, 5)),  # of which no time is sent
    ({"date": "%d/%m/%Y %I:%M"}, "5/1/2024 06:30", date(2024, 1, 5)),
    ({"datetime": "%d/%m/%YT%H%M"}, "5/1/2024t0630", "2024-01-05T06:30:00"),
    ({"datetime": "%Y%m%d %H:%M"}, "20240105 6:30", "2024-01-05T06:30:00"),
    ({"datetime": "%d/%m/%Y %H%M"}, "5/1/2024 630", "not_datetime"),
    ({"datetime": "%d/%m/%Y %I:%M %p"}, "5/1/2024 06:30 PM", "2024-01-05T18:30:00"),
    ({"date": "day-first"}, "٣/٤/٢٠٢٤", date(2024, 4, 3)),
    ("datetime", "2024-04-03 12:00", "2024-04-03T12:00:00"),
    ({"datetime": "day-first"}, "tomorrow", "not_datetime"),
    ("url", "acme.ae", "https://acme.ae"),
    ("url", "//acme.ae/x?y=1#z", "https://acme.ae/x?y=1#z"),
    ("url", "http:acme.ae", "http://acme.ae"),
    ("url", "https:/acme.ae", "https://acme.ae"),
    ("url", "HTTPS://WWW.Acme.AE:8443/Path", "https://www.acme.ae:8443/Path"),
    ("url", "münchen.de", "https://münchen.de"),
    ("url", "ftp://acme.ae", "bad_url"),
    ("url", "javascript:alert(1)", "bad_url"),
    ("url", "http://user:pw@acme.ae", "bad_url"),
    ("url", "http://acme.ae:99999", "bad_url"),
    ("url", "http://[::1", "bad_url"),
    ("url", "http://10.0.0.1", "bad_url"),
    ("url", "n/a", "bad_url"),
    ("url", "acme. ae", "bad_url"),
    ("email", "<info@acme.ae>", "info@acme.ae"),
    ("email", "mailto:Info@ACME.ae?subject=x", "Info@acme.ae"),
    ("email", "info@acme.ae;", "info@acme.ae"),
    ("email", "a@acme.ae; b@acme.ae", "bad_email"),
    ("email", "info at acme.ae", "bad_email"),
    ("mojibake", "CafÃ© â€œDubaiâ€\x9d", "Café “Dubai”"),
    ({"person_name": "suffix"}, "Jan Berg Jr.", "Jr."),
    ({"person_name": "title"}, "Jan Berg", "no_name_part"),
    ({"tax_number": "ae"}, "AE100234567890123", "100234567890123"),
    ({"tax_number": "SA"}, "300000000000003", "300000000000003"),
    ({"tax_number": "DE"}, "DE136695977", "bad_tax_number"),
    ({"tax_number": "GR"}, "094259216", "EL094259216"),
    ({"tax_number": "IN"}, "27 AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
]


@pytest.mark.parametrize(("spec", "text", "expected"), VALUES)
def test_values(spec: TransformSpec, text: str, expected: object) -> None:
    """Each text gives the value, or the code of the problem, that stands beside it."""
    result = compile_transform(spec)(text, None)
    found: object = result.code if isinstance(result, TransformProblem) else result
    if isinstance(result, datetime):
        found = result.isoformat()
    assert (type(found), found) == (type(expected), expected)
