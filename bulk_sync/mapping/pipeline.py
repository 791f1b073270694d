"""The way of one field: from its cells to what is sent, step by step, compiled once.

The order is the contract's: outer white space off, clear token, transforms, ``map``, ``type``, validation. A
:class:`Pipeline` is a function of the cells it reads and nothing else, so that its outcome can be kept by value;
``explain`` watches the same function through a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from bulk_sync.mapping.cells import (
    Reading,
    compared,
    exponent_finding,
    is_clean,
    lost_digits_finding,
    read_cell,
    read_condition,
    unshown_finding,
)
from bulk_sync.mapping.convert import Converter
from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.template import Template
from bulk_sync.mapping.transforms import Chain, TransformProblem, Value, as_text, is_blank, shown
from bulk_sync.mapping.transforms.options import did_you_mean
from bulk_sync.mapping.validator import Check, cannot_clear
from bulk_sync.records import Cell, CellKind, CellValue, Json
from bulk_sync.resources.fields import Field


class Keep(Enum):
    """The type of :data:`KEEP`."""

    KEEP = "(kept as it is)"


KEEP: Final = Keep.KEEP
"""The field stays as it is in the record: it is not sent."""

ESCAPE = "\\"
"""Before the clear token it makes it a text."""

Trace = Callable[[str, str, object], None]
"""Told each step: its name, a word about it, and the value after it."""


class Outcome(NamedTuple):
    """What a field's cells come to: a value to send (None clears), or :data:`KEEP`, and what was found."""

    value: Json | Keep
    findings: tuple[Finding, ...] = ()


_KEPT = Outcome(KEEP)


