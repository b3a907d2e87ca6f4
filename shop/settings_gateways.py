"""The gateways that move real money: each is offered once its key is told, and only then.

What every variable means stands in .env.example, what every option means in docs/gateways/.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from shop.environment import Environment

Options = dict[str, Any]
#: Public method name -> the gateway's own.
Methods = dict[str, str]


def add(
    env: Environment,
    limits: Options,
    gateways: dict[str, Any],
    methods: dict[str, tuple[str, str]],
) -> None:
    """Add those that are told to the gateways and to the methods; `limits` are for each call."""
    for name, (adapter, key, options, offered) in GATEWAYS.items():
        if not env.str(key, default=""):
            continue
        gateways[name] = {
            "adapter": f"payments.gateways.{name}.{adapter}",
            "options": options(env) | limits,
        }
        methods |= {public: (name, own) for public, own in offered.items()}


def _stripe(env: Environment) -> Options:
    return {
        "secret_key": env.str("STRIPE_SECRET_KEY", default=""),
        "public_key": env.str("STRIPE_PUBLIC_KEY", default=""),
        "webhook_secrets": tuple(env.list("STRIPE_WEBHOOK_SECRETS", default=[])),
        "base_url": env.str("STRIPE_URL", default="https://api.stripe.com"),
    }


def _paypal(env: Environment) -> Options:
    return {
        "client_id": env.str("PAYPAL_CLIENT_ID", default=""),
        "client_secret": env.str("PAYPAL_CLIENT_SECRET", default=""),
        "merchant_id": env.str("PAYPAL_MERCHANT_ID", default=""),
        "webhook_id": env.str("PAYPAL_WEBHOOK_ID", default=""),
        "trust_anchor_file": env.str("PAYPAL_TRUST_ANCHOR_FILE", default=""),
        "base_url": env.str("PAYPAL_URL", default="https://api-m.paypal.com"),
    }


def _alipay(env: Environment) -> Options:
    address = env.str("ALIPAY_URL", default="https://openapi.alipay.com")
    return {
        "base_url": address,
        "public_url": address,
        "app_id": env.str("ALIPAY_APP_ID", default=""),
        "seller_id": env.str("ALIPAY_SELLER_ID", default=""),
        "app_private_key": _text(env.str("ALIPAY_PRIVATE_KEY_FILE", default="")),
        "gateway_public_keys": tuple(
            _text(file) for file in env.list("ALIPAY_PUBLIC_KEY_FILES", default=[])
        ),
    }


def _wechat(env: Environment) -> Options:
    named = (pair.partition("=") for pair in env.list("WECHAT_PUBLIC_KEY_FILES", default=[]))
    return {
        "base_url": env.str("WECHAT_URL", default="https://api.mch.weixin.qq.com"),
        "mchid": env.str("WECHAT_MCHID", default=""),
        "appid": env.str("WECHAT_APPID", default=""),
        "merchant_serial": env.str("WECHAT_MERCHANT_SERIAL", default=""),
        "merchant_private_key": _text(env.str("WECHAT_PRIVATE_KEY_FILE", default="")),
        "api_v3_keys": tuple(env.list("WECHAT_API_KEYS", default=[])),
        "platform_public_keys": {name: _text(file) for name, _, file in named},
    }


def _unionpay(env: Environment) -> Options:
    address = env.str("UNIONPAY_URL", default="https://gateway.95516.com/gateway/api")
    return {
        "base_url": address,
        "public_url": address,
        "files_url": env.str("UNIONPAY_FILES_URL", default="https://filedownload.95516.com"),
        "merchant": env.str("UNIONPAY_MERCHANT", default=""),
        "certificate": _bytes(env.str("UNIONPAY_CERTIFICATE_FILE", default="")),
        "certificate_password": env.str("UNIONPAY_CERTIFICATE_PASSWORD", default=""),
        "middle_certificates": _text(env.str("UNIONPAY_MIDDLE_FILE", default="")),
        "root_certificates": _text(env.str("UNIONPAY_ROOT_FILE", default="")),
    }


def _razorpay(env: Environment) -> Options:
    return {
        "base_url": env.str("RAZORPAY_URL", default="https://api.razorpay.com"),
        "merchant": env.str("RAZORPAY_ACCOUNT", default=""),
        "key_id": env.str("RAZORPAY_KEY_ID", default=""),
        "key_secret": env.str("RAZORPAY_KEY_SECRET", default=""),
        "webhook_secrets": tuple(env.list("RAZORPAY_WEBHOOK_SECRETS", default=[])),
        "currencies": tuple(env.list("RAZORPAY_CURRENCIES", default=["INR"])),
    }


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"A gateway's key file cannot be read: {error}.") from None


def _text(file: str) -> str:
    return _bytes(file).decode()


#: Name -> (adapter, the variable that switches it on, its options, the methods that pages offer).
#: Forms that a gateway's own script draws in our page (Stripe's card, Razorpay's checkout, Alipay's
#: app) are left to programs that bring that script.
GATEWAYS = {
    "stripe": (
        "StripeGateway",
        "STRIPE_SECRET_KEY",
        _stripe,
        {"stripe": "redirect", "boleto": "boleto"},
    ),
    "paypal": ("PayPalGateway", "PAYPAL_CLIENT_ID", _paypal, {"paypal": "redirect"}),
    "alipay": ("AlipayGateway", "ALIPAY_APP_ID", _alipay, {"alipay": "qr", "alipay-page": "page"}),
    "wechat": ("WechatGateway", "WECHAT_MCHID", _wechat, {"wechat": "qr"}),
    "unionpay": (
        "UnionpayGateway",
        "UNIONPAY_MERCHANT",
        _unionpay,
        {"unionpay": "web", "unionpay-qr": "qr"},
    ),
    "razorpay": ("RazorpayGateway", "RAZORPAY_KEY_ID", _razorpay, {"razorpay": "link"}),
}
