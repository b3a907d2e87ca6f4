"""The whole shop on one machine by one command; see `launch.main`.

Only the standard library: it makes the secrets and the servers that the settings need.
"""

from shop.demo.launch import join_running, main

__all__ = ["join_running", "main"]