class Gathered(NamedTuple):
    """What the source of a field gives: its text, '' for a blank, and the reading where it is one cell's.

    ``covered``: it is blank, and a merged cell lies over it. ``composed``: the clear token was looked for in the
    cells that the text is made of. ``at``: the one column that it is of, where several were looked at.
    """

    text: str
    reading: Reading | None = None
    findings: tuple[Finding, ...] = ()
    covered: bool = False
    composed: bool = False
    at: tuple[int, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether something was found that lets nothing be sent; a warning does not."""
        return any(finding.severity == "error" for finding in self.findings)


Gather = Callable[[Sequence[str | Cell]], Gathered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A compiled ``map``: text → value ready to send. ``fallback`` is None for an error."""

    values: Mapping[str, Json]
    ignore_case: bool
    action: str
    fallback: Json = None

    def find(self, text: str) -> tuple[bool, Json]:
        """Return whether the text is listed, and what is sent for it."""
        key = compared(text.casefold() if self.ignore_case else text)
        return key in self.values, self.values.get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One compiled field. ``columns`` are the indexes of the cells that :meth:`run` is given, in their order.

    ``gather`` is None for a fixed value that ``when`` makes conditional: ``constant``. ``one_cell``: the text is
    that of the first cell, so that a clean one need not be gathered.
    """

    field: Field
    columns: tuple[int, ...]
    gather: Gather | None
    conditions: tuple[tuple[int, str, frozenset[str]], ...]
    chain: Chain
    choices: Choices | None
    converter: Converter
    check: Check
    blank: str
    clear_value: Json
    clearable: bool
    clear_token: str | None
    strict: bool
    one_cell: bool = False
    constant: Json = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The columns that the value comes from; those of its conditions where it comes from none."""
        return self.columns[: len(self.columns) - len(self.conditions)] or self.columns

    @property
    def is_plain(self) -> bool:
        """Whether a clean text that is not the clear token is sent as it is, where the check finds nothing."""
        changed = self.conditions or self.chain.steps or self.choices
        return self.one_cell and not changed and self.converter.type == "text"

    def run(self, cells: Sequence[str | Cell], trace: Trace | None = None) -> Outcome:
        """Return what the cells come to. Pure; says each step to ``trace``."""
        held = self._condition(cells, trace)
        if held is not None:
            return held
        if self.gather is None:
            return Outcome(self.constant)
        first = cells[0]
        if self.one_cell and type(first) is str and is_clean(first):
            sent = self._send_clean(first) if trace is None else KEEP
            return self._run_text(Gathered(first), trace) if sent is KEEP else Outcome(sent)
        gathered = self.gather(cells)
        if gathered.refused:
            return Outcome(KEEP, gathered.findings)
        outcome = self._run_text(gathered, trace)
        if not gathered.findings and not gathered.at:
            return outcome
        found = (finding._replace(at=finding.at or gathered.at) for finding in outcome.findings)
        return outcome._replace(findings=(*gathered.findings, *found))

    def _run_text(self, gathered: Gathered, trace: Trace | None) -> Outcome:
        seen = gathered.text
        if trace:
            trace("trim", "outer white space off", seen)
        text, cleared = (seen, False) if gathered.composed else self._token(seen, trace)
        if cleared:
            return self._clear(seen, trace)
        value, stored, problem = self._transform(text, gathered.reading, trace)
        if problem:
            return Outcome(KEEP, (problem,))
        if is_blank(value) and stored is None:
            return self._blank(trace, covered=gathered.covered)
        return self._map(value, stored, trace)

    def _send_clean(self, text: str) -> Json | Keep:
        """Return what is sent for a clean text where all goes well, else KEEP: the long way then says why.

        These are the steps of :meth:`_run_text` without what is to be told about them, which takes three times as long.
        """
        if self.clear_token is not None and text.endswith(self.clear_token):
            return KEEP
        value = self.chain(text) if self.chain.steps else text
        if isinstance(value, TransformProblem) or is_blank(value):
            return KEEP
        if self.choices is None:
            sent = self.converter(value, None)
        else:
            listed, sent = self.choices.find(as_text(value))
            if not listed:
                return KEEP
        return KEEP if sent is None or isinstance(sent, Finding) or self.check(sent) is not None else sent

    def text_to_convert(self, cells: Sequence[str | Cell]) -> str:
        """Return the text that ``type`` would have to read, '' where there is none: for the survey of a column."""
        if self.gather is None or self._condition(cells, None) is not None:
            return ""
        gathered = self.gather(cells)
        if gathered.refused:
            return ""
        text, cleared = (gathered.text, False) if gathered.composed else self._token(gathered.text, None)
        if cleared:
            return ""
        value, stored, problem = self._transform(text, gathered.reading, None)
        if problem or stored is not None or not isinstance(value, str):
            return ""
        return "" if self.choices and (self.choices.find(value)[0] or self.choices.action != "pass") else value

    def _condition(self, cells: Sequence[str | Cell], trace: Trace | None) -> Outcome | None:
        for place, column, wanted in self.conditions:
            reading = read_condition(cells[place])
            if isinstance(reading, Finding):
                return Outcome(KEEP, (reading._replace(at=(self.columns[place],)),))
            if compared(reading.text) not in wanted:
                if trace:
                    trace("when", f"{column} is {reading.text!r}: the field is left out", KEEP)
                return _KEPT
            if trace:
                trace("when", f"{column} is {reading.text!r}: the field is sent", reading.text)
        return None

    def _token(self, text: str, trace: Trace | None) -> tuple[str, bool]:
        token = self.clear_token
        if token is None or not text.endswith(token):
            return text, False
        if text == token:
            if trace:
                trace("clear token", f"{token!r} clears the field", None)
            return text, True
        if text == f"{ESCAPE}{token}":
            if trace:
                trace("clear token", "escaped: meant as text", token)
            return token, False
        return text, False

    def _transform(
        self, text: str, reading: Reading | None, trace: Trace | None
    ) -> tuple[Value, CellValue, Finding | None]:
        """Return the value, the stored value while it is still the cell's own, and a problem."""
        stored = reading.stored if reading is not None else None
        if not self.chain.steps:
            return text, stored, None
        value = self.chain(text, stored)
        if trace:
            for label, seen in self.chain.trace(text, stored):
                trace(f"transform {label}", "", seen.message if isinstance(seen, TransformProblem) else seen)
        if isinstance(value, TransformProblem):
            return None, None, Finding(value.code, _without_value(value.message, text), value.hint, text)
        return value, stored if value == text else None, None

    def _map(self, value: Value, stored: CellValue, trace: Trace | None) -> Outcome:
        if self.choices is None:
            return self._convert(value, stored, trace)
        text = as_text(value)
        listed, sent = self.choices.find(text)
        action = "listed" if listed else self.choices.action
        if trace:
            trace("map", action if listed else f"not listed, otherwise: {action}", sent if listed else value)
        return self._validate(sent, trace) if listed else self._otherwise(self.choices, value, stored, trace)

    def _otherwise(self, choices: Choices, value: Value, stored: CellValue, trace: Trace | None) -> Outcome:
        action, text = choices.action, as_text(value)
        if action == "pass":
            return self._convert(value, stored, trace)
        if action == "leave":
            return _KEPT
        if action == "clear":
            return self._clear(text, trace)
        if action == "value":
            return self._validate(choices.fallback, trace)
        hint = did_you_mean(text, choices.values) or "add it to the field's `map`, or say what to do `otherwise`"
        return Outcome(KEEP, (Finding("not_in_map", "not listed in the field's map", hint, text),))

    def _convert(self, value: Value, stored: CellValue, trace: Trace | None) -> Outcome:
        converted = self.converter(value, stored)
        if isinstance(converted, Finding):
            return Outcome(KEEP, (converted,))
        if trace and self.converter.type != "text":
            trace(f"type {self.converter.type}", "", converted)
        return self._validate(converted, trace)

    def _validate(self, value: Json, trace: Trace | None) -> Outcome:
        if value is None:
            return self._clear("", trace)
        finding = self.check(value)
        if finding is not None and self.strict and finding.severity == "warning":
            finding = finding._replace(severity="error")
        if finding is not None and finding.severity == "error":
            return Outcome(KEEP, (finding,))
        if trace:
            trace("validation", "" if finding is None else finding.message, value)
        return Outcome(value) if finding is None else Outcome(value, (finding,))

    def _blank(self, trace: Trace | None, *, covered: bool) -> Outcome:
        if self.blank == "error":
            finding = Finding("blank_cell", "blank, and the mapping says `blank: error`", "fill in the cell")
            return Outcome(KEEP, (finding,))
        if self.blank == "clear" and covered:
            return Outcome(KEEP, (_covered_finding(),))
        if trace:
            trace("blank", self.blank, KEEP if self.blank == "keep" else self.clear_value)
        return _KEPT if self.blank == "keep" else Outcome(self.clear_value)

    def _clear(self, text: str, trace: Trace | None) -> Outcome:
        if not self.clearable:
            return Outcome(KEEP, (cannot_clear(self.field.name, text),))
        if trace:
            trace("clear", 'sends ""' if self.clear_value == "" else "sends null", self.clear_value)
        return Outcome(self.clear_value)


def gather_column(*, text_is_sent: bool, uses_stored: bool, index: int) -> Gather:
    """Read one cell. ``text_is_sent``: its digits matter, so the scars of a spreadsheet are looked for."""

    def gather(cells: Sequence[str | Cell]) -> Gathered:
        return _usable(read_cell(cells[0]), index, text_is_sent=text_is_sent, uses_stored=uses_stored)

    return gather


def gather_first(*, text_is_sent: bool, uses_stored: bool, indexes: tuple[int, ...]) -> Gather:
    """Read the first cell that is not blank."""

    def gather(cells: Sequence[str | Cell]) -> Gathered:
        covered = False
        for place, index in enumerate(indexes):
            found = _usable(read_cell(cells[place]), index, text_is_sent=text_is_sent, uses_stored=uses_stored)
            if found.text or found.findings or (found.reading is not None and not found.reading.blank):
                return found._replace(at=(index,))
            covered = covered or found.covered
        return Gathered("", covered=covered)

    return gather


def gather_template(template: Template, indexes: tuple[int, ...], clear_token: str | None) -> Gather:
    """Fill in a template from its cells, one for each part. The findings of all its cells are reported."""

    def gather(cells: Sequence[str | Cell]) -> Gathered:
        parts = [
            _usable(read_cell(cells[place]), index, text_is_sent=True, uses_stored=False)
            for place, index in enumerate(indexes)
        ]
        found = tuple(dict.fromkeys(finding for part in parts for finding in part.findings))
        texts = [part.text for part in parts]
        whole = Gathered("", None, found, covered=any(part.covered for part in parts), composed=True)
        if whole.refused:
            return whole
        if clear_token is not None and clear_token in texts:
            if all(text in ("", clear_token) for text in texts):
                return whole._replace(text=clear_token, composed=False)
            return whole._replace(findings=(_token_among_values(clear_token),))
        stored = [part.reading.stored if part.reading is not None else None for part in parts]
        filled = template.render([_unescaped(text, clear_token) for text in texts], stored)
        if isinstance(filled, str):
            return whole._replace(text=filled)
        place, finding = filled
        return whole._replace(findings=(_of_part(finding, indexes[place]),))

    return gather


def _of_part(finding: Finding, index: int) -> Finding:
    return finding._replace(message=_without_value(finding.message, finding.value), at=(index,))


def _unescaped(text: str, clear_token: str | None) -> str:
    return text[len(ESCAPE) :] if clear_token is not None and text == f"{ESCAPE}{clear_token}" else text


def _without_value(message: str, text: str) -> str:
    """Take the value off the beginning of a transform's message where a problem names it anyway."""
    return message.removeprefix(f"{shown(text)} ").removeprefix("is ") if text else message


def _covered_finding() -> Finding:
    return Finding(
        "merged_cell",
        "covered by a merged cell, so nothing says that it is blank, and a blank would clear the field",
        "unmerge the cells in the source, and fill in or leave blank each one",
    )


def _token_among_values(token: str) -> Finding:
    hint = "clear all cells of the template, or none"
    return Finding("clear_in_template", f"{token!r} stands among other values", hint, token)


def _usable(reading: Reading | Finding, index: int, *, text_is_sent: bool, uses_stored: bool) -> Gathered:
    if isinstance(reading, Finding):
        return Gathered("", None, (reading._replace(at=(index,)),))
    finding = None
    if reading.unshown and not uses_stored:
        finding = unshown_finding(reading)
    elif text_is_sent:
        finding = exponent_finding(reading.text) or lost_digits_finding(reading)
    if finding is None:
        return Gathered(reading.text, reading, covered=reading.kind is CellKind.MERGED)
    return Gathered(reading.text, reading, (finding._replace(at=(index,)),))
