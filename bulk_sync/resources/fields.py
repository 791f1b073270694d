"""The shape in which a resource describes itself: its path, its fields, its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

FieldKind = Literal["text", "email", "phone", "choice", "website", "tax_number", "any"]
"""What a field's value must look like; ``any`` is a custom field, whose type the workspace defines."""


class Field(NamedTuple):
    """One target field.

    ``name`` is dotted for a part of a unit (``billingAddress.city``). ``nullable``: the API documents null for
    it. ``shown``: its answers show it, so that it can be compared, verified and put back. ``unit`` is the
    object that it is a part of, '' at the top level.
    """

    name: str
    kind: FieldKind = "text"
    nullable: bool = False
    shown: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()
    description: str = ""

    @property
    def top(self) -> str:
        """The payload's top-level name that carries this field."""
        return self.unit or self.name

    @property
    def part(self) -> str:
        """The name within the unit; the name itself at the top level."""
        return self.name.removeprefix(f"{self.unit}.") if self.unit else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of thing in the API.

    ``model`` is the pydantic model of a PATCH body, the definition of what may be sent; ``fields`` says the
    same field by field. ``units`` are sent whole, never as a difference of parts. ``fixed`` are the names that
    answers have and no PATCH takes.
    """

    name: str
    path: str
    id_prefix: str
    fields: Mapping[str, Field]
    model: type[Any]
    custom_prefix: str = "cf_"
    fixed: tuple[str, ...] = ()
    units: Mapping[str, tuple[str, ...]] = field(init=False)
    readable: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the units and the top-level names that answers show."""
        units: dict[str, tuple[str, ...]] = {}
        for item in self.fields.values():
            if item.unit:
                units[item.unit] = (*units.get(item.unit, ()), item.part)
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "readable", frozenset(f.name for f in self.fields.values() if f.shown))

    def field(self, name: str) -> Field | None:
        """Return a field by its dotted name, custom fields included; None for one the API does not have.

        An answer may lack a custom field, but it shows those that are set, so they count as shown.
        """
        known = self.fields.get(name)
        if known is None and self.is_custom(name):
            return Field(name, kind="any", nullable=True, shown=True, description="A custom field.")
        return known

    def is_custom(self, name: str) -> bool:
        """Whether a name is that of a custom field: the prefix, and something after it."""
        return name.startswith(self.custom_prefix) and len(name) > len(self.custom_prefix)
