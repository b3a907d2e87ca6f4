"""Addresses of the shopper's API, below /api/v1/."""

from django.urls import path

from orders import api

urlpatterns = [
    path("products/", api.Products.as_view()),
    path("orders/", api.Orders.as_view()),
    path("orders/<str:public_id>/", api.OrderDetail.as_view()),
    path("orders/<str:public_id>/status/", api.OrderStatus.as_view()),
    path("orders/<str:public_id>/payments/", api.OrderPayments.as_view()),
    path("orders/<str:public_id>/cancel/", api.OrderCancel.as_view()),
    path("orders/<path:rest>", api.Nothing.as_view()),
]
