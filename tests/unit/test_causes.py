"""What a database says is told in the reader's language, with the place where nobody answers."""

import sqlite3

import pytest

from pbx_control.domain.words.sentences import said
from pbx_control.store.causes import cause

REFUSED = 'connection to server at "127.0.0.1", port 5432 failed: '
HINT = "\n\tIs the server running on that host and accepting TCP/IP connections?"


@pytest.mark.parametrize(
    ("text", "english", "spanish"),
    [
        ("database is locked", "database is locked", "otro la está ocupando"),
        (
            f"connection failed: {REFUSED}Connection refused{HINT}",
            "127.0.0.1:5432: Connection refused",
            "127.0.0.1:5432: conexión rechazada",
        ),
        (
            'connection failed: connection to server at "db.cl" (192.0.2.1), port 5432 failed: Connection refused',
            "db.cl:5432: Connection refused",
            "db.cl:5432: conexión rechazada",
        ),
        (
            f'{REFUSED}FATAL:  password authentication failed for user "pbx"',
            "127.0.0.1:5432: it does not take the password of pbx",
            "127.0.0.1:5432: no acepta la contraseña de pbx",
        ),
        (
            f"{REFUSED}FATAL:  the database system is starting up",
            "127.0.0.1:5432: the database system is starting up",
            "127.0.0.1:5432: la base de datos se está iniciando",
        ),
        (
            'connection is bad: connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
            "/run/.s.PGSQL.5432: No such file or directory",
            "/run/.s.PGSQL.5432: el archivo o la carpeta no existe",
        ),
        (
            "failed to resolve host 'db.cl': [Errno -2] Name or service not known",
            "db.cl: Name or service not known",
            "db.cl: el nombre no se conoce",
        ),
        ("a fault {of} a new kind", "a fault {of} a new kind", "a fault {of} a new kind"),
        ("", "unknown", "no se sabe"),
    ],
)
def test_what_a_database_says(text: str, english: str, spanish: str) -> None:
    found = cause(sqlite3.OperationalError(text))
    assert [said(language, "{why}", {"why": found}) for language in ("en", "es")] == [english, spanish]
