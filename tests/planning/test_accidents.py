"""Honest edits of a sheet pass; accidents with its columns are stopped. A generator makes each."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import pytest

from bulk_sync.planning.accidents import AccidentWatch
from bulk_sync.planning.differ import DiffRules, diff
from bulk_sync.planning.guards import GuardFinding
from bulk_sync.records import Json

Row: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[list[Row], random.Random], None]


class Sheet(Protocol):
    """What the fixture makes: see conftest."""

    records: list[Row]
    payloads: list[Row]
    dice: random.Random

    @property
    def size(self) -> int: ...


Maker: TypeAlias = Callable[[int, int], Sheet]

OWN = ["name", "email", "phone", "website", "cf_erp"]
SHARED = ["firstName", "lastName", "cf_tier", "cf_city"]


def findings_of(sheet: Sheet, rules: DiffRules) -> tuple[GuardFinding, ...]:
    """Plan a sheet and return what the guards say."""
    watch = AccidentWatch(readable=rules.readable)
    for number, (payload, record) in enumerate(zip(sheet.payloads, sheet.records, strict=True), start=2):
        changed = diff(payload, record, rules=rules, now=0).send
        watch.see(number, payload, record, changed=changed)
    return watch.findings()


def names_of(sheet: Sheet, rules: DiffRules) -> set[str]:
    """Return the names of the guards that stop a sheet."""
    return {finding.name for finding in findings_of(sheet, rules)}


AccidentCase: TypeAlias = Callable[..., set[str]]


@pytest.fixture
def case(sheets: Maker, rules: DiffRules) -> AccidentCase:
    """Return what makes a sheet, lets an accident happen to a part of it, and names the guards that stop it."""

    def happen(size: int, part: str, accident: Callable[..., None], *details: object) -> set[str]:
        sheet = sheets(size, size)
        accident(part_of(sheet.payloads, part), *details)
        return names_of(sheet, rules)

    return happen


# Honest edits


def some(rows: list[Row], dice: random.Random, share: float) -> list[Row]:
    return dice.sample(rows, max(1, round(share * len(rows))))


def reformat_phones(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        if "phone" in row:
            number = row["phone"]
            row["phone"] = f"{number[:4]} {number[4:6]} {number[6:9]} {number[9:]}"


def upper_names(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row["name"] = row["name"].upper()


def tidy_sites(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row["website"] = row["website"].replace("https://www.", "https://")


def gold_for_all(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row["cf_tier"] = "Gold"


def city_for_a_fifth(rows: list[Row], dice: random.Random) -> None:
    city = dice.choice(["Dubai", "Al Ain", "Doha"])
    for row in some(rows, dice, 0.2):
        row["cf_city"] = city


def cities_at_random(rows: list[Row], dice: random.Random) -> None:
    cities = [row["cf_city"] for row in rows]
    for row in some(rows, dice, 0.3):
        row["cf_city"] = dice.choice(cities)


def tiers_at_random(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, dice.choice([0.1, 0.5, 1])):
        row["cf_tier"] = dice.choice(["Gold", "Silver", "Bronze", "Standard"])


def scores_anew(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row["cf_score"] = dice.randrange(100)


def correct_typos(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, 0.1):
        text = row["name"]
        place = dice.randrange(1, len(text) - 5)
        row["name"] = text[:place] + text[place + 1 :]


def correct_first_names(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, 0.1):
        row["firstName"] = dice.choice(["Aly", "Umar", "Sarah", "Noor", "Lena"])


def add_missing_phones(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row.setdefault("phone", f"+97155{dice.randrange(10**7):07}")


def new_mail_domain(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, dice.choice([0.05, 0.5, 1])):
        row["email"] = row["email"].split("@")[0] + "@new.example"


def married_names(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, 0.05):
        row["lastName"] = dice.choice(["Khan", "Silva", "Berg"])


def one_site_for_a_group(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, 0.2):
        row["website"] = "https://www.group.com"


def rebranded_group(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        if row["website"] == "https://www.group.com":
            row["website"] = "https://newgroup.example"


def clear_scores(rows: list[Row], dice: random.Random) -> None:
    for row in some(rows, dice, 0.4):
        row["cf_score"] = None


def copy_mail_to_custom(rows: list[Row], dice: random.Random) -> None:
    for row in rows:
        row["cf_billing_email"] = row["email"]


def swap_two_phones(rows: list[Row], dice: random.Random) -> None:
    with_phone = [row for row in rows if "phone" in row]
    if len(with_phone) > 1:
        one, other = dice.sample(with_phone, 2)
        one["phone"], other["phone"] = other["phone"], one["phone"]


def first_rows_only(rows: list[Row], dice: random.Random) -> None:
    for row in rows[: max(1, len(rows) // 10)]:
        row["name"] += " LLC"


HONEST: list[Edit] = [
    reformat_phones, upper_names, tidy_sites, gold_for_all, city_for_a_fifth, cities_at_random, tiers_at_random,
    scores_anew, correct_typos, correct_first_names, add_missing_phones, new_mail_domain, married_names,
    one_site_for_a_group, rebranded_group, clear_scores, copy_mail_to_custom, swap_two_phones, first_rows_only,
]  # fmt: skip


def test_a_thousand_random_honest_edits_pass(sheets: Maker, rules: DiffRules) -> None:
    """One to three honest edits of sheets of 4 to 100 rows never stop a run."""
    stopped = []
    for seed in range(1000):
        dice = random.Random(seed)
        sheet = sheets(dice.choice([4, 7, 10, 10, 15, 25, 40, 40, 60, 100]), seed)
        edits = dice.sample(HONEST, dice.choice([1, 1, 2, 3]))
        for edit in edits:
            edit(sheet.payloads, dice)
        if found := findings_of(sheet, rules):
            stopped.append((seed, sheet.size, [edit.__name__ for edit in edits], found))
    assert stopped == []


@pytest.mark.parametrize("edit", HONEST, ids=lambda edit: edit.__name__)
def test_an_honest_edit_of_a_large_sheet_passes(edit: Edit, sheets: Maker, rules: DiffRules) -> None:
    """Each honest edit passes in a sheet of 600 rows, too."""
    sheet = sheets(600, 7)
    edit(sheet.payloads, random.Random(7))
    assert findings_of(sheet, rules) == ()


# Accidents


def part_of(rows: list[Row], part: str) -> list[Row]:
    """Return the rows that an accident takes: all, those from the middle on, or the first two thirds."""
    if part == "all":
        return rows
    return rows[len(rows) // 2 :] if part == "from the middle" else rows[: 2 * len(rows) // 3]


def put(row: Row, field: str, value: Json) -> None:
    """Put a value into a cell; a blank cell keeps the field."""
    row.pop(field, None)
    if value is not None:
        row[field] = value


def shift(rows: list[Row], field: str, by: int) -> None:
    column = [row.get(field) for row in rows]
    moved = [None, *column[:-1]] if by > 0 else [*column[1:], None]
    for row, value in zip(rows, moved, strict=True):
        put(row, field, value)


def sort_column(rows: list[Row], field: str) -> None:
    column = sorted((row.get(field) for row in rows), key=lambda value: (value is None, str(value)))
    for row, value in zip(rows, column, strict=True):
        put(row, field, value)


def swap(rows: list[Row], one: str, other: str) -> None:
    for row in rows:
        first, second = row.get(one), row.get(other)
        put(row, one, second)
        put(row, other, first)


def fill_down(rows: list[Row], field: str) -> None:
    value = next(row[field] for row in rows if field in row)
    for row in rows:
        row[field] = value


PARTS = ["all", "from the middle", "two thirds"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize(
    ("size", "fields"),
    [(10, ["name", "email", "website", "cf_erp"]), (40, OWN + SHARED), (2000, ["phone", "cf_city"])],
)
def test_a_shifted_column_is_stopped(case: AccidentCase, size: int, fields: list[str], part: str, by: int) -> None:
    """A column moved by a row, wholly or in part, is stopped as shifted."""
    for field in fields:
        found = case(size, part, shift, field, by)
        assert "shifted" in found, field


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("size", "fields"),
    [(10, ["name", "email", "cf_erp"]), (40, ["email", "phone", "cf_erp", "cf_city"]), (2000, ["phone", "cf_city"])],
)
def test_a_sorted_column_is_stopped(case: AccidentCase, size: int, fields: list[str], part: str) -> None:
    """One column sorted without the rest, wholly or in part, is stopped as permuted."""
    for field in fields:
        found = case(size, part, sort_column, field)
        assert found & {"permuted", "shifted"}, field


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("size", [10, 40, 2000])
def test_swapped_columns_are_stopped(case: AccidentCase, size: int, part: str) -> None:
    """Two columns swapped, wholly or in part, are stopped."""
    pairs = [("phone", "email"), ("firstName", "lastName"), ("name", "email"), ("website", "email")]
    for one, other in pairs[:2] if size == 2000 else pairs:
        found = case(size, part, swap, one, other)
        assert "swapped" in found, (one, other)


@pytest.mark.parametrize("part", ["all", "two thirds"])
@pytest.mark.parametrize("size", [10, 40, 2000])
def test_a_filled_column_is_stopped(case: AccidentCase, size: int, part: str) -> None:
    """One value filled down over most of a column is stopped."""
    fields = {10: ["name", "email", "phone", "website"], 40: ["name", "website", "lastName"], 2000: ["name", "phone"]}
    for field in fields[size]:
        found = case(size, part, fill_down, field)
        assert "filled" in found, field


def test_accidents_are_stopped_beside_honest_edits(sheets: Maker, rules: DiffRules) -> None:
    """An accident in one column is found while other columns are edited honestly, with a fifth of it new, too."""
    for seed in range(30):
        dice = random.Random(seed)
        sheet = sheets(80, 500 + seed)
        for row in some(sheet.payloads, dice, 0.2):
            row["email"] = f"new{dice.randrange(10**6)}@fresh.example"
        gold_for_all(sheet.payloads, dice)
        correct_typos(sheet.payloads, dice)
        if seed % 2:
            shift(sheet.payloads, "email", 1)
        else:
            sort_column(sheet.payloads, "email")
        assert names_of(sheet, rules) & {"shifted", "permuted"}, seed


def test_all_columns_moved_against_the_ids_are_stopped(sheets: Maker, rules: DiffRules) -> None:
    """The id column moved by a row: every other column is found shifted."""
    sheet = sheets(50, 1)
    sheet.payloads = [*sheet.payloads[1:], {}]
    found = {finding.field for finding in findings_of(sheet, rules) if finding.name == "shifted"}
    assert found >= {"name", "email", "phone", "website", "cf_erp", "firstName", "lastName"}


def test_serial_numbers_that_go_up_by_one_pass(sheets: Maker, rules: DiffRules) -> None:
    """A counter that is raised for some rows takes the value of the row below, which keeps its own."""
    sheet = sheets(100, 1)
    for number, (row, record) in enumerate(zip(sheet.payloads, sheet.records, strict=True)):
        record["customFields"]["cf_serial"] = number
        row["cf_serial"] = number + (number % 5 == 0)
    assert findings_of(sheet, rules) == ()


def test_ratings_with_the_same_levels_may_change_against_each_other(sheets: Maker, rules: DiffRules) -> None:
    """Two fields that share their values hold each other's by chance; that is no swap."""
    sheet = sheets(100, 1)
    dice = sheet.dice
    levels = ["High", "Low"]
    for row, record in zip(sheet.payloads, sheet.records, strict=True):
        record["customFields"] |= {"cf_risk": dice.choice(levels), "cf_value": dice.choice(levels)}
        row |= {"cf_risk": dice.choice(levels), "cf_value": dice.choice(levels)}
    assert findings_of(sheet, rules) == ()


