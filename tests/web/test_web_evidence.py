"""Evidence of detections on an attempt's page, its labels, the accuracy page and the policy."""

import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from amd.detector import Detector
from amd.files import ulaw_from_wav
from leads import evidence
from leads.models import AmdLabel, CallAttempt, EvidencePolicy
from tests import factories as make
from tests.amd.amd_signals import frames, silence, speech, tone
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> User:
    return make.make_user()


@pytest.fixture
def browser(ana: User) -> Client:
    return signed_in(ana)


def analysed(user: User, *parts: Any, keep: str = "ALL") -> CallAttempt:
    """An attempt that the real detector has listened to, as a worker records it."""
    detector, heard = Detector(), b""
    for frame in frames(*(parts or (silence(0.4), speech(0.6), silence(5)))):
        heard += frame
        if detector.feed(frame):
            break
    verdict = detector.finish()
    campaign = make.make_campaign(group=user.dialer_groups.get(), name=f"Campaign of {user.username}")
    attempt = make.make_attempt(
        make.make_lead(campaign),
        state="ENDED",
        result="AMD" if verdict.is_machine else "SUCCESS",
        ended_at=timezone.now(),
        amd_verdict=verdict.label,
        amd_cause=verdict.cause,
        amd_decision_ms=verdict.decision_ms,
    )
    evidence.change_policy(None, keep_sound=keep)
    evidence.keep(attempt.pk, verdict.label, detector.evidence().as_json(), heard)
    return attempt


