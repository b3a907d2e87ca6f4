"""Every adapter against its simulator over HTTP; what was charged is read from the ledger."""
