"""What a session may be told or do beside asking for rows: a desk for each matter, behind a right of its own.

Imported by the pipeline, the front door and the command alone: nothing that answers queries depends on a desk.
"""
