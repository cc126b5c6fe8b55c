"""URLs of the web process."""

from django.contrib import admin
from django.urls import include, path

from dnc.views import donotcall

urlpatterns = [
    path("donotcall", donotcall, name="donotcall"),
    path("api/", include("dialer_project.api_urls")),
    path("", admin.site.urls),
]
