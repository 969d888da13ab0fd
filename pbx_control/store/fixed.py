"""Statements of a call's way and of its page, made into SQL once for each kind of database and run by its driver.

SQLAlchemy looks up its compiled form anew each time, and wraps what comes back: that takes it far longer than SQLite
takes to run the statement.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import UpdateBase

Values = Mapping[str, object]
Made = tuple[str, Callable[[Values], Any]]
Shape = Callable[[Sequence[Any]], dict[str, Any]]
Record = TypeVar("Record")

# Under this name a connection's `info` has who is told of each table that is written to: SQLAlchemy's own events do not
# tell of these statements.
WATCHER = "told of tables that are written to"


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
        self._tell(conn, cursor)
        return cursor

    def run_each(self, conn: Connection, rows: Sequence[Values]) -> None:
        """Runs it for each of these rows, of which all have the same names; there may be none."""
        if rows:
            sql, bound = self._for(conn.dialect, rows[0])
            cursor = conn.connection.cursor()
            with _telling_errors(conn, sql):
                cursor.executemany(sql, [bound(values) for values in rows])
            self._tell(conn, cursor)

    def _tell(self, conn: Connection, cursor: DBAPICursor) -> None:
        watcher = conn.info.get(WATCHER)
        # What returns rows may not have been read yet: it counts as if it had touched some.
        if watcher and (cursor.description or cursor.rowcount):
            watcher(self._statement.table)

    def _for(self, dialect: Dialect, values: Values) -> Made:
        key = dialect.name, *values
        if key not in self._made:
            self._made[key] = _made(self._statement, list(values), dialect)
        return self._made[key]


class FixedQuery(Generic[Record]):
    """A select of which each row becomes what `of` makes of its columns, given by their names. Of a connection that is
    in a transaction (`engine.reading`, `engine.writing`)."""

    def __init__(self, of: Callable[..., Record], statement: Select[Any]) -> None:
        self._of = of
        self._statement = statement
        self._made: dict[str, tuple[Made, Shape]] = {}  # by the database

    def all(self, conn: Connection, **values: object) -> list[Record]:
        """Every row."""
        (sql, bound), shaped = self._for(conn.dialect)
        with _telling_errors(conn, sql):
            rows = conn.connection.cursor().execute(sql, bound(values)).fetchall()
        return [self._of(**shaped(row)) for row in rows]

    def first(self, conn: Connection, **values: object) -> Record | None:
        """The first row, or None: where there can be more, the statement has a limit."""
        return next(iter(self.all(conn, **values)), None)

    def _for(self, dialect: Dialect) -> tuple[Made, Shape]:
        if dialect.name not in self._made:
            self._made[dialect.name] = _made(self._statement, [], dialect), _shape(self._statement, dialect)
        return self._made[dialect.name]


@contextmanager
def _telling_errors(conn: Connection, sql: str) -> Iterator[None]:
    """The driver's errors as SQLAlchemy tells them."""
    dialect = conn.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error


def _shape(statement: Select[Any], dialect: Dialect) -> Shape:
    """What makes the driver's row into values by their columns' names, as these columns' types have them."""
    columns: list[Any] = list(statement.selected_columns)
    names = [column.key for column in columns]
    processors = [(name, _of_driver(column, dialect)) for name, column in zip(names, columns, strict=True)]
    wanted = [(name, process) for name, process in processors if process]

    def shaped(row: Sequence[Any]) -> dict[str, Any]:
        found = dict(zip(names, row, strict=True))
        for name, process in wanted:
            found[name] = process(found[name])
        return found

    return shaped


def _of_driver(column: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    process: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).result_processor(dialect, None)
    return process


def _made(statement: UpdateBase | Select[Any], names: list[str], dialect: Dialect) -> Made:
    """The SQL, and what makes its parameters of values by name."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names or None)
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
