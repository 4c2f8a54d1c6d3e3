"""The Celery application of the sample project."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp2.settings")

app = Celery("openwisp2")
app.config_from_object("django.conf:settings", namespace="CELERY")
# In the sample project that swaps the models our app is extended, not installed.
app.autodiscover_tasks()
app.autodiscover_tasks(["openwisp_firmware_upgrader"])
