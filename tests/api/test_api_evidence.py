"""What the detector heard, and who it was, over the API."""

import pytest

from accounts.models import Role
from leads.models import AmdEvidence, AmdLabel
from tests.api.api_world import World, client_of

V1 = "/api/v1/"

pytestmark = pytest.mark.django_db


def test_evidence_is_read_in_the_language_of_the_request() -> None:
    world = World()
    admin = client_of(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    url = f"{V1}attempts/{world.attempt.pk}/evidence"
    found = admin.get(url).json()
    assert (found["verdict"], found["cause"], found["cause_code"]) == ("MACHINE", "beep of 1000 Hz", "beep")
    assert (found["cause_numbers"], found["has_sound"]) == ({"hz": 1000}, True)
    german = admin.get(url, headers={"accept-language": "de"}).json()
    assert "1000 Hz" in german["cause"]
    assert german["cause"] != found["cause"]
    sound = admin.get(f"{V1}attempts/{world.attempt.pk}/sound")
    assert (sound["Content-Type"], sound.content[:4]) == ("audio/wav", b"RIFF")
    AmdEvidence.objects.update(sound=None)
    assert admin.get(url).json()["has_sound"] is False
    assert admin.get(f"{V1}attempts/{world.attempt.pk}/sound").status_code == 404


def test_a_label_is_given_changed_and_taken_back() -> None:
    world = World()
    user = world.users[Role.CAMPAIGN_ADMINISTRATOR]
    admin, url = client_of(user), f"{V1}attempts/{world.attempt.pk}/label"
    changed = admin.put(url, {"heard": "HUMAN"}, format="json")
    assert (changed.status_code, changed.json().get("heard")) == (200, "HUMAN"), changed.content
    assert AmdLabel.objects.get().labelled_by == user
    assert admin.put(url, {"heard": "DOG"}, format="json").status_code == 400
    assert admin.delete(url).status_code == 204
    assert admin.get(url).status_code == 404
    assert admin.delete(url).status_code == 404
    world.attempt.amd_verdict = ""
    world.attempt.save()
    assert admin.put(url, {"heard": "HUMAN"}, format="json").status_code == 400
    assert not AmdLabel.objects.exists()
