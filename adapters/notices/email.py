"""Letters by SMTP."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib

from adapters.notices.contract import PATIENCE, Letter, Mailbox, NotDelivered

NEAR = {"localhost", "127.0.0.1", "::1"}


async def send(letter: Letter, mailbox: Mailbox) -> None:
    """The secret is the server, `smtp://name:password@host:587` or `smtps://…:465`. A password travels encrypted."""
    server = urlsplit(mailbox.secret)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise NotDelivered("Server surat belum diatur (smtp://nama:sandi@server:587)")
    tls = server.scheme == "smtps"
    try:
        await aiosmtplib.send(
            _message(letter, mailbox, server.hostname),
            hostname=server.hostname,
            port=server.port or (465 if tls else 587),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=tls,
            start_tls=True if server.username and not tls and server.hostname not in NEAR else None,
            timeout=PATIENCE,
        )
    except aiosmtplib.SMTPException as error:
        raise NotDelivered(f"Server surat menolak atau tidak menjawab ({type(error).__name__})") from error


def _message(letter: Letter, mailbox: Mailbox, host: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = mailbox.sender or f"antar@{host}"
    message["To"] = mailbox.address
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
