"""Where gateways knock."""

from django.urls import path

from payments import webhooks

urlpatterns = [path("<slug:gateway>/", webhooks.webhook, name="webhook")]
