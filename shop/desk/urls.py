"""Addresses of the staff's pages, below /admin/desk/."""

from django.urls import include, path

from shop.desk import asking, confirming, deciding, order_page, refunds, search

app_name = "desk"
urlpatterns = [
    path("search/", search.search, name="search"),
    path("confirm/", confirming.confirm, name="confirm"),
    path("orders/<str:number>/", order_page.order, name="order"),
    path("payments/<str:reference>/ask/", asking.ask, name="ask"),
    path("payments/<str:reference>/ask/apply/", asking.apply, name="ask-apply"),
    path("payments/<str:reference>/refund/", refunds.refund, name="refund"),
    path("refunds/", deciding.waiting, name="refunds"),
    path("refunds/<str:reference>/decide/", deciding.decide, name="refund-decide"),
    path("refunds/<str:reference>/transfer/", deciding.transfer, name="refund-transfer"),
    path("", include("shop.desk.books_urls")),
]