def test_one_tax_number_for_most_rows_is_stopped_although_none_is_shown(sheets: Maker, rules: DiffRules) -> None:
    """A field that no answer shows cannot be compared; one tax number for all is stopped nevertheless."""
    sheet = sheets(20, 1)
    for row in sheet.payloads:
        row["taxNumber"] = "100123456700003"
    assert names_of(sheet, rules) == {"filled"}


def test_another_kind_of_value_in_a_custom_field_is_stopped(sheets: Maker, rules: DiffRules) -> None:
    """A custom field that holds e-mails and gets phones has the wrong column."""
    sheet = sheets(20, 1)
    for row, record in zip(sheet.payloads, sheet.records, strict=True):
        record["customFields"]["cf_contact"] = f"x{record['email']}"
        row["cf_contact"] = f"+9714{sheet.dice.randrange(10**7):07}"
    assert names_of(sheet, rules) == {"swapped"}


def test_what_a_finding_says(rules: DiffRules) -> None:
    """A finding has its name, three cells as evidence, a sentence with figures, and the way to allow it."""
    watch = AccidentWatch(readable=rules.readable)
    for number in range(2, 10):
        payload = {"email": f"c{number - 1}@example.com"} if number > 2 else {}
        watch.see(number, payload, {"email": f"c{number}@example.com"}, changed=payload)
    assert watch.findings() == (
        GuardFinding(
            "shifted",
            (
                "row 3: email 'c3@example.com' → 'c2@example.com'",
                "row 4: email 'c4@example.com' → 'c3@example.com'",
                "row 5: email 'c5@example.com' → 'c4@example.com'",
            ),
            "email: 7 of 7 changed cells hold the present value of the client in the row above",
            "is the column moved against the ids? --allow shifted goes on",
            "email",
        ),
    )


def test_a_plan_that_is_resumed_is_judged_by_its_changes_alone(sheets: Maker, rules: DiffRules) -> None:
    """On resume only changed fields and their old values are known; a shift is found among them."""
    sheet = sheets(30, 5)
    shift(sheet.payloads, "email", 1)
    watch = AccidentWatch(readable=rules.readable)
    for number, (payload, record) in enumerate(zip(sheet.payloads, sheet.records, strict=True), start=2):
        change = diff(payload, record, rules=rules, now=0)
        if change.send:
            watch.see(number, change.send, change.old, changed=change.send)
    assert [finding.name for finding in watch.findings()] == ["shifted"]
