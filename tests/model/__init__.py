"""The protocol's model: every interleaving of one order's payments, by the product's own table."""
