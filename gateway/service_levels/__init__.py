"""Whether promises are kept: quality of snapshots, objectives over time, incidents, outages, alerts.

Measures what is on record; what a session may be told of it is for the desks.
"""
