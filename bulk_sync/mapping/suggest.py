"""Propose a mapping for a source: from the words of its headers and the shape of its values.

Pure: told the header and some rows, it returns a :class:`Suggestion`; :mod:`bulk_sync.mapping.suggest_yaml` writes it.
Every proposal says how sure it is and why; what is not sure is written as a comment, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bulk_sync.mapping.suggest_headers import HeaderReading, header_words, is_po_box, read_header, second_choice
from bulk_sync.mapping.suggest_shapes import Shape, shape_of
from bulk_sync.mapping.suggest_values import NO_ADVICE, Advice, advise
from bulk_sync.mapping.suggest_yaml import render_yaml
from bulk_sync.records import SourceRow, cell_text

__all__ = ["Column", "Proposal", "Suggestion", "render_yaml", "suggest"]

SURE = 0.8
"""From here on a proposal is written as a line that counts; below, as a comment."""
WORTH_SAYING = 0.4
_SAMPLE = 200
_PERSON = ("firstName", "lastName", "fullName", "salutation", "jobTitle")
_NAME = ("name", "nom", "nome", "naam", "nombre", "isim")
_KEYS = ("id", "number")

_FORM_OF = {
    "email": "email",
    "phone": "phone",
    "website": "url",
    "billingAddress.country": "country",
    "taxNumber": "tax_number",
    "billingAddress.postalCode": "code",
    "salutation": "salutation",
}
"""Target → the form its values have, where they have one."""
_NEVER_A_NAME = ("email", "scheme", "e164")
_SHOWN_BY_FORM = {"email": "email", "url": "website", "phone": "phone"}
_WORDS = {
    "email": "e-mail addresses",
    "url": "web addresses",
    "phone": "phone numbers",
    "country": "countries",
    "code": "codes with digits",
    "tax_number": "numbers long enough for one",
    "boolean": "yes and no",
    "status": "words for a status",
    "salutation": "salutations",
    "date": "dates",
    "number": "numbers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the source: its header, the values seen, and what they look like."""

    header: str
    values: tuple[str, ...]
    shape: Shape
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A column and the field that it probably belongs to. ``confidence`` is between 0 and 1."""

    column: Column
    target: str
    confidence: float
    why: str
    advice: Advice = NO_ADVICE

    @property
    def doubtful(self) -> bool:
        """Whether a person should decide: the line is commented out."""
        return self.confidence < SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What is proposed for a source: the key, the fields in the order of the columns, and the columns left over."""

    source_name: str
    detected: Mapping[str, str | int]
    guesses: Mapping[str, str]
    rows_seen: int
    match: Proposal | None
    fields: tuple[Proposal, ...]
    left_over: tuple[Column, ...]
    partial: tuple[str, ...]
    headless: bool = False
    """Whether a column is called what only a value is, such as an e-mail address: the first row may be a client."""

    @property
    def complete(self) -> bool:
        """Whether the mapping can be used as it is written: it has a key, and a field that is sure."""
        return self.match is not None and any(not proposal.doubtful for proposal in self.fields)


def suggest(
    header: Sequence[str],
    sample_rows: Iterable[SourceRow],
    *,
    source_name: str,
    detected: Mapping[str, str | int],
    guesses: Mapping[str, str] | None = None,
) -> Suggestion:
    """Propose a mapping. Reads at most 200 rows; ``detected`` becomes the mapping's ``source:`` block.

    ``guesses`` says of keys of it what else they may be: they are marked to be checked.
    """
    rows = [row for row in islice(sample_rows, _SAMPLE) if len(row.values) >= len(header)]
    columns = _columns(header, rows)
    judged = [_judge(column) for column in columns]
    judged = _settle_rivals(_settle_po_box(_settle_people(judged)))
    match = _match(judged)
    kept = tuple(p for p in judged if p.target and p.confidence >= WORTH_SAYING and p.target not in _KEYS)
    if match is not None and not match.target.startswith("name"):
        kept = tuple(proposal for proposal in kept if proposal.column is not match.column)
    countries = next((p.column for p in kept if p.target == "billingAddress.country"), None)
    fields = tuple(
        replace(p, advice=advise(p.target, p.column.values, p.column.shape, countries.values if countries else ()))
        for p in kept
    )
    used = {id(p.column) for p in fields} | ({id(match.column)} if match else set())
    left = tuple(column for column in columns if id(column) not in used)
    return Suggestion(
        source_name=source_name,
        detected=detected,
        guesses=guesses or {},
        rows_seen=len(rows),
        match=match,
        fields=fields,
        left_over=left,
        partial=_partial(fields),
        headless=any(map(_is_value, header)),
    )


