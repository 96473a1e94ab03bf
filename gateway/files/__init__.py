"""What files of a deployment owe to processes that share them and to a loss of power.

Touches the paths that it is told, and knows nothing of what is in them.
"""
