"""The floor behind the same server set-up as the shop's HTTP half."""

import os
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.floor_settings")
application = WSGIMiddleware(cast(Any, get_wsgi_application()), workers=40)
