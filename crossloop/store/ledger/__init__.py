"""The ledger: a hash tree over every entry that was ever written (RFC 6962).

``merkle`` is the tree, ``entries`` the form of an entry, ``verify`` the proof that nothing was changed,
``redaction`` the one change that is allowed.
"""
