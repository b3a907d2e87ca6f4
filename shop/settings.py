"""Every setting of the shop, read from the environment; a bad value stops the start.

`.env.example` lists each variable with its meaning. Times are in seconds.
"""

from datetime import timedelta
from pathlib import Path

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from shop import hardening, redis_servers, settings_gateways
from shop.database import limits
from shop.environment import Environment
from shop.logs import logging_to_stdout
from shop.settings_desk import *  # noqa: F403
from shop.settings_operations import *  # noqa: F403
from shop.settings_post import *  # noqa: F403
from shop.settings_security import *  # noqa: F403
from shop.wiring import SUBSCRIBERS

# Lets `ModelAdmin[Order]` and the like be written where the types say so.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# --- The machine ---------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="insecure-development-key" if DEBUG else "")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY (or DEBUG=1 on a development machine).")

SHOP_PORT = env.positive("SHOP_PORT", default=8000)
BANK_PORT = env.positive("BANK_PORT", default=8001)
SHOP_URL = env.address("SHOP_URL", default=f"http://127.0.0.1:{SHOP_PORT}")
# Where gateways reach our webhooks, if that is another address than the shopper's.
WEBHOOK_URL = env.address("WEBHOOK_URL", default=SHOP_URL)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DATABASE_URL = env.str("DATABASE_URL", default="postgresql://localhost/payonce")
REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")

# --- Django ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "shop",
    "orders",
    "payments",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "channels",
    "rest_framework",
    "rest_framework.authtoken",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "shop.middleware.RequestId",
    "shop.middleware.Refusals",
    # First of all headers, so that every refusal further in carries them too.
    "shop.middleware.StandingPolicy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shop.middleware.UsableInput",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "shop.two_factor.SecondFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "shop.problems.ProblemPages",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
AUTH_USER_MODEL = "shop.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# One pool per process: a new connection per request is two to four times slower. Django
# refuses the pool beside persistent connections, so CONN_MAX_AGE stays 0. A race of forty
# requests holds forty connections; waiting for one is bounded.
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
# Looks at a connection before it is handed out, and survives a restart or a failover.
DATABASES["default"]["ENGINE"] = "shop.database"
DATABASE_POOL_SIZE = env.positive("DATABASE_POOL_SIZE", default=40)
# Longer than the server's own limits: it strikes only where the server is not heard.
DATABASE_ANSWER_SECONDS = env.positive("DATABASE_ANSWER_SECONDS", default=20, cast=float)
# What stands between us and PostgreSQL (docs/scaling.md).
DATABASE_POOLER = env.choice("DATABASE_POOLER", default="none", among=limits.POOLERS)
_told = limits.configuration(pool_size=DATABASE_POOL_SIZE, pooler=DATABASE_POOLER)
DATABASES["default"].setdefault("OPTIONS", {}).update(_told.pop("OPTIONS"))
DATABASES["default"].update(_told)
ATOMIC_REQUESTS = False

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("he", "עברית")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
# The shop's local time, shown beside UTC; what is stored is UTC.
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# --- Redis: courtesy only; the shop stays correct without it ---------------------------------
# redis-py retries by default: a frozen server then costs 5.6 s behind a timeout of 0.1 s.
REDIS_TIMEOUT_SECONDS = env.positive("REDIS_TIMEOUT_SECONDS", default=0.1, cast=float)
COURTESY_PAUSE_SECONDS = 5.0
CACHES = redis_servers.caches(REDIS_URL, timeout_seconds=REDIS_TIMEOUT_SECONDS)
CHANNEL_LAYERS = {"default": redis_servers.channel_layer(REDIS_URL)}
# Sessions must not depend on a server that may be frozen.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- Celery ----------------------------------------------------------------------------------
CELERY_BROKER_URL = redis_servers.broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2.0,
    "socket_connect_timeout": 0.2,
    "visibility_timeout": 600,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 60
CELERY_TIMEZONE = "UTC"

SWEEP_SECONDS = env.positive("SWEEP_SECONDS", default=5, cast=float)
RELAY_SECONDS = env.positive("RELAY_SECONDS", default=1, cast=float)
EXPIRY_SECONDS = env.positive("EXPIRY_SECONDS", default=30, cast=float)
ORDERS_REFRESH_SECONDS = env.positive("ORDERS_REFRESH_SECONDS", default=15, cast=float)
# Each `expires` keeps a stopped worker's backlog from growing: only the newest run matters.
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5)}}
    for name, task, seconds in [
        ("payments-sweep", "payments.sweep", SWEEP_SECONDS),
        ("outbox-relay", "shop.relay", RELAY_SECONDS),
        ("heartbeat", "shop.heartbeat", HEARTBEAT_SECONDS),  # noqa: F405
        ("payments-watch", "payments.watch", WATCH_SECONDS),  # noqa: F405
        ("reconcile", "shop.reconcile", RECONCILE_SECONDS),  # noqa: F405
        ("orders-expire", "orders.expire_unpaid_orders", EXPIRY_SECONDS),
        ("orders-refresh", "orders.refresh_paying_orders", ORDERS_REFRESH_SECONDS),
        ("mails", "orders.send_mails", POST_SECONDS),  # noqa: F405
        ("notifications", "orders.send_pushes", POST_SECONDS),  # noqa: F405
    ]
}

