"""PostgreSQL and Valkey out of wheels, for an installation that brings no servers of its own.

`location` says where they are (settings read it, so it imports little), `postgres.EmbeddedPostgres` and
`valkey.EmbeddedValkey` start and stop them. The launcher is our own: the wheels' Python APIs create users and
change the modes of parent folders when root starts them.
"""