def page_of(browser: Client, attempt: CallAttempt) -> str:
    answer = browser.get(f"/leads/callattempt/{attempt.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_the_picture_the_verdict_and_the_player(browser: Client, ana: User) -> None:
    attempt = analysed(ana)
    page = page_of(browser, attempt)
    assert "data:image/png;base64," in page
    assert 'class="d-ev-wave"' in page
    assert 'class="d-ev-decision"' in page
    assert attempt.amd_cause[1:] in page
    assert f"/leads/callattempt/{attempt.pk}/sound/" in page
    assert page.count('name="heard"') == 2


def test_a_tone_is_named_in_the_picture(browser: Client, ana: User) -> None:
    page = page_of(browser, analysed(ana, silence(0.5), tone(1000, seconds=0.4), silence(4)))
    assert "1000 Hz" in page
    assert 'class="d-ev-tone"' in page


def test_without_the_sound_the_page_shows_the_rest(browser: Client, ana: User) -> None:
    attempt = analysed(ana, keep="NONE")
    page = page_of(browser, attempt)
    assert 'class="d-ev-speech"' in page
    assert "data:image/png" not in page
    assert "<audio" not in page
    assert browser.get(f"/leads/callattempt/{attempt.pk}/sound/").status_code == 404


def test_coordinates_have_points_in_every_language(browser: Client, ana: User) -> None:
    attempt = analysed(ana)
    browser.cookies["django_language"] = "pt"
    page = page_of(browser, attempt)
    picture = page[page.index("<svg") : page.index("</svg>")]
    assert 'lang="pt"' in page
    numbers = re.findall(r'\b(?:x|x1|x2|y|y1|y2|width|height)="([^"]*)"', picture)
    assert len(numbers) > 40
    assert all(re.fullmatch(r"[0-9.]+", number) for number in numbers)


def test_an_attempt_without_analysis_has_no_evidence(browser: Client, ana: User) -> None:
    lead = make.make_lead(make.make_campaign(group=ana.dialer_groups.get()))
    attempt = make.make_attempt(lead, state="ENDED", result="BUSY", ended_at=timezone.now())
    assert "d-evidence-card" not in page_of(browser, attempt)
    browser.post(f"/leads/callattempt/{attempt.pk}/label/", {"heard": "HUMAN"})
    assert not AmdLabel.objects.exists()


def test_the_sound_is_the_calls_own_as_wav(browser: Client, ana: User) -> None:
    attempt = analysed(ana)
    answer = browser.get(f"/leads/callattempt/{attempt.pk}/sound/")
    assert answer["Content-Type"] == "audio/wav"
    assert "no-store" in answer["Cache-Control"]
    assert len(ulaw_from_wav(answer.content)) == (attempt.amd_decision_ms or 0) * 8


def test_a_label_is_stored_with_who_and_taken_back(browser: Client, ana: User) -> None:
    attempt = analysed(ana)
    address = f"/leads/callattempt/{attempt.pk}/label/"
    assert browser.get(address).status_code == 405
    assert browser.post(address, {"heard": "MACHINE"}).status_code == 302
    label = AmdLabel.objects.get()
    assert (label.heard, label.labelled_by) == ("MACHINE", ana)
    assert f"by {ana}" in page_of(browser, attempt)
    browser.post(address, {"heard": ""})
    assert not AmdLabel.objects.exists()


def test_other_groups_neither_hear_nor_label(ana: User) -> None:
    attempt = analysed(ana)
    stranger = signed_in(make.make_user())
    base = f"/leads/callattempt/{attempt.pk}"
    assert stranger.get(f"{base}/sound/").status_code == 404
    assert stranger.post(f"{base}/label/", {"heard": "HUMAN"}).status_code == 404
    supervisor = signed_in(make.make_user(Role.CAMPAIGN_SUPERVISOR, [attempt.group]))
    assert supervisor.get(f"{base}/sound/").status_code in {403, 404}
    assert supervisor.post(f"{base}/label/", {"heard": "HUMAN"}).status_code in {403, 404}
    assert not AmdLabel.objects.exists()


def test_the_accuracy_page_counts_what_the_user_may_see(browser: Client, ana: User) -> None:
    other = make.make_user()
    for user, heard in ((ana, "MACHINE"), (other, "HUMAN")):
        evidence.label(None, analysed(user), heard)
    page = browser.get("/detection/").content.decode()
    assert f"Campaign of {ana.username}" in page
    assert f"Campaign of {other.username}" not in page
    assert "0 of 1" in page
    assert "Where the detection was wrong" in page
    assert "Export for training" in page


def test_the_accuracy_page_follows_campaign_and_dates(browser: Client, ana: User) -> None:
    attempt = analysed(ana)
    evidence.label(None, attempt, "HUMAN")
    CallAttempt.objects.update(claimed_at=timezone.now() - timedelta(days=40))
    assert "no label yet" in browser.get("/detection/").content.decode()
    day = (timezone.localdate() - timedelta(days=40)).isoformat()
    asked = {"since": day, "until": day, "campaign": str(attempt.campaign_id)}
    assert "0 of 1" in browser.get("/detection/", asked).content.decode()
    for wrong in ({"since": "x"}, {"until": "9999-12-31"}, {"since": "0001-01-01"}, {"campaign": "9" * 30}):
        assert browser.get("/detection/", wrong).status_code == 200, wrong


def test_a_supervisor_sees_the_counts_but_no_calls(ana: User) -> None:
    evidence.label(None, analysed(ana), "MACHINE")
    supervisor = signed_in(make.make_user(Role.CAMPAIGN_SUPERVISOR, [ana.dialer_groups.get()]))
    page = supervisor.get("/detection/").content.decode()
    assert "0 of 1" in page
    assert "Where the detection was wrong" not in page
    assert "/detection/export/" not in page
    assert supervisor.post("/detection/export/").status_code == 403


def test_the_export_has_the_users_labelled_calls_only(browser: Client, ana: User) -> None:
    for user in (ana, make.make_user()):
        evidence.label(None, analysed(user), "HUMAN")
    assert browser.get("/detection/export/").status_code == 405
    answer: Any = browser.post("/detection/export/")
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert len(archive.namelist()) == 2
        assert f"Campaign of {ana.username}" in archive.read("labels.csv").decode()
    answer.close()


def test_masters_set_the_policy_and_nobody_else(browser: Client) -> None:
    master = signed_in(make.make_user(Role.MASTER, []))
    answer = master.get("/leads/evidencepolicy/", follow=True)
    assert answer.redirect_chain[-1][0].endswith("/leads/evidencepolicy/1/change/")
    wanted = {"keep_sound": "MACHINES", "sound_days": "14", "evidence_days": "90"}
    assert master.post("/leads/evidencepolicy/1/change/", wanted).status_code == 302
    policy = EvidencePolicy.objects.get()
    assert (policy.keep_sound, policy.sound_days, policy.evidence_days) == ("MACHINES", 14, 90)
    wrong = master.post("/leads/evidencepolicy/1/change/", {**wanted, "sound_days": "0"})
    assert wrong.status_code == 200
    assert EvidencePolicy.objects.get().sound_days == 14
    for address in ("/leads/evidencepolicy/", "/leads/evidencepolicy/1/change/"):
        assert browser.get(address).status_code in {403, 404}
