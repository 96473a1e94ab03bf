"""What the tests need to drive Apache Superset: its server, its API, and a browser that looks at what it draws."""