def _is_value(name: str) -> bool:
    """Whether a column is called what no column is; ``clt_id`` may be one, ``clt_8f3`` is not."""
    shape = shape_of([name])
    return any(shape.mostly(form) for form in _NEVER_A_NAME) or (shape.mostly("id") and any(map(str.isdigit, name)))


def _columns(header: Sequence[str], rows: Sequence[SourceRow]) -> list[Column]:
    columns = []
    for index, name in enumerate(header):
        if not name:
            continue
        values = tuple(cell_text(row.values[index]) for row in rows)
        columns.append(
            Column(header=name, values=values, shape=shape_of(values), repeated=list(header).count(name) > 1)
        )
    return columns


def _judge(column: Column) -> Proposal:
    """Weigh what the header says against what the values look like."""
    reading = read_header(column.header)
    proposal = _by_values(column, _titled(reading, column.shape))
    if column.repeated:
        why = f"{proposal.why}; several columns are called so"
        proposal = replace(proposal, confidence=min(proposal.confidence, 0.5), why=why)
    return proposal


def _titled(reading: HeaderReading, shape: Shape) -> HeaderReading:
    """Decide by its values whether a title is Mrs. or Managing Director."""
    if reading.target.rpartition(".")[2] != "title":
        return reading
    name = "salutation" if shape.share("salutation") >= 0.5 else "jobTitle"
    score = min(reading.score, 0.9) if shape.seen else 0.6
    return HeaderReading(reading.target.replace("title", name), score, f"{reading.why}, by its values {name}")


def _by_values(column: Column, reading: HeaderReading) -> Proposal:
    target, score, why = reading
    shape = column.shape
    base = target.rpartition(".")[2] if target.startswith("primaryContact.") else target
    if shape.mostly("id"):
        return Proposal(column=column, target="id", confidence=0.98, why=_seen("ids that begin with clt_", shape, "id"))
    if base in _KEYS:
        return _key(column, base, score, why)
    if base == "type":
        return _type(column, score, why)
    form = _FORM_OF.get(base, "")
    if form and shape.mostly(form):
        return Proposal(
            column=column, target=target, confidence=min(1.0, score + 0.08), why=f"{why}; {_seen('', shape, form)}"
        )
    other = next((f for f in _SHOWN_BY_FORM if shape.mostly(f) and _tells(shape, f)), "")
    if other and other != form:
        return _shape_only(column, reading, other)
    return _plain(column, reading, form)


def _tells(shape: Shape, form: str) -> bool:
    """Whether a form says what the values are: digits alone may be anything, a + or a 0 before them a phone."""
    return form != "phone" or shape.share("dialled") >= 0.7


def _shape_only(column: Column, reading: HeaderReading, form: str) -> Proposal:
    target = _SHOWN_BY_FORM[form]
    contact = reading.target.startswith("primaryContact.") and target in ("email", "phone")
    excluded = not reading.target and bool(reading.why)
    why = _seen("", column.shape, form) + (f", though {reading.why}" if reading.why else "")
    return Proposal(
        column=column,
        target="" if excluded else f"primaryContact.{target}" if contact else target,
        confidence=0.2 if excluded else 0.6,
        why=why,
    )


def _contradicted(column: Column, reading: HeaderReading, what: str) -> Proposal:
    return Proposal(
        column=column, target=reading.target, confidence=min(reading.score, 0.5), why=f"{reading.why}, but {what}"
    )


def _plain(column: Column, reading: HeaderReading, form: str) -> Proposal:
    """Weigh a header whose values do not say more: some forms must be there, and numbers and dates are no names."""
    shape, base = column.shape, reading.target.rpartition(".")[2]
    if form and shape.seen and shape.share(form) < 0.5:
        return _contradicted(column, reading, f"only {shape.share(form):.0%} of the values are {_WORDS[form]}")
    texts = (*_PERSON, "name", "city", "state", "country", "address", "landmark")
    if base in texts:
        for other in ("date", "number", "boolean", "status"):
            if shape.mostly(other):
                return _contradicted(column, reading, f"the values are {_WORDS[other]}")
    if base == "name" and shape.mostly("person") and not shape.share("company"):
        return _contradicted(column, reading, "the values look like people's names")
    if not shape.seen and reading.score < 1:
        return _contradicted(column, reading, "no values were seen")
    return Proposal(column=column, target=reading.target, confidence=reading.score, why=reading.why)


def _key(column: Column, base: str, score: float, why: str) -> Proposal:
    if base == "id" and not column.shape.seen:
        return Proposal(column=column, target="id", confidence=min(score, 0.75), why=f"{why}, but no values were seen")
    if base == "id":
        return _contradicted(
            column, HeaderReading("id", score, why), "the values do not begin with clt_: another system's ids?"
        )
    spaced = column.shape.share("long") > 0
    sure = min(score, 0.3 if spaced else 0.7)
    return Proposal(column=column, target="number", confidence=sure, why=f"{why}; is it the CRM's own number?")


