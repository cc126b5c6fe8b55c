"""Fixtures that every test may use. The servers are in `tests.services`, rows in `tests.factories`."""

import os
from collections.abc import Iterator

import pytest
import redis
from django.utils import translation
from pytest_django.fixtures import Settings

from tests import services


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """pytest-django asks for this before it makes the test database."""
    services.start_postgres()


@pytest.fixture(scope="session")
def process_environment(django_db_setup: None) -> dict[str, str]:
    """Environment for processes that a test starts: they work on the test database, and on our Valkey.

    Their tests need `@pytest.mark.django_db(transaction=True)`: other processes see only what is committed.
    """
    from django.conf import settings
    from django.db import connection

    path, _, query = settings.DATABASE_URL.partition("?")
    url = f"{path.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    return {**os.environ, "DATABASE_URL": f"{url}?{query}" if query else url}


@pytest.fixture
def empty_valkey() -> Iterator[str]:
    """Address of Valkey without any key, for tests that queue tasks."""
    from django.conf import settings

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
        yield settings.REDIS_URL
        client.flushall()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """A password hash that costs nothing: the real one takes a third of a second by design."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_language_stays() -> Iterator[None]:
    """A page in another language leaves it active in the test's thread; the next test begins without."""
    yield
    translation.deactivate()
