"""Descriptors (ODPS, ODCS) to a compiled Product, or every finding at once: the standards, rules, semantics, grading.

Reads the folders of products and nothing that was made of them: neither snapshots nor policies are known here.
"""
