"""Addresses of the sockets; shop/asgi.py wraps them in the check of the Origin."""

from typing import Any

from django.urls import path

from orders.consumers import OrderConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/orders/<str:public_id>/", OrderConsumer.as_asgi()),
]
