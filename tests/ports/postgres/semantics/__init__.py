"""Small statements with the answers of a real PostgreSQL 15, to be answered alike."""
