"""Rows of the hot paths: read, written and inserted by statements that are built once.

Django builds each statement anew, which takes longer than PostgreSQL takes to carry most of
ours out. Here the text stays the same for a process's life, so that the server can keep it
prepared; values and fields go through the model's own fields. No signal is sent, and none of our
models listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)
#: Where an instance keeps what its row held when it was read.
AS_READ = "_as_read"


@cache
def columns(model: type[Model], table: str) -> str:
    """Every column of the model, as `rows` reads them."""
    return ", ".join(f'{table}."{field.column}"' for field in _fields(model))


def rows(statement: str, values: Sequence[Any], *models: Any) -> list[tuple[Any, ...]]:
    """What a SELECT of these models' `columns` finds: one instance of each model a row.

    Whatever it selects behind them follows as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [_instances(row, models) for row in cursor.fetchall()]


def save(row: Model) -> None:
    """Insert a new row; of one that `rows` read write what changed since."""
    if row._state.adding:
        insert([row])
        return
    now = _values(row)
    before = vars(row).get(AS_READ)
    names = [name for name in now if before is None or now[name] != before[name]]
    if names:
        update(row, *(name for name in names if name != _fields(type(row))[0].attname))
        vars(row)[AS_READ] = now


def _values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in _fields(type(row))}


def update(row: Model, *names: str) -> None:
    """Write these fields of a row that the caller has locked."""
    fields = [_field(type(row), name) for name in names]
    values = [_value(field, getattr(row, field.attname)) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_update_text(type(row), names), [*values, row.pk])
        if cursor.rowcount != 1:
            raise RuntimeError(f"{row!r} is not there any more.")


def insert(made: Sequence[M]) -> None:
    """Insert new rows of one model in one statement and give them their keys."""
    text, values = insert_text(made)
    with connection.cursor() as cursor:
        cursor.execute(f"{text} RETURNING {_key(type(made[0]))}", values)
        keys = cursor.fetchall()
    for row, (key,) in zip(made, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, connection.alias


def insert_text(made: Sequence[Model]) -> tuple[str, list[Any]]:
    """The INSERT of new rows, for a statement that does more besides, and its values."""
    fields = _fields(type(made[0]))[1:]
    values = [_value(field, field.pre_save(row, add=True)) for row in made for field in fields]
    return _insert_text(type(made[0]), len(made)), values


@cache
def _insert_text(model: type[Model], count: int) -> str:
    fields = _fields(model)[1:]
    names = ", ".join(f'"{field.column}"' for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([row] * count)}'  # noqa: S608 - our own columns  # nosec B608


@cache
def _update_text(model: type[Model], names: tuple[str, ...]) -> str:
    wanted = ", ".join(f'"{_field(model, name).column}" = %s' for name in names)
    return f'UPDATE "{model._meta.db_table}" SET {wanted} WHERE {_key(model)} = %s'  # noqa: S608 - our own columns  # nosec B608


@cache
def _fields(model: type[Model]) -> list[Any]:
    """The model's columns, its key first."""
    fields: list[Any] = list(model._meta.concrete_fields)
    return sorted(fields, key=lambda field: not field.primary_key)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)


def _key(model: type[Model]) -> str:
    return f'"{_fields(model)[0].column}"'


def _value(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(value, connection=connection)


@cache
def _plan(model: Any) -> tuple[list[str], list[tuple[int, Any]]]:
    """Names of the attributes, and which of the values want to be translated."""
    fields = _fields(model)
    odd = [(at, field) for at, field in enumerate(fields) if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], odd


def _instances(row: Sequence[Any], models: Sequence[Any]) -> tuple[Any, ...]:
    made, begin = [], 0
    for model in models:
        names, odd = _plan(model)
        values = list(row[begin : begin + len(names)])
        for at, field in odd:
            values[at] = field.from_db_value(values[at], field.cached_col, connection)
        instance = model.from_db(connection.alias, names, values)
        vars(instance)[AS_READ] = dict(zip(names, values, strict=True))
        made.append(instance)
        begin += len(names)
    return (*made, *row[begin:])
