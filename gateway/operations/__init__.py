"""What an operator does with whole products and deployments: plan, retire, fork, begin; back up, restore, erase.

New snapshots are made by the rooms of publication only.
"""
