"""The `outport` command: the composition root, and the operator's tools. It alone may import rooms of the gateway."""
