"""The ASGI application of the sample project; it serves the static files too."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp2.settings")
http = get_asgi_application()

from .routing import get_routes  # noqa: E402  consumers import models: apps first

application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(http),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(get_routes()))
        ),
    }
)