# A test names the point at which the process shall die or wait, or strikes in its own process
# (shop/failpoints.py).
FAILPOINT = env.str("FAILPOINT", default="")
FAILPOINTS = env.flag("FAILPOINTS", default=False)

# --- The outbox --------------------------------------------------------------------------------
OUTBOX_SUBSCRIBERS = SUBSCRIBERS
OUTBOX_LOCK = "payments.services.lock_intent"
# What an order reference owes: payments asks when it has to write a lost attempt anew.
WHAT_IS_OWED = "shop.books.owed"
OUTBOX_ON_STUCK = "payments.services.review_stuck_message"

# --- Payments ----------------------------------------------------------------------------------
BANK_URL = env.address("BANK_URL", default=f"http://127.0.0.1:{BANK_PORT}")
BANK_PUBLIC_URL = env.address("BANK_PUBLIC_URL", default=BANK_URL)
CALL_LIMITS = {
    "connect_seconds": GATEWAY_CONNECT_SECONDS,  # noqa: F405
    "read_seconds": GATEWAY_READ_SECONDS,  # noqa: F405
}
# Well-known secrets are for development; without secrets the adapter refuses to be made.
PAYMENT_GATEWAYS = {
    "sandbox": {
        "adapter": "payments.gateways.sandbox.SandboxGateway",
        "options": {
            "base_url": BANK_URL,
            "public_url": BANK_PUBLIC_URL,
            "merchant": env.str("SANDBOX_MERCHANT", default="payonce-demo"),
            "api_key": env.str("SANDBOX_API_KEY", default="sandbox-api-key" if DEBUG else ""),
            "signing_secret": env.str(
                "SANDBOX_SIGNING_SECRET", default="sandbox-signing" if DEBUG else ""
            ),
            "webhook_secrets": tuple(
                env.list("SANDBOX_WEBHOOK_SECRETS", default=["sandbox-webhook"] if DEBUG else [])
            ),
        }
        | CALL_LIMITS,
    }
}
# What the shopper is offered, in this order: public method name -> (gateway, its method).
PAYMENT_METHODS = {
    "qr": ("sandbox", "qr"),
    "redirect": ("sandbox", "redirect"),
    "card": ("sandbox", "card"),
}
settings_gateways.add(env, CALL_LIMITS, PAYMENT_GATEWAYS, PAYMENT_METHODS)
# First ask 3 s after opening, then outward; the last figure repeats until the late window ends.
POLL_AFTER_SECONDS = tuple(
    env.list(
        "POLL_AFTER_SECONDS", cast=float, default=[3, 10, 20, 30, 60, 120, 300, 900, 3600, 14400]
    )
)
POLL_TRIES_MAX = env.positive("POLL_TRIES_MAX", default=60)
# A gateway call lasts at most 6 s (connect 1, read 5); the lease outlives it with a margin.
PAYMENT_LEASE_SECONDS = env.positive("PAYMENT_LEASE_SECONDS", default=12, cast=float)
# How long a second click waits for the first one's answer before it shows what is known.
START_WAIT_SECONDS = 1.0
# How long a switch insists on the gateway's answer before the old attempt is left behind.
SWITCH_SECONDS = env.positive("SWITCH_SECONDS", default=10, cast=float)
NEW_PAYMENTS_PER_MINUTE = env.positive("NEW_PAYMENTS_PER_MINUTE", default=10)
IDEMPOTENCY_KEPT = timedelta(hours=48)
IDEMPOTENCY_LEASE_SECONDS = 30

# --- Orders ------------------------------------------------------------------------------------
HELP_EMAIL = env.str("HELP_EMAIL", default="help@payonce.example")
# Every page says aloud that no real money moves.
TEST_MODE = env.flag("TEST_MODE", default=True)
DEFAULT_CURRENCY = "EUR"
CURRENCIES = ("EUR", "USD", "BRL", "CNY", "INR", "JPY", "KWD")
# Above these sums, in minor units, a second person approves a refund: of one payment, and of
# what one person sent back within a day.
REFUND_APPROVAL_LIMIT_MINOR = env.amounts(
    "REFUND_APPROVAL_LIMIT_MINOR", default=20_000, currencies=CURRENCIES
)
REFUND_DAY_LIMIT_MINOR = env.amounts(
    "REFUND_DAY_LIMIT_MINOR", default=500_000, currencies=CURRENCIES
)
INVOICE_SELLER = ("Payonce Demo Shop", "Beispielweg 1, 10115 Berlin", "VAT ID DE000000000")
LOOKUP_MISSES_PER_MINUTE = env.positive("LOOKUP_MISSES_PER_MINUTE", default=20)
SOCKETS_PER_ADDRESS = env.positive("SOCKETS_PER_ADDRESS", default=100)
ORDER_LIFETIME = timedelta(seconds=env.positive("ORDER_LIFETIME_SECONDS", default=3600))
ORDER_REFRESH_AFTER = timedelta(
    seconds=env.positive("ORDER_REFRESH_AFTER_SECONDS", default=60, cast=float)
)

# --- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["shop.strict_json.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "shop.problems.drf_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Payonce",
    "DESCRIPTION": "A shop checkout that charges a shopper exactly once.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    # What is sent and what is answered are described apart: a text to send is never empty.
    "COMPONENT_SPLIT_REQUEST": True,
}

LOGGING = logging_to_stdout(env.str("LOG_LEVEL", default="INFO"))
hardening.refuse(globals())
