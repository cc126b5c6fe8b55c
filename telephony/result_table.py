"""The result table of this installation: what calls are mapped by, and the way back to the defaults (SPEC 6)."""

from django.db import transaction

from accounts import audit, scope
from accounts.models import User
from accounts.scope import Action
from telephony.models import ResultRule
from telephony.results import DEFAULT_TABLE, CallResult, ResultKey, ResultTable


def current() -> ResultTable:
    """The table as it is now. One without a row would make every call UNKNOWN: then the defaults hold."""
    rows = ResultRule.objects.values_list("sip_code", "q850_cause", "heard", "result")
    return {
        _key(code, cause, heard): CallResult(result) for code, cause, heard, result in rows
    } or DEFAULT_TABLE


def _key(code: int | None, cause: int | None, heard: str) -> ResultKey:
    if heard:
        return code, cause, heard
    assert code is not None  # held by the constraint result_rule_is_about_something
    return code, cause


@transaction.atomic
def restore_defaults(actor: User | None) -> None:
    """The table as it was installed; `actor` None is the operator at the shell."""
    if actor is not None:
        scope.require(actor, Action.DELETE, ResultRule)
        scope.require(actor, Action.ADD, ResultRule)
    known = {
        (rule.heard, rule.sip_code, rule.q850_cause): rule for rule in ResultRule.objects.select_for_update()
    }
    for rule in default_rules():
        current = known.pop((rule.heard, rule.sip_code, rule.q850_cause), None)
        if current is None:
            rule.save()
            audit.created(actor, rule)
        elif current.result != rule.result:
            before = audit.state(current)
            current.result = rule.result
            current.save()
            audit.changed(actor, current, before)
    for surplus in known.values():
        audit.deleted(actor, surplus)
        surplus.delete()


def default_rules() -> list[ResultRule]:
    """Unsaved rows of the defaults."""
    return [
        ResultRule(sip_code=key[0], q850_cause=key[1], heard="".join(key[2:]), result=result.value)
        for key, result in DEFAULT_TABLE.items()
    ]
