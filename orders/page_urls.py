"""The shopper's addresses. An order's own is its key: long, unguessable, in no other place."""

from django.urls import path

from orders.pages import links, mailbox, notifying, papers, paying, returning, shopping

app_name = "shopper"
urlpatterns = [
    path("", shopping.catalogue, name="catalogue"),
    path("currency/", shopping.currency, name="currency"),
    path("basket/", shopping.basket, name="basket"),
    path("basket/add/", shopping.basket_add, name="basket-add"),
    path("basket/update/", shopping.basket_update, name="basket-update"),
    path("checkout/", shopping.checkout, name="checkout"),
    path("send-link/", links.send_link, name="send-link"),
    path("orders/<str:public_id>/", paying.order, name="order"),
    path("orders/<str:public_id>/back/", returning.order_back, name="order-back"),
    path("orders/<str:public_id>/pay/", paying.order_pay, name="order-pay"),
    path("orders/<str:public_id>/check/", paying.order_check, name="order-check"),
    path("orders/<str:public_id>/cancel/", paying.order_cancel, name="order-cancel"),
    path("orders/<str:public_id>/again/", paying.order_again, name="order-again"),
    path("orders/<str:public_id>/another/", paying.order_another, name="order-another"),
    path("orders/<str:public_id>/invoice.pdf", papers.invoice, name="invoice"),
    path(
        "orders/<str:public_id>/credit-notes/<str:label>.pdf",
        papers.credit_note,
        name="credit-note",
    ),
    path("orders/<str:public_id>/notify/", notifying.order_notify, name="order-notify"),
    path("demo/mails/", mailbox.demo_mails, name="demo-mails"),
    path("push-worker.js", notifying.push_worker, name="push-worker"),
]
