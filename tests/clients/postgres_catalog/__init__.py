"""What tools ask a PostgreSQL catalog, what PostgreSQL 15 answers, and a replay of both against the Postgres door."""
