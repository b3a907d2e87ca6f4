"""How far the shop is from what PostgreSQL itself can do: `make bench`.

Three do the same work beside each other, in turns, on the same rows: the *limit* (pgbench with
the least SQL of the operation), the *floor* (`bench/floor.py`, the least Django over HTTP) and
the *shop*. Only ratios of one run say something; rates are the machine's.
"""
