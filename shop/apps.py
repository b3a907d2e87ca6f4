"""The roof as a Django app: it configures logs and loads the Celery application."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The roof and the ground."""

    name = "shop"
    verbose_name = "Shop"

    def ready(self) -> None:
        from shop import celery, logs  # noqa: F401  (shared tasks find their app)

        logs.configure()
