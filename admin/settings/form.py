"""Base of all forms of the settings: translations, checks and fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wtforms import Form, StringField, ValidationError
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from adapters.outbound.guard import AddressRefused, check_url
from adapters.outbound.networks import Policy
from admin.text.words import say, sentence


class _Translations:
    """Replaces the messages of wtforms by one message of the catalogue."""

    def gettext(self, _: str) -> str:
        return say("form.wrong")

    def ngettext(self, *_: Any) -> str:
        return say("form.wrong")


class SettingsForm(Form):
    """Form whose messages are in the language of the page."""

    class Meta(DefaultMeta):
        def get_translations(self, form: BaseForm) -> _Translations:
            return _Translations()


def required(_: Form, field: Any) -> None:
    """Raise ValidationError if the field is empty."""
    if not field.data:
        raise ValidationError(say("form.required"))


def url_within(policy: Policy) -> Callable[[Form, Any], None]:
    """Return a check that a URL can be read and does not lead, as it is written, where the policy forbids."""

    def check(_: Form, field: Any) -> None:
        try:
            if field.data:
                check_url(field.data, policy)
        except AddressRefused as error:
            raise ValidationError(sentence(str(error))) from error

    return check


class FieldLine(StringField):
    """Line of text without blanks around it and without NUL, the character that PostgreSQL refuses."""

    def __init__(self, length: int, *checks: Any, **options: Any) -> None:
        super().__init__(validators=checks, filters=[_tidy], render_kw={"maxlength": length}, **options)
        self._length = length

    def pre_validate(self, form: BaseForm) -> None:
        if self.data and len(self.data) > self._length:
            raise ValidationError(say("form.long", n=self._length))


def _tidy(text: str | None) -> str:
    return (text or "").replace("\x00", "").strip()
