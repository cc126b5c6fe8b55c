"""URLs of the web process."""

from django.contrib import admin
from django.urls import path

from dnc.views import donotcall

urlpatterns = [
    path("donotcall", donotcall, name="donotcall"),
    path("", admin.site.urls),
]
