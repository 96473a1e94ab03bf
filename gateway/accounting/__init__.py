"""What happened, as records that outlive the process: the sealed audit, the ledger, observations by the minute.

Appends to the folders of the audit and of the ledger; decides nothing, and knows no product.
"""
