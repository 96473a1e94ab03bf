"""What a client's SQL means where it is not DuckDB's: PostgreSQL's words as changes to a tree, by closed lists."""
