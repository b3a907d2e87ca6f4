"""The other side of the wire: a bank of our own for demo, tests and drills.

Its own process and its own ledger of real money. It imports nothing of the shop and shares
no table with it, so what it says about money can be held against what the shop believes.
"""
