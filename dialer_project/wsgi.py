"""What the web server serves: `granian --interface wsgi dialer_project.wsgi:application`."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dialer_project.settings")

_site = get_wsgi_application()

from dialer_project import whole_body  # noqa: E402
from dnc import views  # noqa: E402  its models need the applications to be loaded


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The site; questions to the do-not-call list go past its middleware."""
    if environ["PATH_INFO"] == views.PATH:
        return views.answer_wsgi(environ, start_response)
    whole_body.guard(environ)
    answer: Iterable[bytes] = _site(environ, start_response)
    return answer
