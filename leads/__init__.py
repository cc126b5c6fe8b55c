"""Leads and call attempts: upload, number rules, pool, retry rule (G 6.4)."""
