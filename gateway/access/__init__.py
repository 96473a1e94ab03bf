"""Who asks: credentials to a Principal, by passwords, keys, certificates and issuers' tokens; the deployment's secrets.

Touches the directory's files, the files of secrets and issuers' addresses. What somebody may see is not said here.
"""
