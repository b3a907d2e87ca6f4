"""What the shop sells and what a shopper owes."""

from orders.models.basket import Basket, BasketLine
from orders.models.catalogue import DeliveryOption, DeliveryPrice, Price, Product
from orders.models.invoice import CreditNote, Invoice, InvoiceCounter
from orders.models.lines import OrderLine, StockMovement
from orders.models.order import Order, OrderState
from orders.models.post import Mail, Occasion, Outgoing, PushMessage, PushSubscription

__all__ = [
    "Basket",
    "BasketLine",
    "CreditNote",
    "DeliveryOption",
    "DeliveryPrice",
    "Invoice",
    "InvoiceCounter",
    "Mail",
    "Occasion",
    "Order",
    "OrderLine",
    "OrderState",
    "Outgoing",
    "Price",
    "Product",
    "PushMessage",
    "PushSubscription",
    "StockMovement",
]
