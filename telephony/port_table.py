"""Dialer ports as a table: exported without passwords, imported by the same service as the form, all rows or none.

django-import-export reads, compares and writes the rows; what it would show of a row passes `PortChange` first, so
that no password gets into a preview.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

from django.core.exceptions import ValidationError
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from import_export import fields, resources, widgets
from import_export.formats.base_formats import XLSX
from import_export.results import RowResult
from tablib import Dataset  # type: ignore[import-untyped]

from accounts import export, scope
from accounts.models import User
from accounts.scope import Action
from telephony import configuration
from telephony.models import Carrier, DialerPort

MOST_ROWS, MOST_BYTES = 1000, 1024 * 1024
"""Of a file: many times the ports of one installation."""
COLUMNS = (
    "extension", "registrar_host", "registrar_port", "second_registrar_host", "second_registrar_port", "transport",
    "carrier", "media_encryption", "keys_without_tls", "registers", "enabled",
)  # fmt: skip
"""What is exported. An import may have a column `password`, too; an empty one keeps what is stored."""
_MAY_BE_EMPTY = ("registrar_port", "second_registrar_host", "second_registrar_port", "carrier")
NEW, CHANGED, SAME, REFUSED = "NEW", "CHANGED", "SAME", "REFUSED"


@dataclass(frozen=True, slots=True)
class PortChange:
    """What an import makes of one row."""

    line: int
    extension: str
    action: str
    """NEW, CHANGED, SAME or REFUSED."""
    differences: list[tuple[str, str, str]]
    """Column, old and new value; of a password the name alone."""
    problem: str


class _Password(fields.Field):  # type: ignore[misc]  # import-export has no types
    def save(self, instance: Any, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        if row.get(self.column_name):
            setattr(instance, self.attribute, str(row[self.column_name]))


class _CarrierByName(widgets.ForeignKeyWidget):  # type: ignore[misc]
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Carrier | None:
        name = str(value or "").strip()
        carrier = Carrier.objects.filter(name=name).first() if name else None
        if name and carrier is None:
            raise ValueError(_("There is no carrier named “%(name)s”. Add it first.") % {"name": name})
        return carrier


class PortResource(resources.ModelResource):  # type: ignore[misc]
    password = _Password(attribute="password", column_name="password")
    carrier = fields.Field(attribute="carrier", column_name="carrier", widget=_CarrierByName(Carrier, "name"))

    class Meta:
        model = DialerPort
        fields = ("password", *COLUMNS)
        import_id_fields = ("registrar_host", "registrar_port", "extension")
        skip_unchanged = True
        report_skipped = True
        skip_diff = False
        skip_html_diff = True
        use_transactions = True

    def __init__(self, actor: User | None) -> None:
        super().__init__()
        self.actor = actor

    def import_field(self, field: Any, instance: DialerPort, row: Any, *args: Any, **kwargs: Any) -> None:
        """An empty cell keeps what is stored, or takes the default, where nothing can't be meant."""
        if row.get(field.column_name) or field.column_name in _MAY_BE_EMPTY:
            super().import_field(field, instance, row, *args, **kwargs)

    def save_instance(self, instance: DialerPort, is_create: bool, row: Any, **kwargs: Any) -> None:
        """By the service: it checks rights and rules and writes the record of changes."""
        sent = {name: getattr(instance, name) for name in (*COLUMNS, "password") if name in row}
        if not row.get("password"):
            sent.pop("password", None)
        configuration.save(
            self.actor, instance, **(sent | ({"password": instance.password} if is_create else {}))
        )


def export_ports(kind: str, ports: Iterable[DialerPort]) -> HttpResponseBase:
    """A download of these ports, without passwords; `kind` is csv or xlsx."""
    resource = PortResource(None)
    columns = [resource.fields[name] for name in COLUMNS]
    rows = ([resource.export_field(column, port) for column in columns] for port in ports)
    return export.response(kind, "dialer-ports", COLUMNS, rows)


def read_table(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV or xlsx file with a header. Raises ValidationError when it is none, or has other columns."""
    if len(content) > MOST_BYTES:
        raise ValidationError(_("The file is too large for a list of dialer ports."))
    try:
        table = XLSX().create_dataset(content) if content.startswith(b"PK") else _csv_table(content)
    except (ValueError, KeyError, OSError, TypeError, csv.Error, BadZipFile) as error:
        raise ValidationError(_("The file can't be read. Save it as CSV in UTF-8, or as xlsx.")) from error
    names = [str(name or "").strip().lower() for name in table.headers or []]
    if unknown := [name for name in names if name not in {*COLUMNS, "password"}]:
        words = _("There is no column “%(name)s”; the columns are %(names)s.")
        raise ValidationError(words % {"name": unknown[0], "names": ", ".join((*COLUMNS, "password"))})
    if missing := [name for name in ("extension", "registrar_host") if name not in names]:
        raise ValidationError(_("The column “%(name)s” is missing.") % {"name": missing[0]})
    if len(table) > MOST_ROWS:
        raise ValidationError(_("The file has more than %(count)d rows.") % {"count": MOST_ROWS})
    rows = [{name: _text(cell) for name, cell in zip(names, row, strict=True)} for row in table]
    return [{**row, "registrar_port": row.get("registrar_port", "")} for row in rows]


def import_ports(
    actor: User | None, rows: list[dict[str, str]], *, dry_run: bool = False
) -> list[PortChange]:
    """Adds and changes ports, found by registrar, its port and extension. When one row is refused, or in a dry run, none is."""
    if actor is not None:
        scope.require(actor, Action.ADD, DialerPort)
        scope.require(actor, Action.CHANGE, DialerPort)
    table = Dataset(headers=list(rows[0]) if rows else ["extension"])
    for row in rows:
        table.append(list(row.values()))
    resource = PortResource(actor)
    result = resource.import_data(
        table, dry_run=dry_run, rollback_on_validation_errors=True, retain_instance_in_row_result=True
    )
    if result.base_errors:
        raise ValidationError(str(result.base_errors[0].error))
    return [
        _change(resource, at, row, done)
        for at, (row, done) in enumerate(zip(rows, result.rows, strict=True), 2)
    ]


def _change(resource: PortResource, line: int, row: dict[str, str], done: RowResult) -> PortChange:
    problem = ""
    if done.validation_error is not None:
        problem = " ".join(done.validation_error.messages)
    elif done.errors:
        problem = str(done.errors[0].error)
    if problem:
        return PortChange(line, row["extension"], REFUSED, [], problem)
    if done.import_type == RowResult.IMPORT_TYPE_SKIP:
        return PortChange(line, row["extension"], SAME, [], "")
    new = done.import_type == RowResult.IMPORT_TYPE_NEW
    differences = []
    for name in COLUMNS:
        field = resource.fields[name]
        before = "" if new else str(resource.export_field(field, done.original) or "")
        after = str(resource.export_field(field, done.instance) or "")
        if before != after:
            differences.append((name, before, after))
    if row.get("password") and (new or done.original.password != row["password"]):
        differences.append(("password", "", ""))
    return PortChange(line, row["extension"], NEW if new else CHANGED, differences, "")


def _csv_table(content: bytes) -> Any:
    text = content.decode("utf-8-sig")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    return Dataset().load(text, format="csv", delimiter=delimiter)


def _text(cell: Any) -> str:
    """As typed; a spreadsheet's 7001.0 is 7001, and an apostrophe before a formula mark goes."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    words = "" if cell is None else str(cell).strip()
    return words[1:] if words[:1] == "'" and words.startswith(export.FORMULA, 1) else words
