"""Loaded by `chaos.settings` alone, in every process of a drill."""

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """Shortens clocks that no setting shortens, and takes one layer away if told so."""

    name = "chaos"

    def ready(self) -> None:
        from chaos import clocks, layers

        clocks.shorten()
        layers.prepare()
