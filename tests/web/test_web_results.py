"""The result table's page: rules are changed by Masters, and the defaults come back."""

import pytest

from accounts.models import Role
from telephony import result_table
from telephony.models import ResultRule
from telephony.results import DEFAULT_TABLE
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


def test_a_master_changes_the_table_and_restores_it() -> None:
    make.installed_result_rules()
    client = signed_in(make.make_user(Role.MASTER, []))
    page = client.get("/telephony/resultrule/").content.decode()
    assert "Restore the defaults" in page
    assert "any other" in page
    added = client.post("/telephony/resultrule/add/", {"sip_code": 503, "q850_cause": 17, "result": "BUSY"})
    assert added.status_code == 302
    rule = ResultRule.objects.get(q850_cause=17)
    assert client.post(f"/telephony/resultrule/{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    wrong = client.post("/telephony/resultrule/add/", {"sip_code": 200, "q850_cause": "", "result": "BUSY"})
    assert wrong.status_code == 200
    heard = {"heard": "ANNOUNCEMENT", "sip_code": "", "q850_cause": "", "result": "FAILED"}
    assert client.post("/telephony/resultrule/add/", heard).status_code == 302
    assert result_table.current()[None, None, "ANNOUNCEMENT"] == "FAILED"
    for nothing in ({**heard, "heard": ""}, heard, {**heard, "heard": "BUSY", "q850_cause": "17"}):
        assert client.post("/telephony/resultrule/add/", nothing).status_code == 200, nothing
    assert "Special information tone: vacant number" in client.get("/telephony/resultrule/").content.decode()
    ResultRule.objects.filter(sip_code=486).delete()
    assert client.get("/telephony/resultrule/defaults/").status_code == 200
    assert client.post("/telephony/resultrule/defaults/").status_code == 302
    assert result_table.current() == DEFAULT_TABLE


def test_a_campaign_administrator_neither_sees_nor_restores_it() -> None:
    client = signed_in(make.make_user(Role.CAMPAIGN_ADMINISTRATOR))
    assert client.get("/telephony/resultrule/").status_code == 403
    assert client.post("/telephony/resultrule/defaults/").status_code == 403
