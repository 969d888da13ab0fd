"""Rows as records with types: what every room above the store is given."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

# Not imported to run: help and wrong usage need no database.
if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy import Row

Record = TypeVar("Record", bound="DataclassInstance")


def record(kind: type[Record], row: "Row[*tuple[Any, ...]]", **others: object) -> Record:
    """The record of a row that has a column for each of its fields; `others`: fields that need more than that."""
    return kind(**(dict(row._mapping) | others))


def facts(of: "DataclassInstance | Mapping[str, object]") -> dict[str, Any]:
    """A record's fields by their names. dataclasses.asdict copies each value deeply: that took most of a long list's
    time."""
    return dict(of) if isinstance(of, Mapping) else {field.name: getattr(of, field.name) for field in fields(of)}
