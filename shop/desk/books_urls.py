"""The desk's books: cases, notifications, reconciliation, figures and sheets."""

from django.urls import path

from shop.desk import dashboard, exports, inbox, reconciling, reviews, runbook

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/replay/", inbox.replay, name="inbox-replay"),
    path("reconciliation/", reconciling.days, name="reconciliations"),
    path("reconciliation/export/", reconciling.export, name="reconciliation-export"),
    path("reconciliation/<int:reconciliation_id>/", reconciling.day, name="reconciliation"),
    path(
        "reconciliation/<int:reconciliation_id>/sign/", reconciling.sign, name="reconciliation-sign"
    ),
    path(
        "reconciliation/<int:reconciliation_id>/again/",
        reconciling.again,
        name="reconciliation-again",
    ),
    path("exports/", exports.exports, name="exports"),
    path("exports/orders/", exports.orders, name="export-orders"),
    path("exports/payments/", exports.payments, name="export-payments"),
    path("runbook/", runbook.runbook, name="runbook"),
    path("reviews/", reviews.cases, name="reviews"),
    path("reviews/<int:case_id>/", reviews.case, name="review"),
    path("reviews/<int:case_id>/claim/", reviews.claim, name="review-claim"),
    path("reviews/<int:case_id>/resolve/", reviews.resolve, name="review-resolve"),
]
