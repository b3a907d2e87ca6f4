"""Settings that keep others out: cookies, transport, what a page may load, the staff's door.

Beside `shop.settings`, which takes every name from here.
"""

import re

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from shop.environment import Environment

env = Environment()
#: Where the shop itself answers.
TAKEN = ("api/", "basket/", "checkout/", "orders/", "static/", "webhooks/", "ws/")

SECURE = env.flag("SECURE", default=env.str("SHOP_URL", default="").startswith("https://"))
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
# Not `no-referrer`: browsers then send `Origin: null` with our own forms and CSRF refuses them.
# This policy too tells no other site where a shopper comes from.
SECURE_REFERRER_POLICY = "same-origin"
# Who may say for whom they ask and how it came to them: `shop.asgi` believes nobody else.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
if env.flag("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "shop.problems.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
        # The worker that shows notifications is our own script.
        "worker-src": [SELF],
    }
}

# --- The staff's door ----------------------------------------------------------------------------
# Below which path the admin lies; another one keeps it out of sight of those who only try.
ADMIN_PATH = env.str("ADMIN_PATH", default="admin/")
if not re.fullmatch(r"([a-z0-9-]+/)+", ADMIN_PATH) or ADMIN_PATH.startswith(TAKEN):
    raise ImproperlyConfigured(
        f"ADMIN_PATH is like staff-7f3a/ (lower case, no slash in front, one behind), not "
        f"{ADMIN_PATH!r}, and none of {', '.join(TAKEN)}."
    )
# Staff who can send money back give a code from their phone after the password.
REQUIRE_TWO_FACTOR = env.flag("REQUIRE_TWO_FACTOR", default=SECURE)
OTP_TOTP_ISSUER = "Payonce"
