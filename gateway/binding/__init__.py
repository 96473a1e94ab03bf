"""A query and its Decisions to a Plan: views of what is granted, used columns, measures, lineage, cost. Pure.

The one place where a client's SQL becomes text that runs; nothing is run here.
"""
