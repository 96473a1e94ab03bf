"""What a principal may see: the folder of policies, compiled against contracts, to one Decision for each table.

Sees contracts and claims, never rows. Only policy.py imports casbin.
"""
