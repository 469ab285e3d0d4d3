"""Entries as they leave the store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

import pytest

from crossloop.canonical import canonical_json
from crossloop.errors import LedgerBroken, UnknownName
from crossloop.store import Read, Store, Tx
from crossloop.store.ledger.entries import body_hash, stored_leaf
from crossloop.store.ledger.export import PROOF_FORMAT, exported, inclusion_proof
from crossloop.store.ledger.merkle import leaf_hash
from crossloop.store.ledger.proofs import verify_inclusion
from crossloop.store.ledger.records import records
from crossloop.store.ledger.redaction import redact
from crossloop.store.ledger.stored import check_head, check_leaves, roots

BODY = {"name": 'Ünal \u2028 "quoted" \x1f', "small": 1e-6, "smaller": -6.7e-7, "n": 3, "many": 1e20 / 1e8}


@pytest.fixture
def filled(store: Store) -> Store:
    def work(tx: Tx) -> None:
        for number in range(300):
            tx.append("drill \u2029 \t", None if number % 3 else "case_ü", {**BODY, "number": number})

    store.write(work)
    return store


def test_a_record_has_all_that_its_leaf_is_made_of(filled: Store):
    [first, *_] = filled.read(lambda read: [one for chunk in records(read, 0, 300) for one in chunk])
    entry = json.loads(json.dumps(first.document()))
    assert entry["body"].encode() == canonical_json({**BODY, "number": 0})
    hashed = hashlib.sha256(bytes.fromhex(entry["salt"]) + entry["body"].encode()).hexdigest()
    assert hashed == entry["body_hash"]
    header = [entry["position"], entry["kind"], entry["case"], entry["at"], hashed]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    assert leaf_hash(text.encode()).hex() == entry["leaf"]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 300), (7, 8), (255, 257), (299, 300)])
def test_any_range_is_given_whole_and_in_order(filled: Store, start: int, stop: int):
    found = filled.read(lambda read: [one.position for chunk in records(read, start, stop) for one in chunk])
    assert found == list(range(start, stop))


def test_a_redacted_record_has_its_leaf_and_neither_salt_nor_body(filled: Store):
    filled.write(lambda tx: redact(tx, 7, "asked for"))
    [[one]] = filled.read(lambda read: list(records(read, 7, 8)))
    assert (one.salt, one.body) == (None, None)
    assert one.document()["salt"] is None
    assert len(one.document()["leaf"]) == 64


@pytest.mark.parametrize("gone", [0, 150, 299])
def test_a_missing_entry_is_named_and_not_passed_over(filled: Store, gone: int):
    filled.write(lambda tx: tx.execute("DELETE FROM entries WHERE position = :p", p=gone))
    with pytest.raises(LedgerBroken, match=f"entry {gone} is missing") as broken:
        filled.read(lambda read: list(records(read, 0, 300)))
    assert broken.value.position == gone


def test_a_body_that_is_no_text_is_named(filled: Store):
    filled.write(lambda tx: tx.execute("UPDATE entries SET body = x'ff' WHERE position = 4"))
    with pytest.raises(LedgerBroken, match="entry 4 has a body that is not UTF-8"):
        filled.read(lambda read: list(records(read, 0, 300)))


@pytest.mark.parametrize("size", [None, 300, 260, 11])
def test_a_proof_leads_from_the_entry_to_the_root_of_that_size(filled: Store, size: int | None):
    proof = filled.read(lambda read: inclusion_proof(read, 10, size))
    assert proof["format"] == PROOF_FORMAT
    assert proof["size"] == (size or 300)
    root = dict(filled.read(lambda read: list(roots(read, [proof["size"]]))))[proof["size"]]
    assert proof["root"] == root.hex()
    path = [bytes.fromhex(one) for one in proof["path"]]
    verify_inclusion(bytes.fromhex(proof["entry"]["leaf"]), 10, proof["size"], path, root)


@pytest.mark.parametrize(("position", "size"), [(300, None), (10, 10), (10, 301), (-1, None)])
def test_an_entry_that_a_ledger_of_that_size_does_not_have_is_refused(
    filled: Store, position: int, size: int | None
):
    with pytest.raises(UnknownName, match=re.escape(f"has no entry {position}")):
        filled.read(lambda read: inclusion_proof(read, position, size))


def test_an_entry_whose_header_was_changed_is_not_proved(filled: Store):
    filled.write(lambda tx: tx.execute("UPDATE entries SET at = at + 1 WHERE position = 10"))
    with pytest.raises(LedgerBroken, match="does not match its leaf"):
        filled.read(lambda read: inclusion_proof(read, 10))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("at = at + 1 WHERE position = 10", "entry 10 does not match its leaf"),
        ("kind = 'other' WHERE position = 10", "entry 10 does not match its leaf"),
        ("leaf = body_hash WHERE position = 10", "entry 10 does not match its leaf"),
        ("salt = zeroblob(16) WHERE position = 10", "entry 10 has a salt and a body that do not match"),
        ("body = NULL WHERE position = 10", "entry 10 has lost its salt or its body"),
        (
            "body = NULL, salt = NULL WHERE position = 10",
            "entry 10 has lost its body, and no entry records why",
        ),
    ],
)
def test_what_was_changed_is_not_exported(filled: Store, damage: str, says: str):
    filled.write(lambda tx: tx.execute(f"UPDATE entries SET {damage}"))
    with pytest.raises(LedgerBroken, match=says) as broken:
        filled.read(lambda read: list(exported(read, 5, 20)))
    assert broken.value.position == 10


@pytest.mark.parametrize(("start", "stop"), [(0, 300), (280, 290)])
def test_an_export_whose_entries_do_not_give_the_root_ends_so(filled: Store, start: int, stop: int):
    assert filled.read(lambda read: list(exported(read, start, stop)))
    filled.write(lambda tx: tx.append("drill", None, {}))

    def rewrite(tx: Tx) -> None:  # body, hash and leaf alike
        body = b'{"number":7}'
        hashed = body_hash(bytes(16), body)
        [(at,)] = tx.rows("SELECT at FROM entries WHERE position = 7")
        leaf = stored_leaf(7, "other", None, at, hashed)
        tx.execute(
            "UPDATE entries SET kind = 'other', case_key = NULL, salt = :salt, body = :body,"
            " body_hash = :hashed, leaf = :leaf WHERE position = 7",
            salt=bytes(16),
            body=body,
            hashed=hashed,
            leaf=leaf,
        )

    filled.write(rewrite)
    with pytest.raises(LedgerBroken, match="the entries do not give the root of the ledger"):
        filled.read(lambda read: list(exported(read, start, stop)))


@pytest.mark.parametrize("look", [check_head, check_leaves])
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("DELETE FROM entries WHERE position = 299", "counts 300 entries, but 299 stand there"),
        ("DELETE FROM entries WHERE position = 3", "counts 300 entries, but 299 stand there"),
        ("UPDATE entries SET leaf = zeroblob(32) WHERE position = 299", "do not give the root"),
    ],
)
def test_a_head_that_does_not_fit_its_entries_is_found(
    filled: Store, look: Callable[[Read], None], damage: str, says: str
):
    filled.read(look)
    filled.write(lambda tx: tx.execute(damage))
    with pytest.raises(LedgerBroken, match=says):
        filled.read(look)
