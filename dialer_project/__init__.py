"""Settings, URLs, Celery application, admin site, dashboard and the commands that start the product."""
