"""The ``title`` transform: names and titles as people write them.

What is written in mixed case is taken as meant: ``McDonald``, ``eBay``, ``IBM Deutschland`` stay. Only words in
one case are rewritten, and a text wholly in capitals is taken as shouted, not as initials.
"""

from __future__ import annotations

import re

from bulk_sync.mapping.transforms.shapes import Example, Transform, TransformInfo, per_text
from bulk_sync.mapping.transforms.text import LANGUAGES, lower_case, upper_case

_SMALL_WORDS = (
    "van von der den dem de del della di da do dos das du des la le ter ten te zu zum zur bin bint ibn"
    " of and the for y e und et i à aux op auf am im"
)
_PARTICLES = frozenset(_SMALL_WORDS.split())
_LEADING_PARTICLES = frozenset(["van", "von"])
"""Kept small even at the beginning, where another word follows: ``van der Berg``."""

_FORMS = (
    "LLC LLP PLC PJSC PSC KSC WLL SPC SAOC SAOG FZE FZC FZCO FZ DMCC DIFC JAFZA UAE USA UK KSA GCC EU HR IT"
    " CEO CFO CTO COO CMO CIO VP II III IV VI VII VIII AG SE KG NV BV SARL SAS SPA SRL PO"
    " GmbH mbH GbR eV Ltd Inc Corp Co Pvt Pty"
    " MacDonald MacGregor MacIntyre MacKenzie MacLeod MacMillan"
)
_FIXED = {word.lower(): word for word in _FORMS.split()}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ORDINALS = frozenset(["st", "nd", "rd", "th"])
_ELISIONS = frozenset(["dell", "dall", "nell", "sull", "all"])


def title_case(text: str, language: str = "") -> str:
    """Write a text as a name or title.

    >>> title_case("RONALD MCDONALD"), title_case("ludwig van beethoven"), title_case("O'BRIEN-SMITH")
    ('Ronald McDonald', 'Ludwig van Beethoven', "O'Brien-Smith")
    >>> title_case("IBM Deutschland"), title_case("ACME TRADING LLC"), title_case("MCDONALD'S")
    ('IBM Deutschland', 'Acme Trading LLC', "McDonald's")
    """
    shouted = not any(char.islower() for char in text)

    def rewrite(match: re.Match[str]) -> str:
        word = match[0]
        if not (word.islower() or (shouted and word.isupper())):
            return word
        if word.lower() in _ORDINALS and text[match.start() - 1 : match.start()].isdigit():
            return word.lower()
        first = not _WORD.search(text, 0, match.start())
        last = not _WORD.search(text, match.end())
        hyphenated = text[match.start() - 1 : match.start()] == "-"
        return _titled(lower_case(word, language), language, first=first or hyphenated, last=last)

    return _WORD.sub(rewrite, text)


def _titled(word: str, language: str, *, first: bool, last: bool) -> str:
    small = word in _LEADING_PARTICLES if first else word in _PARTICLES
    if small and not last:
        return word
    if word in _FIXED:
        return _FIXED[word]
    head, *rest = re.split(r"(['’])", word)
    parts = [_capital(head, language)]
    for mark, part in zip(rest[::2], rest[1::2], strict=True):
        name_follows = len(head) == 1 or head in _ELISIONS
        parts += [mark, _capital(part, language) if name_follows and len(part) > 1 else part]
    return "".join(parts)


def _capital(word: str, language: str) -> str:
    if word.startswith("mc") and len(word) > 3:
        return "Mc" + upper_case(word[2], language) + word[3:]
    return upper_case(word[:1], language) + word[1:]


def _title(option: str | None) -> Transform:
    return per_text(lambda text: title_case(text, option or ""))


INFOS = (
    TransformInfo(
        name="title",
        summary="Capitals as names have them; words already in mixed case stay",
        option="language whose i has two forms: tr or az",
        schema={"type": "string", "enum": list(LANGUAGES)},
        build=_title,
        examples=(
            Example(None, "RONALD MCDONALD", "Ronald McDonald"),
            Example(None, "ludwig van beethoven", "Ludwig van Beethoven"),
            Example(None, "jan VAN DER berg", "Jan VAN DER Berg"),
            Example(None, "JAN VAN DER BERG", "Jan van der Berg"),
            Example(None, "van der berg", "van der Berg"),
            Example(None, "seán o'brien", "Seán O'Brien"),
            Example(None, "MARY-JANE WATSON", "Mary-Jane Watson"),
            Example(None, "ACME TRADING (UAE) LLC", "Acme Trading (UAE) LLC"),
            Example(None, "MÜLLER & SÖHNE GMBH", "Müller & Söhne GmbH"),
            Example(None, "eBay Deutschland", "eBay Deutschland"),
            Example(None, "MCDONALD'S", "McDonald's"),
            Example(None, "3rd floor, 21st street", "3rd Floor, 21st Street"),
            Example("tr", "IŞIK İPEK", "Işık İpek"),
        ),
    ),
)
