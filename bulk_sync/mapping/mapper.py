"""Row → payload, or problems: the mapping compiled to a plan of column indexes and functions.

A million rows pass through :meth:`RowMapper.map`. A clean text of a field that sends it as it is needs its check
and nothing else; any other field has a bounded memory from cells to outcome, so that a value seen before costs
one look-up, whatever its transforms and checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeAlias

from bulk_sync.errors import Problem, Question
from bulk_sync.mapping.cells import Reading, clean_test, compared, read_condition
from bulk_sync.mapping.convert import TOPICS
from bulk_sync.mapping.explain import Step, closing_steps, explain_field
from bulk_sync.mapping.findings import Finding
from bulk_sync.mapping.header import fold_name
from bulk_sync.mapping.joining import Joined, join
from bulk_sync.mapping.pipeline import KEEP, Outcome, Pipeline
from bulk_sync.mapping.spec import MappingSpec
from bulk_sync.mapping.survey import Evidence
from bulk_sync.mapping.validator import CLEAN_SUFFICES, NAMED_BY, Check, type_finding
from bulk_sync.records import Cell, Json, MappedRow, SourceRow, cell_name, cell_text

MEMORY = 4096
"""Outcomes kept for each field: enough for what repeats, little beside a million distinct values."""


def compile_mapping(
    spec: MappingSpec,
    header: tuple[str, ...],
    *,
    sheet: str = "",
    decimal: str | None = None,
    dates: str | None = None,
) -> RowMapper:
    """Join a mapping to a source's header.

    ``decimal`` and ``dates`` are answers to an earlier :class:`Question`, for columns of which the mapping does
    not say it. Raises :class:`MappingError` with every column that is absent or stands there twice.
    """
    return RowMapper(spec, join(spec, header, decimal=decimal, dates=dates), sheet)


_Key: TypeAlias = "str | Cell | tuple[str | Cell, ...]"
"""What outcomes are remembered by: a field's one cell, or a tuple of its cells."""


class _Lane:
    """One field on its way through the rows: how to get its cells, and what became of those seen before."""

    __slots__ = ("evidence", "memory", "pick", "pipeline", "single", "unit")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.unit = pipeline.field.unit
        self.pick: Callable[[tuple[str | Cell, ...]], _Key] = itemgetter(*pipeline.columns)
        self.single = len(pipeline.columns) == 1
        self.memory: dict[_Key, Outcome] = {}
        topic = TOPICS.get(pipeline.converter.type)
        unsettled = topic is not None and pipeline.converter.reading is None and pipeline.gather is not None
        self.evidence = Evidence(topic) if topic is not None and unsettled else None

    def cells(self, key: _Key) -> tuple[str | Cell, ...]:
        """Return the cells of a memory's key."""
        return (key,) if self.single else key  # type: ignore[return-value]  # one cell, or a tuple of them

    def meet(self, key: _Key) -> Outcome:
        """Work out and remember the outcome of cells not seen before."""
        outcome = self.pipeline.run(self.cells(key))
        if len(self.memory) >= MEMORY:
            self.memory.clear()
        self.memory[key] = outcome
        return outcome


class _Track(NamedTuple):
    """What :meth:`RowMapper._fill` needs of a lane, at hand.

    ``name`` is that within the target. ``plain``: a clean text is sent as it is where ``check`` finds nothing, and
    a ``check`` of None has nothing to find.
    """

    name: str
    pick: Callable[[tuple[str | Cell, ...]], _Key]
    plain: bool
    check: Check | None
    memory: dict[_Key, Outcome]
    lane: _Lane

    @classmethod
    def of(cls, lane: _Lane) -> _Track:
        pipeline = lane.pipeline
        check = None if pipeline.field.kind in CLEAN_SUFFICES else pipeline.check
        return cls(pipeline.field.part, lane.pick, pipeline.is_plain, check, lane.memory, lane)


