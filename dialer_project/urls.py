"""URLs of the web process. The admin site answers at the root, after everything else."""

from django.contrib import admin
from django.urls import include, path

from dialer_project import health
from dialer_project.metrics import metrics
from dnc.views import donotcall

handler500 = "dialer_project.failed.failed"

urlpatterns = [
    path("donotcall", donotcall, name="donotcall"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/", include("dialer_project.api_urls")),
    path("", admin.site.urls),
]
