"""Problems of refused rows and records in words: the field by its label, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.messages import ALL, AT, read_message
from admin.text.words import localized, said, sentence
from engine.catalog.catalog import Catalog
from engine.identifiers import masked


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """One problem: `field` is the field of the record, empty if it is about the whole or about no field."""

    field: str
    label: str
    words: str

    @property
    def sentence(self) -> str:
        return f"{self.label} {self.words}" if self.label else self.words


def problem_lines(catalog: Catalog, into: str, stored: str) -> list[ProblemLine]:
    """Return the problems of a stored text, each with the label of its field."""
    message = read_message(stored)
    texts = message.values.get("texts") if message is not None and message.key == ALL else None
    if isinstance(texts, list):
        return [line for text in texts for line in problem_lines(catalog, into, str(text))]
    if message is None or message.key != AT:
        return [ProblemLine("", "", masked(sentence(stored)))]
    path, words = str(message.values.get("path", "")), masked(said(message.values.get("words", "")))
    steps = path.removeprefix("$.") if path.startswith("$.") else ""
    field = steps.partition(".")[0].partition("[")[0]
    return [ProblemLine(field, _label(catalog, into, steps) if steps else "", words)]


def whole(catalog: Catalog, into: str, stored: str) -> str:
    """Return all problems of a stored text as one line."""
    return "; ".join(line.sentence for line in problem_lines(catalog, into, stored))


def _label(catalog: Catalog, into: str, steps: str) -> str:
    """Return the label of a field where the configuration has one; else its name, a path with all its steps."""
    spec, mapping = catalog.specs.get(into), catalog.items.get(into)
    labels = {}
    if spec is not None:
        labels = {column.name: localized(column.label) for column in spec.columns}
        labels |= {one.name: localized(one.label) for one in spec.patient_numbers}
    elif mapping is not None:
        labels = {column.name: localized(column.label) for column in mapping.columns}
    return labels.get(steps, steps)
