"""Clients: companies and contact persons, told apart by ``type``.

Facts from the API's page *Update a client* (``PATCH /clients/{id}``): every field is optional; null is
documented for email, website and taxNumber alone; custom fields stand at the top level as ``cf_…``. Answers
never show salutation, jobTitle, taxNumber, billingAddress and primaryContact.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, model_validator

from bulk_sync.resources.fields import Field, Resource
from bulk_sync.resources.formats import email_fault, phone_fault

CUSTOM_PREFIX = "cf_"
ADDRESS_PARTS = ("address", "landmark", "city", "state", "country", "postalCode")
CONTACT_PARTS = ("firstName", "lastName", "salutation", "email", "phone", "jobTitle")


def _email(text: str) -> str:
    if fault := email_fault(text):
        raise ValueError(fault)
    return text


def _phone(text: str) -> str:
    if fault := phone_fault(text):
        raise ValueError(fault)
    return text


Email = Annotated[str, AfterValidator(_email)]
Phone = Annotated[str, AfterValidator(_phone)]


class BillingAddress(BaseModel):
    """The six text parts of an address. Whether parts left out are kept or erased is not documented."""

    model_config = ConfigDict(extra="forbid", strict=True)

    address: str = ""
    landmark: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    postalCode: str = ""  # noqa: N815  (the API's name)


class PrimaryContact(BaseModel):
    """The contact person of a company; in v2 described as fields to create or update."""

    model_config = ConfigDict(extra="forbid", strict=True)

    firstName: str = ""  # noqa: N815
    lastName: str = ""  # noqa: N815
    salutation: str = ""
    email: Email = ""
    phone: Phone = ""
    jobTitle: str = ""  # noqa: N815


class ClientPatch(BaseModel):
    """The body of ``PATCH /clients/{id}``: what may be sent, and what may be null.

    Names beside these must be custom fields: the API answers 200 to a misspelt name and drops it. The
    defaults only say "not given"; read what was given with ``model_dump(exclude_unset=True)``.
    """

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, JsonValue]

    type: Literal["company", "contact"] = "company"
    name: str = ""
    firstName: str = ""  # noqa: N815
    lastName: str = ""  # noqa: N815
    salutation: str = ""
    phone: Phone = ""
    email: Email | None = None
    jobTitle: str = ""  # noqa: N815
    website: str | None = None
    taxNumber: str | None = None  # noqa: N815
    billingAddress: BillingAddress = BillingAddress()  # noqa: N815
    primaryContact: PrimaryContact = PrimaryContact()  # noqa: N815

    @model_validator(mode="after")
    def _only_custom_fields_besides(self) -> ClientPatch:
        for name in self.__pydantic_extra__:
            if not name.startswith(CUSTOM_PREFIX) or name == CUSTOM_PREFIX:
                raise ValueError(f"unknown field {name!r}")
        return self


def _top_level() -> list[Field]:
    return [
        Field(
            "type",
            "choice",
            shown=True,
            choices=("company", "contact"),
            description="Company or contact person. What changing it does is not documented.",
        ),
        Field("name", shown=True, description="The company's name; needed for a company."),
        Field("firstName", shown=True, description="The person's first name; needed for a contact."),
        Field("lastName", shown=True, description="The person's last name."),
        Field("salutation", description="Mr., Mrs., Dr. … as free text."),
        Field("phone", "phone", shown=True, description="Phone with country code: +971501234567."),
        Field("email", "email", nullable=True, shown=True, description="E-mail address."),
        Field("jobTitle", description="The person's job title."),
        Field("website", "website", nullable=True, shown=True, description="Web address: https://…"),
        Field("taxNumber", "tax_number", nullable=True, description="Tax registration number, as text."),
    ]


def _parts() -> list[Field]:
    address = [
        Field(f"billingAddress.{part}", unit="billingAddress", description=f"Billing address: {part}.")
        for part in ADDRESS_PARTS
    ]
    contact = [
        Field(
            f"primaryContact.{part}",
            "email" if part == "email" else "phone" if part == "phone" else "text",
            unit="primaryContact",
            description=f"Primary contact of a company: {part}.",
        )
        for part in CONTACT_PARTS
    ]
    return address + contact


RESOURCE = Resource(
    name="clients",
    path="/clients",
    id_prefix="clt_",
    fields={field.name: field for field in (*_top_level(), *_parts())},
    model=ClientPatch,
    custom_prefix=CUSTOM_PREFIX,
    fixed=("id", "number", "createdAt", "updatedAt"),
)
