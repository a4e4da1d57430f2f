"""Text of the configuration that people read, in both languages of the panel."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A text in Indonesian and in English; two texts are equal if their Indonesian is."""

    id: str
    en: str = field(compare=False)

    @classmethod
    def plain(cls, text: str) -> Text:
        """Return a text that is the same in both languages."""
        return cls(text, text)

    def filled(self, placeholder: str, value: Text) -> Text:
        """Return the text with a value in place of the placeholder."""
        if placeholder not in self.id and placeholder not in self.en:
            return self
        return Text(self.id.replace(placeholder, value.id), self.en.replace(placeholder, value.en))

    def __str__(self) -> str:
        """Return the Indonesian: what is stored, and what the API gives."""
        return self.id
