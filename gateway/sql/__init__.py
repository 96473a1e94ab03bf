"""DuckDB, and statements as the trees that it parses them to: which nodes they hold, what names mean, how far they go.

Of products, policies and PostgreSQL it knows nothing: what it says of a tree holds whoever asks. Only its rooms
named duck* and duck_writer.py of the suite inputs import duckdb.
"""
