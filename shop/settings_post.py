"""Settings of what the shop sends: mails, and notifications to browsers.

Beside `shop.settings`, which takes every name from here.
"""

from django.core.exceptions import ImproperlyConfigured

from shop.environment import Environment

env = Environment()
_debug = env.flag("DEBUG", default=False)

# The demo, and nothing else, shows every mail that was sent on a page that anybody can open.
DEMO = env.flag("DEMO", default=False)
# Mails and notifications ride the outbox; the sender looks this often.
POST_SECONDS = env.positive("POST_SECONDS", default=2, cast=float)

# --- Mail ----------------------------------------------------------------------------------------
_mail = env.email_url_config(
    env.str("EMAIL_URL", default="dummymail://" if _debug else "smtp://localhost:25")
)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_HOST = _mail["EMAIL_HOST"]
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
# For each step of the conversation. A mail's lease (orders/post/sending.py) outlives them all.
EMAIL_TIMEOUT = 10
# How often one network address may ask for an order's link; one mail an hour for each order.
LINKS_PER_MINUTE = env.positive("LINKS_PER_MINUTE", default=5)
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="Payonce <orders@payonce.example>")
MAILS_SHOWN_FROM = EMAIL_FILE_PATH if DEMO and "filebased" in EMAIL_BACKEND else ""

# --- Web Push ------------------------------------------------------------------------------------
# Without a key nobody is offered notifications. `manage.py push_keys` makes one.
VAPID_PRIVATE_KEY = env.str("VAPID_PRIVATE_KEY", default="")
VAPID_SUBJECT = env.str("VAPID_SUBJECT", default="")
if VAPID_PRIVATE_KEY and not VAPID_SUBJECT.startswith(("mailto:", "https://")):
    raise ImproperlyConfigured("VAPID_SUBJECT says who sends: a mailto: or https:// address.")
# The only servers that a browser may have us call; a leading dot stands for all names below.
PUSH_HOSTS = env.list(
    "PUSH_HOSTS",
    default=[
        "fcm.googleapis.com",
        ".push.services.mozilla.com",
        ".push.apple.com",
        ".notify.windows.com",
    ],
)
PUSH_TEST_ORIGIN = env.str("PUSH_TEST_ORIGIN", default="")
if PUSH_TEST_ORIGIN and not _debug:
    raise ImproperlyConfigured("PUSH_TEST_ORIGIN is for tests: it may be any server. Unset it.")
PUSH_SECONDS = 5.0
BROWSERS_PER_ORDER = 10
