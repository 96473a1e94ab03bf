"""What is in force and how it is answered: manifest, shelf and catalog; the engine, its turns, streams and forms.

Runs Plans and no other text of a client's. Touches the state folder: its manifest, its shelf and the snapshots on it.
"""
