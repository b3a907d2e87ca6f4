"""The floor behind the same server set-up as the shop's HTTP half."""

import os

from django.core.wsgi import get_wsgi_application

from shop.in_threads import InThreads
from shop.whole_requests import WholeRequests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.floor_settings")
application = WholeRequests(
    InThreads(get_wsgi_application(), threads=40), bytes_max=256 * 1024, seconds=10.0
)