def _type(column: Column, score: float, why: str) -> Proposal:
    shape = column.shape
    if shape.share("exact_type") == 1 and shape.seen:
        return Proposal(column=column, target="type", confidence=0.95, why=f"{why}; all values are company or contact")
    confidence = min(score, 0.6) if shape.mostly("type") else 0.2
    return Proposal(column=column, target="type", confidence=confidence, why=f"{why}, with other words than the API's")


def _seen(words: str, shape: Shape, form: str) -> str:
    return f"{shape.share(form):.0%} of {shape.seen} values are {words or _WORDS[form]}"


def _settle_people(judged: list[Proposal]) -> list[Proposal]:
    """Decide whose the people's names are: beside a company they are probably its contact's."""
    targets = {p.target for p in judged if p.confidence >= WORTH_SAYING}
    company = any(p.target == "name" and not p.doubtful for p in judged)
    return [_settle_person(proposal, targets, company=company) for proposal in judged]


def _settle_person(proposal: Proposal, targets: set[str], *, company: bool) -> Proposal:
    last = "firstName" in targets and "lastName" not in targets
    if proposal.target == "name" and last and "".join(header_words(proposal.column.header)) in _NAME:
        why = f"{proposal.why}; beside a column of first names it is probably the last name"
        proposal = replace(proposal, target="lastName", confidence=0.7, why=why)
    elif (
        proposal.target == "name"
        and proposal.doubtful
        and proposal.column.shape.mostly("person")
        and not targets & {"firstName", "lastName", "fullName"}
    ):
        proposal = replace(proposal, target="fullName", confidence=0.6)
    if proposal.target.endswith("fullName"):
        why = f"{proposal.why}; splitting names is a guess, and needs the extra 'repair'"
        proposal = replace(proposal, confidence=min(proposal.confidence, 0.75), why=why)
    if not company or proposal.target not in _PERSON:
        return proposal
    why = f"{proposal.why}; beside a company probably its contact's (without one: {proposal.target})"
    target = f"primaryContact.{proposal.target}"
    return replace(proposal, target=target, confidence=min(proposal.confidence, 0.65), why=why)


def _settle_po_box(judged: list[Proposal]) -> list[Proposal]:
    """Take a PO box for the postal code where a street has the address: countries without codes use it so."""
    held = {p.target for p in judged if p.confidence >= WORTH_SAYING and not is_po_box(p.column.header)}
    if "billingAddress.address" not in held or "billingAddress.postalCode" in held:
        return judged
    why = "where there are no postal codes, as in the Gulf, the PO box stands in their place"
    return [
        replace(p, target="billingAddress.postalCode", confidence=0.6, why=f"{p.why}; {why}")
        if p.target == "billingAddress.address" and is_po_box(p.column.header)
        else p
        for p in judged
    ]


def _settle_rivals(judged: list[Proposal]) -> list[Proposal]:
    """Give each field to one column, the likeliest and then the first; the others become doubtful."""
    best: dict[str, Proposal] = {}
    for proposal in judged:
        if proposal.target and (proposal.target not in best or _rank(proposal) > _rank(best[proposal.target])):
            best[proposal.target] = proposal
    settled = []
    for proposal in judged:
        winner = best.get(proposal.target)
        if winner is None or winner is proposal:
            settled.append(proposal)
            continue
        why = f'{proposal.why}, but "{winner.column.header}" has the field already'
        settled.append(replace(proposal, confidence=min(proposal.confidence, 0.5), why=why))
    return settled


def _rank(proposal: Proposal) -> tuple[bool, bool, float]:
    return not proposal.doubtful, not second_choice(proposal.column.header), proposal.confidence


def _match(judged: list[Proposal]) -> Proposal | None:
    """Choose the column that finds the record: an id, else number, e-mail, phone, name."""
    for target, least in (("id", 0.7), ("number", 0.6), ("email", SURE), ("phone", SURE), ("name", SURE), ("id", 0.5)):
        for proposal in judged:
            if proposal.target == target and proposal.confidence >= least and not proposal.column.repeated:
                return proposal
    return None


def _partial(fields: Sequence[Proposal]) -> tuple[str, ...]:
    from bulk_sync.resources import get_resource

    mapped: dict[str, set[str]] = {}
    for proposal in fields:
        unit, dot, part = proposal.target.partition(".")
        if dot and not proposal.doubtful:
            mapped.setdefault(unit, set()).add(part)
    units = get_resource("clients").units
    return tuple(unit for unit, parts in mapped.items() if parts != set(units[unit]))
