"""Tables of the embedded company. Constraints say what no code above them may get wrong."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x584C4331
"""``XLC1`` in the SQLite header: tells an embedded company from every other database."""

SCHEMA_VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE effect (
    key       TEXT NOT NULL PRIMARY KEY,       -- idempotency key: one key, one effect
    system    TEXT NOT NULL,
    digest    TEXT NOT NULL,                   -- of the request, to refuse another one under the same key
    reference TEXT NOT NULL,
    detail    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE campaign (
    campaign_id TEXT NOT NULL PRIMARY KEY,
    status      TEXT NOT NULL,
    body        TEXT NOT NULL                  -- the campaign as JSON
) WITHOUT ROWID;

CREATE TABLE scale_up (
    plan_id TEXT NOT NULL PRIMARY KEY,
    body    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE restriction (
    id           INTEGER PRIMARY KEY,
    reference    TEXT NOT NULL UNIQUE,
    campaign_id  TEXT NOT NULL REFERENCES campaign (campaign_id),
    kind         TEXT NOT NULL CHECK (kind IN ('suppress_cod', 'reduce_bid', 'exclude')),
    country      TEXT NOT NULL,
    level        TEXT NOT NULL,
    code         TEXT NOT NULL,
    area         TEXT NOT NULL,                -- the area as JSON, with its ancestors
    bid_modifier TEXT CHECK ((kind = 'reduce_bid') = (bid_modifier IS NOT NULL)),
    lifted       INTEGER NOT NULL DEFAULT 0 CHECK (lifted IN (0, 1))
);
CREATE UNIQUE INDEX restriction_in_force
    ON restriction (campaign_id, kind, country, level, code) WHERE lifted = 0;

CREATE TABLE party (
    code   TEXT NOT NULL PRIMARY KEY,
    name   TEXT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('customer', 'supplier')),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
) WITHOUT ROWID;

CREATE TABLE opportunity (
    reference  TEXT NOT NULL PRIMARY KEY,
    party_code TEXT NOT NULL REFERENCES party (code),
    stage      TEXT NOT NULL,
    body       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE product (
    sku  TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    unit TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE purchase_order (
    number        TEXT NOT NULL PRIMARY KEY,
    supplier_code TEXT NOT NULL REFERENCES party (code),
    status        TEXT NOT NULL CHECK (status IN ('draft', 'cancelled')),
    body          TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE account (
    code TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal_entry (
    reference TEXT NOT NULL PRIMARY KEY,
    booked_on TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal_line (
    reference TEXT NOT NULL REFERENCES journal_entry (reference),
    account   TEXT NOT NULL REFERENCES account (code),
    currency  TEXT NOT NULL,
    hundredths INTEGER NOT NULL CHECK (hundredths <> 0)   -- debit above zero, credit below
);
CREATE INDEX journal_line_account ON journal_line (account, currency);

CREATE TABLE invoice (
    number     TEXT NOT NULL PRIMARY KEY,
    party_code TEXT NOT NULL REFERENCES party (code),
    status     TEXT NOT NULL CHECK (status IN ('posted', 'reversed')),
    body       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE location (
    code TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE stock (
    sku      TEXT NOT NULL REFERENCES product (sku),
    location TEXT NOT NULL REFERENCES location (code),
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (sku, location)
) WITHOUT ROWID;

CREATE TABLE shipment (
    number TEXT NOT NULL PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('picked', 'shipped', 'cancelled')),
    body   TEXT NOT NULL
) WITHOUT ROWID;
"""
