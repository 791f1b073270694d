"""The mapping file as pydantic models: what may stand in it, and the source of its JSON Schema.

Short forms are normalised here (``name: Company`` is ``name: {column: Company}``); what needs the resource or
several keys at once is checked in :mod:`bulk_sync.mapping.checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bulk_sync.mapping.document import scalar_text

BlankPolicy = Literal["keep", "clear", "error"]
OverwritePolicy = Literal["always", "if_empty", "if_ours"]
ComparePolicy = Literal["exact", "loose"]
ValueType = Literal["text", "number", "integer", "boolean", "date", "datetime", "list", "json"]
Decimal = Literal[".", ","]
DayOrder = Literal["day-first", "month-first"]

_SCALAR = {"type": ["string", "number", "boolean"]}
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_DELIMITER_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 1}, {"enum": list(_DELIMITERS)}]}


def _text(value: object) -> object:
    """Take any scalar as the text that was written: a column may be called 2024, or true."""
    if isinstance(value, bool | int | float):
        return scalar_text(value)
    return value


def _texts(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _conditions(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {column: wanted if isinstance(wanted, list) else [wanted] for column, wanted in value.items()}


def _each_filled(conditions: dict[str, list[str]]) -> dict[str, list[str]]:
    for column, wanted in conditions.items():
        if not wanted:
            raise ValueError(f"no value of {column!r} is given, so that no row would fit")
    return conditions


def _column_form(value: object) -> object:
    return {"column": value} if isinstance(value, str | bool | int | float) else value


def _match_list(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    return [_column_form(item) for item in items]


def _delimiter(value: object) -> object:
    """Take a character, or its name as messages and the detected ``source:`` block have it."""
    if not isinstance(value, str):
        return value
    found = _DELIMITERS.get(value.lower(), value)
    if len(found) != 1 or found in '"\n\r\0':
        raise ValueError(f"{value!r} is no delimiter; one is a character, or comma, semicolon, tab, pipe")
    return found


def _sheet(value: object) -> object:
    named = scalar_text(value) if isinstance(value, bool | float) else value
    if not isinstance(named, str | int) or not named or (isinstance(named, int) and named < 1):
        raise ValueError("expected a sheet's name, or its number from 1")
    return named


def _null_word(value: object) -> object:
    return "null" if value is None else value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_SCALAR)]
Name = Annotated[str, BeforeValidator(_text), Field(min_length=1), WithJsonSchema(_SCALAR)]
_NAMES_SCHEMA = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
_SOME_VALUE_SCHEMA = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
Names = Annotated[list[Name], BeforeValidator(_texts), WithJsonSchema(_NAMES_SCHEMA)]
Conditions = Annotated[
    dict[str, list[Text]],
    BeforeValidator(_conditions),
    AfterValidator(_each_filled),
    Field(min_length=1),
    WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": _SOME_VALUE_SCHEMA}),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceBlock(_Model):
    """How the source is to be read. All of it is detected when left out; what was detected is printed to paste here."""

    sheet: Annotated[str | int, BeforeValidator(_sheet)] | None = Field(
        None, description="The sheet's name, or its number from 1.", examples=["Clients", 1]
    )
    header_row: int | None = Field(None, ge=1, description="The row that holds the column names, from 1.", examples=[3])
    encoding: Text | None = Field(None, description="Of a CSV file.", examples=["utf-8", "cp1252"])
    delimiter: Annotated[str, BeforeValidator(_delimiter), WithJsonSchema(_DELIMITER_SCHEMA)] | None = Field(
        None,
        description="Between the fields of a CSV file: a character, or comma, semicolon, tab, pipe.",
        examples=[";", "tab"],
    )
    decimal: Decimal | None = Field(None, description="The decimal sign in numbers: `,` reads 1.234,5.")
    dates: DayOrder | None = Field(None, description="What 03/04/2024 means: 3 April, or March 4.")
    rows: Literal["all", "visible"] = Field("all", description="`visible` leaves out rows that the workbook hides.")
    where: Conditions = Field(
        default_factory=dict,
        description="Only rows whose column has one of these values; the others are skipped.",
        examples=[{"Country": ["UAE", "KSA"]}],
    )


class MatchKey(_Model):
    """Which column holds what finds the record."""

    column: Name = Field(description="The column with the key.", examples=["Client ID"])
    by: Annotated[str, Field(pattern=r"^(id|number|email|phone|name|cf_.+)$")] = Field(
        "id", description="What the column holds: id, number, email, phone, name or a custom field."
    )


class Otherwise(_Model):
    """What happens to a value that `map` does not list."""

    action: Literal["error", "leave", "pass", "clear", "value"] = "error"
    value: Any = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        if isinstance(given, dict):
            if set(given) != {"value"}:
                raise ValueError("expected error, leave, pass, clear or {value: …}")
            return {"action": "value", "value": given["value"]}
        if given in ("error", "leave", "pass", "clear"):
            return {"action": given}
        raise ValueError("expected error, leave, pass, clear or {value: …}")


_OTHERWISE_SCHEMA = {
    "anyOf": [
        {"enum": ["error", "leave", "pass", "clear"]},
        {"type": "object", "properties": {"value": {}}, "required": ["value"], "additionalProperties": False},
    ]
}
_RATE = r"^(none|(\d*[1-9]\d*(\.\d+)?|\d+\.\d*[1-9]\d*)/(\d*[1-9]\d*)?(s|min|h|d))$"
Transforms = Annotated[list[Any], BeforeValidator(_texts)]


class FieldMapping(_Model):
    """Where a field's value comes from and what happens to it. One of column, value, template, first_of."""

    column: Name | None = Field(None, description="The column with the value.", examples=["Company"])
    value: Any = Field(None, description="The same value for every row.", examples=["company"])
    template: Text | None = Field(
        None,
        description="Text with columns in braces, with transforms if need be. A blank part drops its separator.",
        examples=["{Last|title} {Suffix}"],
    )
    first_of: Names | None = Field(
        None, min_length=1, description="Columns; the first that is not blank.", examples=[["Mobile", "Phone"]]
    )
    when: Conditions = Field(
        default_factory=dict,
        description="Send the field only where other columns have one of these values.",
        examples=[{"Kind": "company"}],
    )
    transform: Transforms = Field(
        default_factory=list, description="Transforms from left to right.", examples=[["trim", {"phone": "AE"}]]
    )
    map: dict[str, Any] | None = Field(
        None, min_length=1, description="Texts and what to send for them.", examples=[{"A": "Gold", "B": "Silver"}]
    )
    ignore_case: bool = Field(default=False, description="Whether `map` ignores letter case.")
    otherwise: Annotated[Otherwise, WithJsonSchema(_OTHERWISE_SCHEMA)] = Field(
        default=Otherwise.model_validate("error"),
        description="For values that `map` does not list: error (default), leave, pass, clear or {value: X}.",
        examples=["leave", {"value": "other"}],
    )
    type: ValueType | None = Field(None, description="The type to send; text unless given. Custom fields only.")
    separator: Text | None = Field(
        None, min_length=1, description="Between the items of a list; a comma unless given.", examples=[";"]
    )
    format: Text | None = Field(
        None, description="How a date is sent, in strftime's letters; ISO unless given.", examples=["%Y-%m-%d"]
    )
    decimal: Decimal | None = Field(None, description="As in `source`, for this field alone.")
    dates: DayOrder | None = Field(None, description="As in `source`, for this field alone.")
    blank: BlankPolicy | None = Field(
        None, description="For a blank cell: keep the field, clear it, or refuse the row.", examples=["clear"]
    )
    clear_as: Annotated[Literal["null", "empty"], BeforeValidator(_null_word)] = Field(
        "null", description='What clearing sends: null, or "" (empty) for a field that may not be null.'
    )
    overwrite: OverwritePolicy | None = Field(None, description="Whether to replace what the record has.")
    compare: ComparePolicy | None = Field(None, description="loose: another spacing or letter case is no difference.")

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys among column, value, template and first_of that were given."""
        given = self.model_fields_set
        return tuple(name for name in ("column", "value", "template", "first_of") if name in given)


class MappingTest(_Model):
    """A row and what the mapping must make of it; run by `mapping lint`."""

    row: dict[str, Any] = Field(
        description="Column names and what stands in them; the others are blank.", examples=[{"E-mail": "A@B.com"}]
    )
    expect: dict[str, Any] | None = Field(
        None,
        description="The fields that are sent; fixed values may be left out. null clears.",
        examples=[{"email": "a@b.com", "billingAddress": {"city": "Dubai"}}],
    )
    problem: Text | None = Field(
        None, description="The code of a problem that the row must have.", examples=["bad_email"]
    )

    @model_validator(mode="after")
    def _one_expectation(self) -> MappingTest:
        if (self.expect is None) == (self.problem is None):
            raise ValueError("a test has either `expect` or `problem`")
        return self


class MappingFile(_Model):
    """Joins the columns of a spreadsheet to the fields of a record."""

    version: Literal[1] = Field(1, description="Of this format.")
    resource: Literal["clients"] = Field("clients", description="What is written to.")
    extends: Names = Field(
        default_factory=list,
        description="Mapping files that this one builds on, relative to it.",
        examples=["base.yaml"],
    )
    description: Text = Field("", description="What this mapping is for; for readers only.")
    source: SourceBlock = Field(default=SourceBlock(), description="How the source is read; detected when left out.")
    match: Annotated[list[MatchKey], BeforeValidator(_match_list)] = Field(
        min_length=1,
        description="What finds the record: a column with its id; of a list the first finds, the others must agree.",
        examples=["Client ID", {"column": "E-mail", "by": "email"}, [{"column": "E-mail", "by": "email"}, "Client ID"]],
    )
    fields: dict[str, Annotated[FieldMapping, BeforeValidator(_column_form)]] = Field(
        min_length=1,
        description="Target fields and where their values come from.",
        examples=[{"name": "Company", "cf_tier": {"column": "Tier", "map": {"A": "Gold"}}}],
    )
    blank: BlankPolicy = Field("keep", description="For blank cells, unless a field says otherwise.")
    clear_token: Text | None = Field(
        None, min_length=1, description="A cell that says so clears the field.", examples=["CLEAR!"]
    )
    overwrite: OverwritePolicy = Field("always", description="Whether to replace what a record has.")
    partial: Names = Field(
        default_factory=list,
        description="Units of which only some parts are mapped, on purpose.",
        examples=[["billingAddress"]],
    )
    extra_fields: Names = Field(
        default_factory=list, description="Further API fields to allow besides cf_….", examples=[["industry"]]
    )
    ignore: Names = Field(
        default_factory=list, description="Columns that are left out on purpose.", examples=[["Notes"]]
    )
    rate: Annotated[Text, Field(pattern=_RATE), WithJsonSchema({"type": "string", "pattern": _RATE})] | None = Field(
        None, description="At most so many requests in a time.", examples=["60/min", "1/s", "60/2s"]
    )
    workers: int | None = Field(None, ge=1, le=1000, description="Requests in flight, at most.", examples=[4])
    strict: bool = Field(default=False, description="Whether warnings about a row make it invalid.")
    tests: list[MappingTest] = Field(
        default_factory=list,
        description="Rows and what becomes of them.",
        examples=[
            [
                {"row": {"E-mail": "A@B.com"}, "expect": {"email": "a@b.com"}},
                {"row": {"E-mail": "a@@b"}, "problem": "bad_email"},
            ]
        ],
    )
