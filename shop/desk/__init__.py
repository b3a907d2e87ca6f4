"""The staff's pages within the admin: they look and ask here; services do the work."""