class RowMapper:
    """Makes payloads, or problems, of rows. ``notes`` is to be told once: letter case, unused columns.

    ``needs_survey``: a first pass over all rows (:meth:`survey`, then :meth:`settle`) must find out the decimal
    sign or the order of day and month of some column; without it, values that have two readings are problems.
    """

    def __init__(self, spec: MappingSpec, joined: Joined, sheet: str) -> None:
        self.spec = spec
        self.notes = (*joined.notes, *_type_notes(spec))
        self._sheet = sheet
        self._names = joined.header.names
        self._width = len(joined.header.names)
        self._keys = joined.keys
        self._where = joined.where
        self._constants, self._fixed_units = _split_units(spec, joined.constants)
        self._lanes = [_Lane(pipeline) for pipeline in joined.pipelines if spec.asks_for(pipeline.field.name)]
        self._is_clean = clean_test(spec.clear_token)
        self._flat = [_Track.of(lane) for lane in self._lanes if not lane.unit]
        parts = groupby((lane for lane in self._lanes if lane.unit), key=attrgetter("unit"))
        self._parts = [(unit, [_Track.of(lane) for lane in lanes]) for unit, lanes in parts]
        self._surveyed = [lane for lane in self._lanes if lane.evidence is not None]
        self._checks_type = self._asks_for("type")
        self._prefix = spec.resource.id_prefix if spec.match[0].by == "id" else ""

    @property
    def needs_survey(self) -> bool:
        """Whether some column's decimal sign or day order must be decided from all its values."""
        return bool(self._surveyed)

    def _asks_for(self, name: str) -> bool:
        """Whether the mapping has a field and it is to be sent."""
        return name in self.spec.programs and self.spec.asks_for(name)

    def selects(self, row: SourceRow) -> bool:
        """Whether the mapping's ``source.where`` takes this row.

        A damaged row is taken, and invalid; so is one of which no cell that can be read says that it is not wanted.
        """
        for index, wanted in self._where:
            if index >= len(row.values):
                return True
            reading = read_condition(row.values[index])
            if isinstance(reading, Reading) and compared(reading.text) not in wanted:
                return False
        return True

    def _undecided(self, row: SourceRow) -> list[Problem]:
        """Return what keeps ``source.where`` from deciding about a row."""
        readings = ((index, read_condition(row.values[index])) for index, _ in self._where)
        return [self._problem(found, "", (index,), row) for index, found in readings if isinstance(found, Finding)]

    def _unfit(self, row: SourceRow) -> bool:
        """Whether a row was refused when it was read; a warning of the reader refuses nothing."""
        if len(row.values) != self._width:
            return True
        return bool(row.problems) and any(problem.severity == "error" for problem in row.problems)

    def _refusals(self, row: SourceRow) -> tuple[Problem, ...]:
        """Return why a row is unfit: what its reader said, or its shape where that says no error."""
        if any(problem.severity == "error" for problem in row.problems):
            return row.problems
        return (*row.problems, self._shape_problem(row))

    def survey(self, row: SourceRow) -> None:
        """Take a row into account for what :meth:`settle` decides. Cheap for values seen before."""
        if self._unfit(row):
            return
        for lane in self._surveyed:
            evidence = lane.evidence
            key = lane.pick(row.values)
            if evidence is None or evidence.mixed or key in lane.memory:
                continue
            text = lane.pipeline.text_to_convert(lane.cells(key))
            if text:
                evidence.add(text, ", ".join(self._cell(index, row) for index in lane.pipeline.sources))
            if len(lane.memory) < MEMORY:
                lane.memory[key] = _SEEN

    def settle(self) -> None:
        """Decide every surveyed column. Raises :class:`Question` where its values allow both readings, or neither."""
        for _, question in self.open_questions():
            raise question

    def open_questions(self) -> list[tuple[str, Question]]:
        """Decide what the survey can decide; return the fields it cannot, each with what to ask.

        A value of theirs that has two readings is then a problem of its row.
        """
        open_questions: list[tuple[str, Question]] = []
        for lane in self._surveyed:
            lane.memory.clear()
            if lane.evidence is None:
                continue
            try:
                lane.pipeline.converter.reading = lane.evidence.decide(self._columns(lane.pipeline.sources))
            except Question as question:
                open_questions.append((lane.pipeline.field.name, question))
        self._surveyed = []
        return open_questions

    def map(self, row: SourceRow) -> MappedRow:
        """Return what the row comes to. Never raises on data: what is wrong is in ``problems``."""
        if self._unfit(row):
            return MappedRow(row.row_number, (), {}, self._refusals(row))
        problems = self._undecided(row) if self._where else []
        keys = self._read_keys(row, problems)
        payload = self._constants.copy()
        self._fill(payload, self._flat, row, problems)
        if self._parts or self._fixed_units:
            self._map_units(row, payload, problems)
        if self._checks_type and "type" in payload:
            self._check_type(row, payload, problems)
        return MappedRow(row.row_number, keys, payload, tuple(problems))

    def explain(self, row: SourceRow, column: str | None = None) -> list[Step]:
        """Return each value at each step, for the fields that draw on a column, or for all.

        A column that is only a key gives its steps as such; one that nothing uses gives none.
        """
        if self._unfit(row):
            found = self.map(row).problems
            return [Step("", "problem", problem.message, problem.value, problem.cell) for problem in found]
        wanted = None if column is None else self._indexes(column)
        steps = [*self._explain_where(row, wanted or set()), *self._explain_keys(row, wanted)]
        for lane in self._lanes:
            indexes = lane.pipeline.columns
            if wanted is None or not wanted.isdisjoint(indexes):
                cells = lane.cells(lane.pick(row.values))
                names = [self._cell(index, row) for index in indexes]
                steps += explain_field(lane.pipeline, cells, names, [self._names[index] for index in indexes])
        if wanted is None:
            for name, program in self.spec.programs.items():
                if self._asks_for(name) and program.is_constant and not program.mapping.when:
                    steps.append(Step(name, "value", "the same for every row", program.constant))
                    steps += closing_steps(name, Outcome(program.constant))
        return steps

    def _indexes(self, column: str) -> set[int]:
        """Return the columns of a name: those called exactly so, else those that differ in letter case alone."""
        name = fold_name(column)
        exact = {index for index, known in enumerate(self._names) if known == name}
        return exact or {index for index, known in enumerate(self._names) if known.casefold() == name.casefold()}

    def _explain_where(self, row: SourceRow, asked: set[int]) -> Iterable[Step]:
        for index, wanted in self._where:
            if index in asked:
                reading, cell = read_condition(row.values[index]), self._cell(index, row)
                if isinstance(reading, Finding):
                    yield Step("", "problem", reading.message, reading.value, cell)
                else:
                    found = "one" if compared(reading.text) in wanted else "none"
                    yield Step("", "where", f"{found} of the values that take a row", reading.text, cell)

    def _explain_keys(self, row: SourceRow, wanted: set[int] | None) -> list[Step]:
        steps: list[Step] = []
        for key in self._keys:
            if wanted is None or key.place in wanted:
                text, finding = key.read(row.values[key.place])
                cell = self._cell(key.place, row)
                steps.append(Step("", "key", f"finds the client by {key.by}", text, cell))
                if finding:
                    steps.append(Step("", "problem", finding.message, finding.value, cell))
        return steps

    def _read_keys(self, row: SourceRow, problems: list[Problem]) -> tuple[str, ...]:
        keys = []
        for key in self._keys:
            text, finding = key.read(row.values[key.place])
            if finding is not None:
                problems.append(self._problem(finding, "", (key.place,), row))
            keys.append(text)
        if self._prefix and keys[0] and not keys[0].startswith(self._prefix):
            problems.append(self._problem(_prefix_finding(self._prefix, keys[0]), "", (self._keys[0].place,), row))
            self._prefix = ""
        return tuple(keys)

    def _fill(self, target: dict[str, Json], tracks: list[_Track], row: SourceRow, problems: list[Problem]) -> None:
        """Put what the cells come to into the target: the payload, or an object in it."""
        values, is_clean = row.values, self._is_clean
        for name, pick, plain, check, memory, lane in tracks:
            key = pick(values)
            if plain and type(key) is str and is_clean(key) and (check is None or check(key) is None):
                target[name] = key
                continue
            outcome = memory.get(key)
            value, findings = outcome if outcome is not None else lane.meet(key)
            if findings:
                self._add(problems, findings, lane, row)
            if value is not KEEP:
                target[name] = value

    def _map_units(self, row: SourceRow, payload: dict[str, Json], problems: list[Problem]) -> None:
        units: dict[str, dict[str, Json]] = {unit: dict(parts) for unit, parts in self._fixed_units.items()}
        for unit, tracks in self._parts:
            parts = units.get(unit, {})
            self._fill(parts, tracks, row, problems)
            if parts:
                units[unit] = parts
        payload.update(units)

    def _check_type(self, row: SourceRow, payload: dict[str, Json], problems: list[Problem]) -> None:
        found = type_finding(payload)
        if found is None:
            return
        field, finding = found
        refused = any(problem.field == field and problem.severity == "error" for problem in problems)
        if refused or not self._asks_for(field):
            return
        if self.spec.strict:
            finding = finding._replace(severity="error")
        lane = next((lane for lane in self._lanes if lane.pipeline.field.name == field), None)
        problems.append(self._problem(finding, field, lane.pipeline.sources if lane else (), row))

    def _add(self, problems: list[Problem], findings: Iterable[Finding], lane: _Lane, row: SourceRow) -> None:
        columns = lane.pipeline.sources
        problems += [
            self._problem(finding, lane.pipeline.field.name, finding.at or columns, row) for finding in findings
        ]

    def _problem(self, finding: Finding, field: str, columns: tuple[int, ...], row: SourceRow) -> Problem:
        columns = tuple(dict.fromkeys(columns))
        return Problem(
            code=finding.code,
            message=finding.message,
            hint=finding.hint,
            row=row.row_number,
            cell=", ".join(self._cell(index, row) for index in columns),
            column=self._columns(columns),
            field=field,
            value=finding.value or ", ".join(filter(None, (cell_text(row.values[index]) for index in columns))),
            severity=finding.severity,
        )

    def _shape_problem(self, row: SourceRow) -> Problem:
        message = f"{len(row.values)} cells where the header has {self._width}"
        return Problem("row_shape", message, "correct the row in the source", row.row_number)

    def _cell(self, index: int, row: SourceRow) -> str:
        return cell_name(index, row.row_number, sheet=self._sheet, line=row.line)

    def _columns(self, columns: Iterable[int]) -> str:
        return ", ".join(dict.fromkeys(self._names[index] for index in columns))


_SEEN = Outcome(KEEP)


def _split_units(spec: MappingSpec, constants: dict[str, Json]) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
    flat: dict[str, Json] = {}
    units: dict[str, dict[str, Json]] = {}
    for name, value in constants.items():
        field = spec.programs[name].field
        if not spec.asks_for(name):
            continue
        if field.unit:
            units.setdefault(field.unit, {})[field.part] = value
        else:
            flat[name] = value
    return flat, units


def _type_notes(spec: MappingSpec) -> list[str]:
    program = spec.programs.get("type")
    if program is None or not program.is_constant:
        return []
    needed = NAMED_BY.get(str(program.constant), "")
    if not needed or needed in spec.programs:
        return []
    return [f"the mapping makes every client a {program.constant} and maps no {needed}; a {program.constant} has one"]


def _prefix_finding(prefix: str, key: str) -> Finding:
    return Finding(
        "id_prefix",
        f"ids usually begin with {prefix}; is this the right column?",
        "said once; the API decides",
        key,
        "warning",
    )
