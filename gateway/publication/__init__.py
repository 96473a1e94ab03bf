"""Folders to served snapshots: blueprint, build in a process of its own, checks, one rename; mocks and refreshes.

Its rooms alone make snapshots: for operators, schedules and those who manage a product. No query is answered here.
"""
