"""The staff API of payments."""

from django.urls import path

from payments import api

urlpatterns = [
    path("<str:reference>/refunds/", api.Refunds.as_view(), name="payment-refunds"),
    path("<str:reference>/refresh/", api.Refresh.as_view(), name="payment-refresh"),
]
