"""Which reading of numbers or dates a column has, decided from all its values, never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bulk_sync.errors import Question
from bulk_sync.mapping.dates import read_date, read_datetime
from bulk_sync.mapping.findings import quoted
from bulk_sync.mapping.numbers import read_number

Reader = Callable[[str, str], object]


class Topic(NamedTuple):
    """What is to be found out: the mapping's key, its two answers, and how a text reads under each."""

    setting: str
    answers: tuple[str, str]
    read: Reader
    what: str


NUMBERS = Topic("source.decimal", (".", ","), read_number, "decimal sign")
DATES = Topic("source.dates", ("day-first", "month-first"), read_date, "order of day and month")
DATETIMES = DATES._replace(read=read_datetime)


class Evidence:
    """What the values of one column say about a topic. Keeps three examples, whatever the number of rows."""

    __slots__ = ("_either", "_only", "topic")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._only: list[tuple[str, str] | None] = [None, None]
        self._either: tuple[str, str] | None = None

    @property
    def mixed(self) -> bool:
        """Whether no further value can change the answer: both readings have values that allow no other."""
        return self._only[0] is not None and self._only[1] is not None

    def add(self, text: str, cell: str) -> None:
        """Take a value into account."""
        first, second = (self.topic.read(text, answer) for answer in self.topic.answers)
        if first is None and second is None:
            return
        if first is None or second is None:
            place = 0 if second is None else 1
            self._only[place] = self._only[place] or (text, cell)
        elif first != second:
            self._either = self._either or (text, cell)

    def decide(self, column: str) -> str:
        """Return the answer that fits all values. Raises :class:`Question` where both fit, or neither does."""
        topic = self.topic
        first, second = self._only
        if first and second:
            message = (
                f"column {quoted(column)} has no single {topic.what}: "
                f"{quoted(first[0])} ({first[1]}) reads only as {topic.answers[0]!r}, "
                f"{quoted(second[0])} ({second[1]}) only as {topic.answers[1]!r}"
            )
            raise self._question(message, topic.answers)
        if self._either and not first and not second:
            text, cell = self._either
            message = (
                f"column {quoted(column)}: {quoted(text)} ({cell}) reads as "
                f"{_shown(topic.read(text, topic.answers[0]))} or {_shown(topic.read(text, topic.answers[1]))}, "
                f"and no other value of the column tells the {topic.what}"
            )
            raise self._question(message, topic.answers)
        return topic.answers[1] if second else topic.answers[0]

    def _question(self, message: str, answers: tuple[str, str]) -> Question:
        key = self.topic.setting.rpartition(".")[2]
        lines = " or ".join(f"`{key}: {answer!r}`" for answer in answers)
        hint = f"write it into the mapping, under `source:` or the field: {lines}"
        return Question(message, setting=self.topic.setting, choices=answers, hint=hint)


def _shown(value: object) -> str:
    return str(value)
