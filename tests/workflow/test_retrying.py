"""The retry loop: a results file goes back, as it is or corrected by hand; exactly what needs it is sent again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from bulk_sync.errors import Refused, SourceError
from bulk_sync.sandbox import Fault, FaultKind, Faults, Quota, SandboxConfig, SandboxServer, Scripted
from bulk_sync.workflow.closing import Ended
from tests.workflow.office import Office

MAPPING = """
version: 1
resource: clients
match: Client ID
fields:
  name: Company
  email: {column: E-mail, transform: [lower]}
  website: Web
ignore: [Code, Since, Amount]
"""
HEADER = ["Client ID", "Company", "E-mail", "Web", "Code", "Amount"]


class Desktop(Office):
    """An office whose one source is a workbook, and where results are opened, corrected and saved."""

    told = 0

    def send(self, **flags: object) -> Ended:
        return self.run(Path("clients.xlsx"), Path("mapping.yaml"), **flags)

    def write(self, rows: list[list[object]]) -> None:
        """Write the source: a workbook whose codes are text with zeros in front."""
        book = Workbook()
        assert isinstance(book.active, Worksheet)
        lines: list[list[Any]] = [list(HEADER), *rows]
        for line in lines:
            book.active.append(line)
        book.save(self.folder / "clients.xlsx")

    def sheet(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of the sheet Results."""
        lines = load_workbook(self.folder / name)["Results"].iter_rows(values_only=True)
        header = [str(value) for value in next(lines)]
        return [dict(zip(header, line, strict=True)) for line in lines]

    def edit(self, name: str, change: Callable[[Worksheet, dict[str, int]], None]) -> None:
        """Open a results workbook as a person does, change it, save it."""
        book = load_workbook(self.folder / name)
        sheet = book["Results"]
        change(sheet, {str(cell.value): number for number, cell in enumerate(sheet[1], 1)})
        book.save(self.folder / name)

    def patched(self) -> list[str]:
        """Return the clients that were sent since this was last asked."""
        found = [each.client_id for each in self.server.log if each.method == "PATCH"]
        new, self.told = found[self.told :], len(found)
        return new


def refusing(*clients: str) -> Faults:
    """Let the API refuse the first change of each of these clients."""
    if not clients:
        return Faults()
    fault = Fault(kind=FaultKind.STATUS, status=400, message="this address is taken")
    first = Scripted(fault=fault, ids=frozenset(clients), methods=frozenset({"PATCH"}), attempts=frozenset({1}))
    return Faults(script=(first,))


