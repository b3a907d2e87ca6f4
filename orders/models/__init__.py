"""What the shop sells and what a shopper owes."""

from orders.models.basket import Basket, BasketLine
from orders.models.catalogue import DeliveryOption, DeliveryPrice, Price, Product
from orders.models.invoice import Invoice, InvoiceCounter
from orders.models.lines import OrderLine, StockMovement
from orders.models.order import Order, OrderState

__all__ = [
    "Basket",
    "BasketLine",
    "DeliveryOption",
    "DeliveryPrice",
    "Invoice",
    "InvoiceCounter",
    "Order",
    "OrderLine",
    "OrderState",
    "Price",
    "Product",
    "StockMovement",
]
