"""Statements of a call's way, made into SQL once for each kind of database and run by its driver.

SQLAlchemy looks up its compiled form anew each time, and wraps what comes back: that takes it far longer than SQLite
takes to run the statement.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import UpdateBase

Values = Mapping[str, object]
Made = tuple[str, Callable[[Values], Any]]


class Fixed:
    """An insert, update or delete with values by name, as SQLAlchemy takes them, in a transaction that has begun.

    What it returns comes as the driver has it: numbers and texts only.
    """

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._made: dict[tuple[str, ...], Made] = {}  # by the database and the values' names

    def run(self, conn: Connection, values: Values) -> DBAPICursor:
        """Runs it once."""
        cursor = conn.connection.cursor()
        sql, bound = self._for(conn.dialect, values)
        with _telling_errors(conn, sql):
            cursor.execute(sql, bound(values))
        return cursor

    def run_each(self, conn: Connection, rows: Sequence[Values]) -> None:
        """Runs it for each of these rows, of which all have the same names; there may be none."""
        if rows:
            sql, bound = self._for(conn.dialect, rows[0])
            with _telling_errors(conn, sql):
                conn.connection.cursor().executemany(sql, [bound(values) for values in rows])

    def _for(self, dialect: Dialect, values: Values) -> Made:
        key = dialect.name, *values
        if key not in self._made:
            self._made[key] = _made(self._statement, list(values), dialect)
        return self._made[key]


@contextmanager
def _telling_errors(conn: Connection, sql: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy tells them."""
    dialect = conn.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error


def _made(statement: UpdateBase, names: list[str], dialect: Dialect) -> Made:
    """The SQL, and what makes its parameters of values by name."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in compiled.bind_names.items()
    }

    def by_name(values: Values) -> dict[str, Any]:
        bound = constants | {**values}
        return {name: process(bound[name]) if process else bound[name] for name, process in processors.items()}

    def in_order(values: Values) -> tuple[Any, ...]:
        bound = by_name(values)
        return tuple(bound[name] for name in compiled.positiontup)

    return str(compiled), in_order if compiled.positional else by_name
