"""From a row's keys to its record."""

from __future__ import annotations

import pytest

from bulk_sync.errors import Problem
from bulk_sync.planning.codes import PLANNING_CODES
from bulk_sync.planning.keys import HINTS, KeyIndex, Match, agrees, nearest_keys, normal_key
from bulk_sync.records import Json

CLIENTS: list[dict[str, Json]] = [
    {"id": "clt_1", "number": "CON001", "name": "Al Noor", "email": "info@alnoor.com", "phone": "+971 50 111 2222"},
    {"id": "clt_2", "number": "CON002", "name": "Zed", "email": "Sales@Zed.com", "customFields": {"erp": 17}},
    {"id": "clt_3", "number": "CON003", "name": "Zed", "email": None, "phone": "00971501113333"},
    {"id": "clt_4", "number": "CON004", "firstName": "Sara", "lastName": "Khan", "cf_erp": "A-9"},
]


def index_of(*kinds: str) -> KeyIndex:
    """Return an index of the clients, read in two pages that overlap."""
    index = KeyIndex(kinds)
    index.add(CLIENTS[:3])
    index.add(CLIENTS[2:])
    return index


@pytest.mark.parametrize(
    ("by", "one", "other"),
    [
        ("id", " clt_1 ", "clt_1"),
        ("number", "con 001", "CON\u00a0001"),
        ("email", "MAILTO:A@B.com", "a@b.COM"),
        ("phone", "+44 (0)20 7946-0000", "0044 20 7946 0000"),
        ("phone", "٠٠٩٧١٥٠", "+97150"),
        ("phone", "tel:+97150;ext=7", "+97150 x7"),
        ("name", "ＡＬ  NOOR", "al noor"),
        ("cf_erp", 17.0, "17"),
        ("cf_flag", True, "true"),
    ],
)
def test_forms_of_one_key(by: str, one: Json, other: Json) -> None:
    """Spellings that people take for one key are one."""
    assert normal_key(by, one) == normal_key(by, other) != ""


@pytest.mark.parametrize(
    ("by", "one", "other"),
    [("id", "clt_1", "CLT_1"), ("cf_erp", "aB", "Ab"), ("phone", "+97150", "+97150 x7"), ("number", "007", "7")],
)
def test_forms_of_different_keys(by: str, one: Json, other: Json) -> None:
    """Ids and custom keys mind letter case; zeros and extensions count."""
    assert normal_key(by, one) != normal_key(by, other)


@pytest.mark.parametrize(("by", "value"), [("email", " \u00a0"), ("phone", "n/a"), ("id", None), ("cf_x", ["a"])])
def test_no_key(by: str, value: Json) -> None:
    """Nothing, and what could be no key, has no form."""
    assert normal_key(by, value) == ""


@pytest.mark.parametrize(
    ("kinds", "keys", "record_id"),
    [
        (("id",), ("clt_3",), "clt_3"),
        (("email",), ("sales@zed.com",), "clt_2"),
        (("phone",), ("+971501112222",), "clt_1"),
        (("name",), ("sara khan",), "clt_4"),
        (("cf_erp",), ("17",), "clt_2"),
        (("cf_erp",), ("A-9",), "clt_4"),
        (("id", "email"), ("clt_1", "INFO@alnoor.com"), "clt_1"),
        (("id", "email", "name"), ("clt_3", "", "zed"), "clt_3"),
    ],
)
def test_a_record_is_found(kinds: tuple[str, ...], keys: tuple[str, ...], record_id: str) -> None:
    """Each kind of key finds its client; further keys agree, blank ones with anything."""
    assert index_of(*kinds).find(keys) == Match("found", record_id)


def test_every_way_not_to_find_one() -> None:
    """No key, no client, several, and keys that disagree have their own codes and name whom they mean."""
    found = [
        index_of("email").find([" "]),
        index_of("email").find(["info@alnor.com"]),
        index_of("name").find(["Zed"]),
        index_of("id", "email").find(["clt_1", "sales@zed.com"]),
        index_of("id", "name").find(["clt_1", "Nobody"]),
    ]
    assert [(match.outcome, match.code, match.message, match.hint) for match in found] == [
        ("blank", "key_blank", "no email to find the client by", ""),
        ("none", "no_match", "no client has the email 'info@alnor.com'", "nearest: clt_1 (info@alnoor.com, Al Noor)"),
        (
            "several",
            "several_matches",
            "2 clients have the name 'Zed': clt_2 (Zed), clt_3 (Zed)",
            "match by id, or make the key unique in the CRM",
        ),
        (
            "disagree",
            "keys_disagree",
            "id 'clt_1' finds clt_1 (Al Noor), whose email is not 'sales@zed.com': it is that of clt_2 (Zed)",
            "correct the row, or leave the key out of match",
        ),
        (
            "disagree",
            "keys_disagree",
            "id 'clt_1' finds clt_1 (Al Noor), whose name is not 'Nobody': no client has it",
            "correct the row, or leave the key out of match",
        ),
    ]
    assert found[2].candidates == ("clt_2", "clt_3")
    assert {match.code for match in found} <= PLANNING_CODES.keys()


def test_a_match_as_a_problem_of_its_row() -> None:
    """What is wrong with a key becomes a problem of the row, with the key that is at fault."""
    match = index_of("name").find(["Zed"])
    assert match.problem(row=7, value="Zed") == Problem(
        "several_matches", match.message, match.hint, row=7, value="Zed"
    )


def test_many_candidates_are_named_in_part() -> None:
    """Five candidates are named, the rest counted."""
    index = KeyIndex(["name"])
    index.add({"id": f"clt_{number}", "name": "Same", "number": ""} for number in range(8))
    assert index.find(["same"]).message.endswith("clt_3 (Same), clt_4 (Same) and 3 more")


def test_nearest_keys_are_looked_for_only_so_often() -> None:
    """Looking for near keys reads all of them, so after fifty rows it ends."""
    index = index_of("number")
    hints = [index.find(["CON00X"]).hint for _ in range(HINTS + 1)]
    assert hints.count("") == 1 and hints[-1] == ""
    assert nearest_keys("zzz", ["abc"]) == ()


def test_a_record_read_by_id_is_checked_against_the_other_keys() -> None:
    """Without a snapshot the other keys are compared with the one record."""
    assert agrees(CLIENTS[0], ["id", "name"], ["clt_1", "AL NOOR"]).outcome == "found"
    match = agrees(CLIENTS[0], ["id", "name"], ["clt_1", "Zed"])
    assert match.code == "keys_disagree" and match.message.endswith("whose name is not 'Zed'")


def test_an_index_knows_whom_it_has_seen() -> None:
    """Records are counted once, and asked for by id."""
    index = index_of("email")
    assert (len(index), "clt_4" in index, "clt_5" in index) == (4, True, False)
    with pytest.raises(ValueError, match="at least one kind of key"):
        KeyIndex([])
