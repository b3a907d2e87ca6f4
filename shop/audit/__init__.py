"""Proof on demand: every invariant of the shop's money as SQL, against the gateways' books."""
