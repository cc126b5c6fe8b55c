"""The default table of SPEC 6, row by row."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import Role
from telephony import configuration, result_table
from telephony.models import ResultRule
from telephony.results import DEFAULT_TABLE, CallResult, map_result
from tests import factories as make


@pytest.mark.parametrize(
    ("result", "ends"),
    [
        (CallResult.BUSY, [(486, None), (486, 17), (600, None)]),
        (CallResult.REFUSED, [(603, None), (603, 21), (607, None), (608, None), (403, 21)]),
        (
            CallResult.FAILED,
            [(487, None), (480, 18), (408, None), (404, 1), (410, None), (484, 28), (604, None), (603, 16)],
        ),
        (
            CallResult.SERVICE_TEMPORARY_UNAVAILABLE,
            [(500, None), (502, None), (503, 34), (504, None), (None, None)],
        ),
        (CallResult.UNKNOWN, [(403, None), (403, 16), (401, None), (488, None), (606, None), (699, 127)]),
    ],
)
def test_default_table(result: CallResult, ends: list[tuple[int | None, int | None]]) -> None:
    assert {map_result(code, cause) for code, cause in ends} == {result}


def test_an_administrator_may_change_the_table() -> None:
    table = {**DEFAULT_TABLE, (488, None): CallResult.BUSY, (503, 17): CallResult.BUSY}
    assert map_result(488, 3, table) is CallResult.BUSY
    assert map_result(503, 17, table) is CallResult.BUSY
    assert map_result(503, 34, table) is CallResult.SERVICE_TEMPORARY_UNAVAILABLE


@pytest.mark.django_db
def test_the_installed_table_is_the_default_one_and_comes_back() -> None:
    make.installed_result_rules()
    assert result_table.current() == DEFAULT_TABLE
    master = make.make_user(Role.MASTER, [])
    busy = ResultRule.objects.get(sip_code=486)
    configuration.save(master, busy, result="FAILED")
    configuration.save(master, ResultRule(), sip_code=503, q850_cause=17, result="BUSY")
    changed = result_table.current()
    assert map_result(486, None, changed) is CallResult.FAILED
    assert map_result(503, 17, changed) is CallResult.BUSY
    with pytest.raises(ValidationError, match="without a cause already"):
        configuration.save(master, ResultRule(), sip_code=486, q850_cause=None, result="BUSY")
    with pytest.raises(PermissionDenied):
        result_table.restore_defaults(make.make_user(Role.MANAGER))
    result_table.restore_defaults(master)
    assert result_table.current() == DEFAULT_TABLE


@pytest.mark.django_db
def test_a_table_without_a_row_means_the_defaults() -> None:
    ResultRule.objects.all().delete()
    assert result_table.current() == DEFAULT_TABLE
