"""Settings, URLs, Celery application, admin site, dashboard and the commands that start the product."""

from dialer_project.celery import app as celery_app

__all__ = ["celery_app"]