@pytest.fixture
def open_desktop(tmp_path: Path) -> Iterator[Callable[..., Desktop]]:
    with ExitStack() as stack:

        def make(*refused: str, clients: int = 6) -> Desktop:
            config = SandboxConfig(quota=Quota(rate="none"), faults=refusing(*refused))
            server = stack.enter_context(SandboxServer(None, config=config))
            server.seed([{"id": f"clt_{n}", "name": f"Old {n}"} for n in range(1, clients + 1)])
            (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
            return stack.enter_context(closing(Desktop(tmp_path, server)))

        yield make


@pytest.fixture
def office(open_desktop: Callable[..., Desktop]) -> Desktop:
    """Six rows: three the API refuses at first, one with an address that is none, two that pass."""
    office = open_desktop("clt_2", "clt_3", "clt_4")
    office.write(
        [
            [f"clt_{n}", f"Company {n}", "no address" if n == 5 else f"Info{n}@x.example", "", f"00{n}", n * 1.5]
            for n in range(1, 7)
        ]
    )
    return office


def statuses(office: Desktop, name: str) -> dict[int, str]:
    return {line["sync_row"]: line["sync_status"] for line in office.sheet(name)}


def test_two_of_three_failing_rows_corrected_are_two_requests(office: Desktop) -> None:
    """Two of three refused rows are kept in the file and corrected: exactly two requests, and all rows come out."""
    first = office.send(output="first.xlsx")
    assert first.summary.counts == {"updated": 2, "invalid": 1, "failed": 3}
    office.patched()

    def correct(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(3, at["E-mail"]).value = "right2@x.example"
        sheet.cell(4, at["E-mail"]).value = "right3@x.example"
        sheet.delete_rows(5)

    office.edit("first.xlsx", correct)
    second = office.retry("first.xlsx", output="second.xlsx")
    assert office.patched() == ["clt_2", "clt_3"]
    assert statuses(office, "second.xlsx") == {
        2: "unchanged", 3: "updated", 4: "updated", 5: "skipped", 6: "invalid", 7: "unchanged",
    }  # fmt: skip
    assert second.summary.parent == first.summary.run
    assert second.summary.exit_code == 1
    assert [line["Code"] for line in office.sheet("second.xlsx")] == ["001", "002", "003", "004", "005", "006"]


def test_the_plan_lists_each_edited_cell(office: Desktop) -> None:
    """Old and new stand in the plan that is asked about; a no sends nothing and leaves the run as it was."""
    office.send(output="first.xlsx")
    office.patched()

    def correct(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(2, at["Company"]).value = "Corrected 1"
        sheet.cell(3, at["E-mail"]).value = None

    office.edit("first.xlsx", correct)
    office.talk.interactive, office.talk.answer = True, False
    ended = office.retry("first.xlsx", yes=None, output="second.xlsx")
    assert office.talk.views[-1].notes[:2] == (
        'edited: row 2, Results!B2, column "Company": "Company 1" → "Corrected 1"',
        'edited: row 3, Results!C3, column "E-mail": "Info2@x.example" → ""',
    )
    assert (ended.summary.exit_code, ended.summary.stopped_by, office.patched()) == (6, "declined", [])


def test_an_all_green_unedited_file_sends_nothing(open_desktop: Callable[..., Desktop]) -> None:
    """Nothing failed and nothing was edited: no request of any kind."""
    office = open_desktop()
    office.write([[f"clt_{n}", f"Company {n}", "", "", "", n] for n in range(1, 4)])
    office.send(output="first.xlsx")
    before = office.server.counters["requests"]
    ended = office.retry("first.xlsx", output="second.xlsx")
    assert office.server.counters["requests"] == before
    assert (ended.summary.counts, ended.summary.exit_code) == ({"unchanged": 3}, 0)


def test_an_edited_cell_is_sent_whatever_the_status(office: Desktop) -> None:
    """A row that was updated, and whose cell says something else now, is sent again."""
    office.send(output="first.xlsx")
    office.patched()

    def edit(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(7, at["Company"]).value = "Better 6"
        for number in range(5, 2, -1):
            sheet.delete_rows(number)

    office.edit("first.xlsx", edit)
    office.retry("first.xlsx", output="second.xlsx")
    assert office.patched() == ["clt_6"]
    assert office.server.records()["clt_6"]["name"] == "Better 6"


def test_sorted_and_filtered_rows_keep_their_identity(office: Desktop) -> None:
    """The lines stand in another order, some are hidden: each result stands on its own row."""
    office.send(output="first.xlsx")
    office.patched()

    def turn_round(sheet: Worksheet, at: dict[str, int]) -> None:
        lines = [[cell.value for cell in line] for line in sheet.iter_rows(min_row=2, max_row=7)]
        for number, line in enumerate(reversed(lines), 2):
            for column, value in enumerate(line, 1):
                sheet.cell(number, column).value = value
        sheet.row_dimensions[4].hidden = True

    office.edit("first.xlsx", turn_round)
    office.retry("first.xlsx", output="second.xlsx")
    assert sorted(office.patched()) == ["clt_2", "clt_3", "clt_4"]
    assert [(line["sync_row"], line["Client ID"]) for line in office.sheet("second.xlsx")] == [
        (number, f"clt_{number - 1}") for number in range(2, 8)
    ]


def test_rows_that_cannot_be_told_apart_are_invalid(office: Desktop) -> None:
    """A blank, a repeated and a foreign sync_row: refused, never sent, and the source's rows are all there."""
    office.send(output="first.xlsx")
    office.patched()

    def muddle(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(3, at["sync_row"]).value = None
        sheet.cell(4, at["sync_row"]).value = 5
        sheet.cell(6, at["sync_row"]).value = 99

    office.edit("first.xlsx", muddle)
    ended = office.retry("first.xlsx", output="second.xlsx")
    assert office.patched() == []
    assert statuses(office, "second.xlsx") == {
        2: "unchanged", 3: "skipped", 4: "skipped", 5: "invalid", 6: "skipped", 7: "unchanged",
        8: "invalid", 9: "invalid", 10: "invalid",
    }  # fmt: skip
    codes = [line["sync_code"] for line in office.sheet("second.xlsx") if line["sync_status"] == "invalid"]
    assert codes == ["sync_row_repeated", "sync_row_blank", "sync_row_repeated", "sync_row_unknown"]
    assert "4 rows whose sync_row is blank, repeated or of no row of the run: invalid" in ended.summary.notes


def test_edits_of_our_columns_are_ignored_and_said(office: Desktop) -> None:
    """Somebody writes `updated` over `failed`: the row is sent all the same, and the warning stands in its line."""
    office.send(output="first.xlsx")
    office.patched()

    def overwrite(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(3, at["sync_status"]).value = "updated"

    office.edit("first.xlsx", overwrite)
    ended = office.retry("first.xlsx", output="second.xlsx")
    assert office.patched() == ["clt_2", "clt_3", "clt_4"]
    assert "1 row with an edit in a sync_ column, which is ignored" in ended.summary.notes
    assert "edits of sync_ columns are ignored" in str(office.sheet("second.xlsx")[1]["sync_message"])


def test_a_csv_with_scars_is_refused(office: Desktop) -> None:
    """A spreadsheet took the zeros off a code: refused before anything is sent, with the advice to use the workbook."""
    office.send(output="first.csv")
    office.patched()
    path = office.folder / "first.csv"
    path.write_bytes(path.read_bytes().replace(b"002", b"2"))
    with pytest.raises(SourceError) as caught:
        office.retry("first.csv")
    assert "leading zeros or a plus sign were lost" in caught.value.message
    assert "edit the results workbook instead" in caught.value.hint
    assert office.patched() == []


def test_a_csv_corrected_with_care_is_taken(office: Desktop) -> None:
    """A CSV results file without scars goes back as a workbook does, found by its remembered path."""
    office.send(output="first.csv")
    office.patched()
    path = office.folder / "first.csv"
    path.write_bytes(path.read_bytes().replace(b"no address", b"five@x.example"))
    office.retry("first.csv", output="second.xlsx")
    assert sorted(office.patched()) == ["clt_2", "clt_3", "clt_4", "clt_5"]


def test_a_local_problem_that_is_still_there_costs_no_request(office: Desktop) -> None:
    """Only the invalid row is left in the file, uncorrected: it is reported again and nothing is asked of the API."""
    office.send(output="first.xlsx")
    office.edit("first.xlsx", lambda sheet, at: sheet.delete_rows(3, 3))
    before = office.server.counters["requests"]
    office.retry("first.xlsx", output="second.xlsx")
    assert office.server.counters["requests"] == before
    assert statuses(office, "second.xlsx")[6] == "invalid"


def test_a_retried_run_is_closed_for_resume(office: Desktop) -> None:
    """What a stopped run had left belongs to its retry: resume names that one and refuses."""
    first = office.send(output="first.xlsx", max_requests=3)
    assert first.summary.exit_code == 3
    second = office.retry("first.xlsx", output="second.xlsx")
    with pytest.raises(Refused, match=f"was retried by run {second.summary.run}"):
        office.resume(first.summary.run)
    with pytest.raises(Refused, match="no run is unfinished"):
        office.resume()


def test_a_retry_that_stops_while_it_reads_is_begun_anew(office: Desktop) -> None:
    """It has no plan that resume could go on with, and does not send anyone there."""
    office.send(output="first.xlsx", max_requests=3)
    stopped = office.retry("first.xlsx", output="second.xlsx", read="each", max_requests=1).summary
    assert (stopped.exit_code, stopped.requests.get("patch")) == (3, None)
    assert stopped.next_steps == (f"nothing was sent; to begin anew: bulk-sync retry first.xlsx{office.desk().again}",)


def test_a_declined_retry_leaves_the_run_open(office: Desktop) -> None:
    """A no changes nothing: the stopped run can still be resumed, and is the one that resume takes."""
    first = office.send(output="first.xlsx", max_requests=3)
    office.talk.interactive, office.talk.answer = True, False
    office.retry("first.xlsx", yes=None, output="second.xlsx")
    office.talk.interactive = False
    assert office.resume().summary.run == first.summary.run


def test_the_run_is_found_by_the_workbook_wherever_it_went(office: Desktop, tmp_path: Path) -> None:
    """A renamed copy in another folder still names its run."""
    first = office.send(output="first.xlsx")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "first.xlsx", tmp_path / "elsewhere" / "corrected.xlsx")
    assert office.retry("elsewhere/corrected.xlsx", output="second.xlsx").summary.parent == first.summary.run


def test_a_moved_csv_needs_the_run(office: Desktop, tmp_path: Path) -> None:
    """A CSV has no properties and its new path is not remembered: it says where it looked; --run settles it."""
    first = office.send(output="first.csv")
    shutil.move(tmp_path / "first.csv", tmp_path / "moved.csv")
    with pytest.raises(Refused) as caught:
        office.retry("moved.csv")
    assert caught.value.message == (
        "moved.csv: cannot tell which run these results are of; looked at the paths that are remembered, its name, "
        f"for the runs in {tmp_path / 'state' / 'runs'}"
    )
    assert "--run RUN" in caught.value.hint
    assert office.retry("moved.csv", first.summary.run[:15], output="second.xlsx").summary.parent == first.summary.run


def test_a_workbook_of_a_forgotten_run_is_not_taken_for_another(office: Desktop, tmp_path: Path) -> None:
    """The path is remembered for a later run, but the file says it is of a purged one: refused, not mixed up."""
    old = office.send(output="old.xlsx")
    office.send(output="new.xlsx")
    shutil.rmtree(tmp_path / "state" / "runs" / old.summary.run)
    shutil.copy(tmp_path / "old.xlsx", tmp_path / "new.xlsx")
    with pytest.raises(Refused, match=f"new.xlsx holds the results of run {old.summary.run}, which is not in"):
        office.retry("new.xlsx")


def test_a_retry_keeps_to_the_fields_of_its_run(office: Desktop) -> None:
    """A run of one field only is retried with that field only."""
    office.send(output="first.xlsx", only_fields="name")
    office.patched()
    office.retry("first.xlsx", output="second.xlsx")
    assert office.server.records()["clt_2"] == {**office.server.records()["clt_2"], "name": "Company 2"}
    assert "email" not in {name for name, value in office.server.records()["clt_2"].items() if value}


def test_a_run_is_retried_without_a_file(office: Desktop) -> None:
    """The run's id alone sends what did not succeed, from the journal."""
    first = office.send(output="first.xlsx")
    office.patched()
    office.retry(first.summary.run, output="second.xlsx")
    assert office.patched() == ["clt_2", "clt_3", "clt_4"]


def test_a_mapping_that_changed_since_is_said(office: Desktop, tmp_path: Path) -> None:
    """The retry goes by the mapping that the run had, and warns that the file says something else by now."""
    office.send(output="first.xlsx")
    (tmp_path / "mapping.yaml").write_text("version: 1\n", encoding="utf-8")
    office.retry("first.xlsx", output="second.xlsx")
    assert any("the retry goes by the mapping that the run had" in text for text in office.talk.warnings)


def test_rows_that_were_not_chosen_are_taken_up_by_a_later_retry(office: Desktop) -> None:
    """A retry of one row leaves the others to be retried from its results; what needs none stays as it is."""
    first = office.send(output="first.xlsx")

    def correct(sheet: Worksheet, at: dict[str, int]) -> None:
        sheet.cell(6, at["E-mail"]).value = "right5@x.example"
        sheet.cell(7, at["Company"]).value = "Better 6"

    office.edit("first.xlsx", correct)
    office.patched()
    second = office.retry("first.xlsx", rows="3", output="second.xlsx")
    assert office.patched() == ["clt_2"]
    assert statuses(office, "second.xlsx") == {
        2: "unchanged", 3: "updated", 4: "skipped", 5: "skipped", 6: "skipped", 7: "skipped",
    }  # fmt: skip
    assert (second.summary.exit_code, second.summary.notes) == (0, ())
    lines = office.sheet("second.xlsx")
    assert [line["sync_code"] for line in lines[2:]] == ["not_chosen"] * 4
    run = first.summary.run
    start = "left out by --rows or --first, still to be retried: "
    assert lines[2]["sync_message"].startswith(f"{start}failed by run {run}: ")
    assert lines[5]["sync_message"] == f"{start}updated by run {run}, and edited since"

    third = office.retry("second.xlsx", first=4, output="third.xlsx")
    assert sorted(office.patched()) == ["clt_3", "clt_4"]
    assert office.sheet("third.xlsx")[5]["sync_message"] == lines[5]["sync_message"]
    office.retry(third.summary.run, output="fourth.xlsx")
    assert sorted(office.patched()) == ["clt_5", "clt_6"]
    assert set(statuses(office, "fourth.xlsx").values()) == {"unchanged", "updated"}
    assert office.server.records()["clt_6"]["name"] == "Better 6"


def test_natural_corrections_of_a_csv_are_taken(open_office: Callable[..., Office]) -> None:
    """A plus before a phone number, a month and a day in their order: a spreadsheet does neither."""
    office = open_office(records=[{"id": f"clt_{n}", "type": "company", "name": f"Old {n}"} for n in (1, 2)])
    rows = [("clt_1", "971501234567", "2024-01-13"), ("clt_2", "+971501234568", "2024-13-01")]
    fields = {"phone": "Phone", "cf_since": {"column": "Since", "type": "date"}}
    mapping = office.mapping(match="ID", fields=fields)
    office.run(office.source(("ID", "Phone", "Since"), rows), mapping, output="first.csv", allow=("new-custom-field",))
    path = office.folder / "first.csv"
    text = path.read_text("utf-8-sig").replace(",971501", ",+971501").replace("2024-13-01", "2024-01-13")
    path.write_text(text, encoding="utf-8")
    retried = office.retry("first.csv", output="second.csv", allow=("new-custom-field",))
    assert retried.summary.counts == {"updated": 2}


def test_a_csv_in_the_encoding_of_a_spreadsheet_is_refused_with_a_way_out(office: Desktop) -> None:
    """Excel's plain "CSV" is not UTF-8, and no mapping can say so for a results file: the hint names what helps."""
    office.write([["clt_1", "Çelik", "no address", "", "", 1]])
    office.send(output="first.csv")
    path = office.folder / "first.csv"
    utf8 = path.read_bytes().decode("utf-8-sig").replace("no address", "a@x.example")
    path.write_bytes(utf8.encode("cp1252"))
    with pytest.raises(SourceError) as caught:
        office.retry("first.csv")
    assert "first.csv is not UTF-8 (byte 0xC7 in line 2" in caught.value.message
    assert caught.value.hint.startswith('save the file anew as "CSV UTF-8", or work on the results workbook')
    path.write_text(utf8, encoding="utf-8-sig")
    assert office.retry("first.csv", output="second.csv").summary.counts == {"updated": 1}
