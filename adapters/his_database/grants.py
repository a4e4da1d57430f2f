"""Statements by which a clinic's technician makes a user who may read some tables and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def grants(
    system: str, tables: Sequence[str], database: str, user: str, host: str, *, tls: bool = False
) -> Iterator[str]:
    """Yield the statements, in the words of that kind of database; none for a file.

    `tls` lets the server refuse the user without TLS, which MariaDB is spoken to in only if its CA has been entered.
    """
    if system == "mariadb":
        who = f"'{in_quotes(user)}'@'{in_quotes(host)}'"
        yield f"CREATE USER {who} IDENTIFIED BY 'PASSWORD'{' REQUIRE SSL' if tls else ''};"
        for table in tables:
            yield f"GRANT SELECT ON {named(database, '`')}.{named(table, '`')} TO {who};"
    elif system == "postgresql":
        role = named(user, '"')
        yield f"-- pg_hba.conf: {'hostssl' if tls else 'host'} {database} {user} {host} scram-sha-256"
        yield f"CREATE ROLE {role} LOGIN PASSWORD 'PASSWORD';"
        yield f"GRANT CONNECT ON DATABASE {named(database, chr(34))} TO {role};"
        for table in tables:
            yield f"GRANT SELECT ON {named(table, chr(34))} TO {role};"


def named(name: str, quote: str) -> str:
    """Return a name in the quotes of an identifier."""
    return quote + name.replace(quote, quote * 2) + quote


def in_quotes(text: str) -> str:
    """Return a text as it stands between the quotes of a literal."""
    return text.replace("\\", "\\\\").replace("'", "''")
