"""Where the rows of a product come from: files, lakes, databases, pushes; read by types and held to contracts.

Touches what contracts name and <state>/inputs. Nothing here answers a client's query.
"""
