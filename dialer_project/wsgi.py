"""What the web server serves: `granian --interface wsgi dialer_project.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dialer_project.settings")

application = get_wsgi_application()
