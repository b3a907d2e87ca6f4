"""Every address of the shop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authtoken.models import TokenProxy

from shop import health
from shop.sign_in import sign_in
from shop.two_factor import second_factor

# Their lists show keys in clear; `manage.py drf_create_token` makes a token.
admin.site.unregister([TokenProxy, TOTPDevice, StaticDevice])

# Its template cannot describe the page itself to who asks OPTIONS.
docs = SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"])

urlpatterns = [
    # What programs ask for most comes first: each address tried in vain takes time.
    path("webhooks/", include("payments.webhook_urls")),
    path("api/v1/", include("orders.api_urls")),
    path("api/v1/payments/", include("payments.api_urls")),
    path("", include("orders.page_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", docs, name="api-docs"),
    path(f"{settings.ADMIN_PATH}login/", sign_in),
    path(f"{settings.ADMIN_PATH}second-factor/", second_factor, name="second-factor"),
    path(f"{settings.ADMIN_PATH}desk/", include("shop.desk.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
    path("i18n/setlang/", require_POST(set_language), name="set_language"),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
handler400 = "shop.problems.bad_request"
handler403 = "shop.problems.forbidden"
handler404 = "shop.problems.not_found"
handler500 = "shop.health.server_error"
