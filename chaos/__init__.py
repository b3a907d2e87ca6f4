"""The drill: a whole shop as real processes, shoppers at its public doors, and everything broken.

`manage.py chaos` starts it (chaos.command). Three parts, which share no memory:

    the house     PostgreSQL and its replica, Valkey, the wire between, web, worker, beat, bank
    the shoppers  a process that knows the shop and the bank only over HTTP and WebSocket
    the judge     the bank's ledger and the shop's answers, then `manage.py audit`

Never part of a shop that sells: nothing of it is imported by shop, orders or payments.
"""
