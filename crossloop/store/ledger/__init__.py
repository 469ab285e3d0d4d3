"""The ledger: a hash tree over every entry that was ever written (RFC 6962).

``merkle`` is the tree, ``entries`` the form of an entry, ``verify`` the proof that nothing was changed,
``redaction`` the one change that is allowed. For those who do not trust the store: ``proofs`` and
``stored`` (inclusion and consistency), ``notes``, ``checkpoints`` and ``keys`` (what is signed), ``witness``
(checkpoints kept elsewhere), ``records`` (entries as they stand there) and ``export`` (as they leave it).
"""
