"""PostgreSQL and Valkey out of wheels, for an installation that brings no servers of its own."""
