"""Notifications by e-mail (SMTP)."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from adapters.messages import message
from adapters.notifications.contract import DELIVERY_SECONDS, Destination, NotDelivered, Notification
from adapters.outbound.guard import open_socket

NO_SERVER = message("mail.no_server")
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


async def send(notification: Notification, destination: Destination) -> None:
    """Send an e-mail; the secret is the server's URL, `smtp://name:password@host:587` or `smtps://…:465`.

    A password is only sent encrypted, except to a server on this machine.
    """
    server = mail_server(destination.secret)
    host, tls = server.hostname or "", server.scheme == "smtps"
    mail = _message(notification, destination, host)
    connection = await open_socket(host, server.port or (465 if tls else 587), destination.policy)
    try:
        await aiosmtplib.send(
            mail,
            hostname=host,
            sock=connection,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=tls,
            start_tls=True if server.username and not tls and host not in LOCAL_HOSTS else None,
            timeout=DELIVERY_SECONDS,
        )
    except aiosmtplib.SMTPException as error:
        raise NotDelivered(message("mail.refused", error=type(error).__name__)) from error
    finally:
        connection.close()


def mail_server(secret: str) -> SplitResult:
    """Return the parts of a mail server's address; raises NotDelivered."""
    try:
        server = urlsplit(secret)
        _ = server.port
    except ValueError as error:
        raise NotDelivered(NO_SERVER) from error
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise NotDelivered(NO_SERVER)
    return server


def _message(notification: Notification, destination: Destination, host: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = notification.subject
    mail["From"] = destination.sender or f"antar@{host}"
    mail["To"] = destination.address
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=host)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notification.text)
    return mail
