"""Channels of alerts in the form of a recipient: the fields of each, their checks, and what is sealed of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from wtforms import Form, PasswordField, SelectField, ValidationError

from adapters.notifications.gateways import Gateway
from adapters.outbound.guard import AddressRefused, check_host
from adapters.outbound.networks import Policy
from admin.settings.form import FieldLine, required, url_within
from admin.text.words import language, say, sentence

# Channel -> its fields; the first is the address that is stored and shown.
CHANNEL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "mail_host", "mail_port", "mail_security", "mail_user", "mail_password"),
    "whatsapp": ("phone", "gateway", "gateway_url", "gateway_token"),
    "telegram": ("chat", "bot_token"),
    "webhook": ("webhook_url", "signing_key"),
}
SECRETS = {"email": "mail_password", "whatsapp": "gateway_token", "telegram": "bot_token", "webhook": "signing_key"}
NEEDS_SECRET = {"whatsapp", "telegram"}
PATTERNS = {
    "email": re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\"]+"),
    "whatsapp": re.compile(r"\+?\d{8,15}"),
    "telegram": re.compile(r"-?\d{4,20}|@\w{4,40}"),
    "webhook": re.compile(r"https?://[^\s/]+\S*"),
}
HOST = re.compile(r"[^\s/@?#:\[\]]+|\[[0-9A-Fa-f:.]+\]")  # a name, or an address (IPv6 in brackets)
PORTS = {"starttls": ("smtp", 587), "tls": ("smtps", 465)}  # encryption -> scheme and usual port
MAX_SECRET_CHARS = 300

Check = Callable[[Form, Any], None]


def channel_fields(policy: Policy, gateways: Mapping[str, Gateway]) -> dict[str, Any]:
    """Return the form's fields of all channels; each is checked only if its channel is chosen."""
    security = [(name, say(f"settings.alerts.mail_security.{name}")) for name in PORTS]
    names = [(name, gateway.label[language()]) for name, gateway in gateways.items()]
    return {
        "email": FieldLine(300, *_only("email", required, _address("email"))),
        "mail_host": FieldLine(200, *_only("email", _host(policy))),
        "mail_port": FieldLine(5, *_only("email", _port)),
        "mail_security": SelectField(choices=security, validate_choice=False),
        "mail_user": FieldLine(200),
        "mail_password": _secret(),
        "phone": FieldLine(20, *_only("whatsapp", required, _address("whatsapp"))),
        "gateway": SelectField(choices=names, validate_choice=False, validators=_only("whatsapp", _known(gateways))),
        "gateway_url": FieldLine(300, *_only("whatsapp", required, url_within(policy))),
        "gateway_token": _secret(),
        "chat": FieldLine(50, *_only("telegram", required, _address("telegram"))),
        "bot_token": _secret(),
        "webhook_url": FieldLine(300, *_only("webhook", required, _address("webhook"), url_within(policy))),
        "signing_key": _secret(),
    }


def address_of(form: Mapping[str, Any]) -> str:
    """Return the address of the chosen channel."""
    return str(form[CHANNEL_FIELDS[form["way"]][0]] or "")


def sealed_values(form: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """Return what is sealed for the chosen channel; a secret that was left empty is the one of before."""
    way = form["way"]
    secret = (form[SECRETS[way]] or "").strip()
    if way == "email":
        return _mail_server(form, secret, before)
    values = {"secret": secret or before.get("secret", "")}
    if way == "whatsapp":
        values |= {"gateway": form["gateway"], "url": form["gateway_url"]}
    return {name: value for name, value in values.items() if value}


def entered(way: str, address: str, opened: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a stored channel's fields, without its secret."""
    values = {CHANNEL_FIELDS[way][0]: address}
    if way == "whatsapp":
        values |= {"gateway": opened.get("gateway", ""), "gateway_url": opened.get("url", "")}
    if way == "email" and opened.get("secret"):
        server = urlsplit(opened["secret"])
        security = next((name for name, (scheme, _) in PORTS.items() if scheme == server.scheme), "starttls")
        values |= {"mail_host": _bracketed(server.hostname or ""), "mail_port": str(server.port or PORTS[security][1])}
        values |= {"mail_security": security, "mail_user": unquote(server.username or "")}
    return values


def _mail_server(form: Mapping[str, Any], password: str, before: Mapping[str, str]) -> dict[str, str]:
    """Return the mail server as a URL; nothing without a host: the server of the installation is used."""
    host, user = form["mail_host"], form["mail_user"]
    if not host:
        return {}
    scheme, port = PORTS.get(form["mail_security"], PORTS["starttls"])
    stored = urlsplit(before.get("secret", ""))
    # The stored password goes to no other server, and belongs to no other name.
    if not password and user and (stored.hostname, unquote(stored.username or "")) == (host.strip("[]").lower(), user):
        password = unquote(stored.password or "")
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    return {"secret": f"{scheme}://{login}{host}:{form['mail_port'] or port}"}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _only(way: str, *checks: Check) -> list[Check]:
    """Return the checks, each made only if the channel is chosen."""

    def guarded(check: Check) -> Check:
        def run(form: Form, field: Any) -> None:
            if form["way"].data == way:
                check(form, field)

        return run

    return [guarded(check) for check in checks]


def _secret() -> PasswordField:
    return PasswordField(render_kw={"autocomplete": "new-password", "maxlength": MAX_SECRET_CHARS})


def _address(way: str) -> Check:
    def check(_: Form, field: Any) -> None:
        if field.data and not PATTERNS[way].fullmatch(field.data):
            raise ValidationError(say(f"settings.alerts.address_wrong.{way}"))

    return check


def _known(gateways: Mapping[str, Gateway]) -> Check:
    def check(_: Form, field: Any) -> None:
        if field.data not in gateways:
            raise ValidationError(say("form.required"))

    return check


def _host(policy: Policy) -> Check:
    def check(_: Form, field: Any) -> None:
        try:
            if field.data and not HOST.fullmatch(field.data):
                raise ValidationError(say("settings.alerts.server_wrong"))
            if field.data:
                check_host(field.data.strip("[]"), policy)
        except AddressRefused as error:
            raise ValidationError(sentence(str(error))) from error

    return check


def _port(_: Form, field: Any) -> None:
    if field.data and not (field.data.isascii() and field.data.isdecimal() and 0 < int(field.data) < 65_536):
        raise ValidationError(say("settings.alerts.port_wrong"))
