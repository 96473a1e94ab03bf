"""PostgreSQL's pg_catalog and information_schema over what a principal may see, asked of small engines of its own.

Shows names and types of what a session reaches, never a product's rows; pg_seed/ holds what every database has.
"""
