"""A finished file comes to lie whole, and never over what is not ours."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bulk_sync.errors import Halted, OutputError
from bulk_sync.results import check_writable, write_results
from bulk_sync.results.placing import check_replaceable, default_path, fingerprint, place
from bulk_sync.results.table import RunBook

MakeBook = Callable[..., RunBook]


def _write(text: str) -> Callable[[Path], tuple[str, ...]]:
    def write(path: Path) -> tuple[str, ...]:
        path.write_text(text)
        return ()

    return write


def test_a_file_of_ours_is_replaced(tmp_path: Path) -> None:
    """What this tool wrote and nobody has changed since gives way to what it writes now."""
    path = tmp_path / "r.csv"
    first = place(_write("one"), path, run="r1")
    second = place(_write("two"), path, run="r2", replaces=(first.fingerprint,))
    assert (second.path, second.notes, path.read_text(), fingerprint(path)) == (
        path, (), "two", second.fingerprint,
    )  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.parametrize("change", ["by hand", "not ours"])
def test_a_file_that_was_changed_is_left_alone(tmp_path: Path, change: str) -> None:
    """The new results lie beside it under the run's name, and that is said."""
    path = tmp_path / "r.csv"
    first = place(_write("one"), path, run="r1")
    path.write_text(change)
    written = place(_write("two"), path, run="r2", replaces=(first.fingerprint,))
    beside = tmp_path / "r-r2.csv"
    assert (written.path, path.read_text(), beside.read_text()) == (beside, change, "two")
    assert written.notes == (
        (
            f'"{path}" could not be replaced: it was not written by this tool or was changed since; '
            f'the results are in "{beside}"'
        ),
    )
    with pytest.raises(OutputError, match="not written by this tool"):
        check_replaceable(path, (first.fingerprint,))


def test_overwrite_replaces_anything(tmp_path: Path) -> None:
    """``None`` is the user's --overwrite."""
    path = tmp_path / "r.csv"
    path.write_text("theirs")
    check_replaceable(path, None)
    assert place(_write("ours"), path, run="r", replaces=None).path.read_text() == "ours"


def test_a_place_that_is_taken_by_a_folder_gets_the_file_beside_it(tmp_path: Path) -> None:
    """Where putting in place fails, nothing is lost."""
    path = tmp_path / "r.csv"
    path.mkdir()
    written = place(_write("x"), path, run="r9", replaces=None)
    assert (written.path.name, written.path.read_text()) == ("r-r9.csv", "x")


def test_a_folder_that_is_gone_leads_to_the_fallback(tmp_path: Path) -> None:
    """The results are kept with the run where their own place fails, and that is said."""
    written = place(_write("x"), tmp_path / "gone" / "r.csv", run="r", fallback=tmp_path / "state" / "r")
    assert written.path == tmp_path / "state" / "r" / "r.csv"
    assert written.notes == (
        (
            f'the results could not be written to "{tmp_path}/gone/r.csv": No such file or directory; '
            f'they are in "{written.path}"'
        ),
    )


def test_without_a_fallback_the_command_stops_and_says_how_to_get_the_results(tmp_path: Path) -> None:
    """Nothing is lost: the journal has them."""
    with pytest.raises(Halted) as caught:
        place(_write("x"), tmp_path / "gone" / "r.csv", run="r7")
    assert caught.value.hint == "nothing is lost: free the place and write them with `bulk-sync runs r7 --output FILE`"
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Halted, match="nor to"):
        place(_write("x"), tmp_path / "gone" / "r.csv", run="r7", fallback=blocked)


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """Half a file never shows, not even beside."""
    path = tmp_path / "r.csv"
    path.write_text("old")

    def fail(beside: Path) -> tuple[str, ...]:
        beside.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place(fail, path, run="r", replaces=None)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("r.csv", "old")]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    """A results file that is linked to from elsewhere stays so."""
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    place(_write("new"), link, run="r", replaces=(fingerprint(target),))
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_default_names_replace_nothing(tmp_path: Path) -> None:
    """A taken name gets a number."""
    names = []
    for _ in range(3):
        path = default_path("data/My clients.xlsx", "r1", folder=tmp_path)
        path.write_text("x")
        names.append(path.name)
    assert names == [f"My clients-results-r1{end}.xlsx" for end in ("", "-2", "-3")]
    assert default_path("-", "r1", kind="check", folder=tmp_path).name == "stdin-check-r1.xlsx"


def test_a_default_name_is_one_that_a_file_can_have(tmp_path: Path) -> None:
    """The name of a source may be as long as names can be, and ours is longer."""
    path = default_path(f"{'é' * 125}.csv", "20261128-012502-cf1d", folder=tmp_path)
    path.write_text("x")
    assert path.name.endswith("é-results-20261128-012502-cf1d.xlsx")


def test_a_wrong_place_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """Suffix, folder, kind of file: each with what to do."""
    (tmp_path / "dir.csv").mkdir()
    for path, words in (
        (tmp_path / "r.txt", 'no writer for the suffix ".txt"'),
        (tmp_path / "gone" / "r.csv", f'there is no folder "{tmp_path}/gone"'),
        (tmp_path / "dir.csv", "it is not a file"),
    ):
        with pytest.raises(OutputError, match=words):
            check_writable(path)
    check_writable(tmp_path / "fine.XLSX")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    """Found out before the run and not after it."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        check_writable(tmp_path / "r.csv")


@pytest.mark.parametrize("way", ["itself", "symlink", "hardlink", "dots", "case"])
def test_the_source_is_never_the_output(tmp_path: Path, way: str) -> None:
    """Not through links either, nor by a name that some file systems take for the same."""
    source, other = tmp_path / "clients.csv", tmp_path / "other.csv"
    source.write_text("a\n1\n")
    if way == "symlink":
        other.symlink_to(source)
    elif way == "hardlink":
        other.hardlink_to(source)
    paths = {
        "itself": source,
        "dots": tmp_path / ".." / tmp_path.name / "clients.csv",
        "case": tmp_path / "CLIENTS.csv",
    }
    with pytest.raises(OutputError, match='would overwrite the source "'):
        check_writable(paths.get(way, other), source)
    with pytest.raises(OutputError, match='would overwrite the mapping "'):
        check_writable(paths.get(way, other), None, source)


def test_a_written_file_is_known_by_its_fingerprint(make_book: MakeBook, tmp_path: Path) -> None:
    """What is remembered is of the very bytes that lie there."""
    written = write_results(make_book(), tmp_path / "r.xlsx")
    assert written.fingerprint == fingerprint(written.path) != ""
    assert fingerprint(tmp_path / "none") == ""
