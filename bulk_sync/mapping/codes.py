"""The codes of the problems that mapping finds in data. Stable: scripts and spreadsheets depend on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bulk_sync.mapping.transforms import TRANSFORM_CODES

_OWN = {
    "no_key": "the row has nothing in the match column; it may be a total row",
    "bad_key": "the key cannot name a record",
    "merged_key": "the key's cell is covered by a merged cell, whose value belongs to its first row",
    "merged_cell": "the cell is covered by a merged cell: it clears no field as a blank one would, and decides nothing",
    "row_shape": "the row has more or fewer cells than the header",
    "blank_cell": "the cell is blank, and the mapping says that it may not be",
    "cannot_clear": "the cell asks to clear a field that the API does not let be null",
    "clear_in_template": "the clear token stands among other values",
    "error_cell": "the cell holds a spreadsheet's error, such as #N/A, or what no cell can hold, as a DataFrame's list",
    "narrow_cell": "the cell holds ####, what a spreadsheet shows in a column too narrow for its value",
    "exponent": "a long number was saved as 9.71501E+11, and its digits are lost",
    "formula": "the cell holds a formula that was saved without its result",
    "unshown_format": "the cell's number format cannot be reproduced, so its text is not known",
    "control_character": "the text contains a control character",
    "not_unicode": "the text contains half of a surrogate pair, which no encoding can carry",
    "lost_digits": "a number of more than 15 digits, which a spreadsheet stores with wrong last digits",
    "not_in_map": "the value is not listed in the field's map",
    "not_text": "a list or a number stands where a text is sent",
    "not_number": "not a number",
    "not_integer": "not a whole number",
    "ambiguous_number": "1,234 may be 1234 or 1.234, and nothing says which",
    "imprecise_number": "a number with more digits than a JSON number carries",
    "not_boolean": "neither true nor false",
    "not_date": "not a date",
    "not_datetime": "not a date with a time",
    "ambiguous_date": "03/04/2024 may be 3 April or March 4, and nothing says which",
    "not_list": "not a list",
    "not_json": "not JSON",
    "bad_email": "not an e-mail address",
    "bad_phone": "not a possible phone number that begins with +",
    "bad_choice": "not one of the values that the API allows",
    "website_form": "does not look like a web address",
    "tax_number_form": "does not look like a tax number",
    "company_without_name": "the row makes the client a company and gives it no name",
    "contact_without_first_name": "the row makes the client a contact and gives it no first name",
    "id_prefix": "the id does not begin as the API's ids do; said once",
}

PROBLEM_CODES: Mapping[str, str] = MappingProxyType(_OWN | dict(TRANSFORM_CODES))
"""Every problem code of the mapping, its transforms' included, and its meaning."""
