"""What one session reaches of all that is served: its pin, names to grants, what is visible, which limits hold.

Each room goes by the Decisions of a pin, so that what is not seen is as what is not there.
"""
