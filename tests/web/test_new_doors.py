"""The walks fail on a door that forgets scope, so that nobody can add one unseen (I9)."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Role
from campaigns.api import CampaignViewSet
from campaigns.models import Campaign
from dialer_project import urls
from dialer_project.api_urls import version_1
from tests.api import access, test_api_walk
from tests.api.access import ACCESS
from tests.api.api_world import World
from tests.web import test_web_walk

pytestmark = pytest.mark.django_db


def any_campaign(request: HttpRequest, pk: int) -> HttpResponse:
    """A page that asks nobody."""
    return HttpResponse(Campaign.objects.get(pk=pk).name)


def rename_any_campaign(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows nothing, and is closed to all methods that a browser's form has."""
    if request.method in {"PUT", "PATCH", "DELETE"}:
        Campaign.objects.filter(pk=pk).update(name="mine now")
    return HttpResponse(status=404 if request.method in {"GET", "POST"} else 204)


class AnyCampaigns(CampaignViewSet):
    """The rows of all groups."""

    def get_queryset(self) -> Any:
        return Campaign.objects.all()


class Notes(CampaignViewSet):
    """A new operation of which the table of rights says nothing."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response()


class Doors:
    """`urlpatterns` with one more door in front."""

    def __init__(self, *doors: Any) -> None:
        self.urlpatterns = [*doors, *urls.urlpatterns]


@pytest.fixture
def open_doors(settings: Any) -> Any:
    def open_them(*doors: Any) -> None:
        settings.ROOT_URLCONF = Doors(*doors)
        access.operations.cache_clear()

    yield open_them
    access.operations.cache_clear()


@pytest.mark.parametrize("view", [any_campaign, rename_any_campaign])
def test_the_walk_over_the_pages_finds_a_page_without_scope(view: Any, open_doors: Any) -> None:
    open_doors(path("campaigns/campaign/<int:pk>/notes/", view))
    with pytest.raises(AssertionError, match="/notes/"):
        test_web_walk.test_guessed_ids_of_another_group_give_404_or_403_and_change_nothing(Role.MANAGER)


def test_the_walk_over_the_pages_finds_a_page_without_sign_in(open_doors: Any) -> None:
    open_doors(path("campaigns/campaign/<int:pk>/notes/", any_campaign))
    with pytest.raises(AssertionError, match="/notes/"):
        test_web_walk.test_nobody_sees_a_page_without_signing_in()


def test_the_walk_over_the_api_finds_rows_without_scope(open_doors: Any) -> None:
    read = AnyCampaigns.as_view({"get": "retrieve", "delete": "destroy"})
    door = re_path("^campaigns/(?P<pk>[0-9]+)/$", read)
    open_doors(path("api/v1/", include([door, *version_1])))
    with pytest.raises(AssertionError, match=r"campaigns/\{id\}/: 200"):
        test_api_walk.test_rows_of_another_group_are_not_there(World())


def test_the_walk_over_the_api_finds_an_operation_of_which_the_table_says_nothing(open_doors: Any) -> None:
    door = re_path("^campaigns/(?P<pk>[0-9]+)/notes/$", Notes.as_view({"get": "retrieve"}))
    open_doors(path("api/v1/", include([door, *version_1])))
    assert "campaigns/notes" not in ACCESS
    with pytest.raises(KeyError, match="campaigns/notes"):
        test_api_walk.test_each_operation_lets_in_the_roles_of_the_specification_and_nobody_else(World())
