-- Merchants' accounts, what was decided for them, and who was seen on which IBAN.

CREATE TABLE consumer.accounts (
    id               bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    login            text        NOT NULL UNIQUE,
    -- Argon2id.
    password_hash    text        NOT NULL,
    state            text        NOT NULL CHECK (state IN ('ACTIVE', 'INACTIVE', 'CLOSED')),
    -- Networks from which it may call; none: from anywhere.
    networks         text[]      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);

-- Holds nothing of the consumer: what was looked at, and what came of it.
CREATE TABLE consumer.decisions (
    id         uuid        PRIMARY KEY,
    account_id bigint      NOT NULL REFERENCES consumer.accounts,
    decided_at timestamptz NOT NULL,
    score      smallint    NOT NULL CHECK (score BETWEEN 0 AND 100),
    raw        smallint    NOT NULL CHECK (raw BETWEEN 0 AND 100),
    -- JSON: check, outcome, weight, cap of each.
    reasons    text        NOT NULL,
    -- Connectors that were configured and did not answer.
    degraded   text[]      NOT NULL
);
CREATE INDEX decisions_by_time ON consumer.decisions (decided_at);

-- HMAC-SHA256 of what was submitted together, under a secret of the configuration; a person once per IBAN.
CREATE TABLE consumer.sightings (
    iban       bytea       NOT NULL CHECK (length(iban) = 32),
    person     bytea       NOT NULL CHECK (length(person) = 32),
    email      bytea       CHECK (length(email) = 32),
    phone      bytea       CHECK (length(phone) = 32),
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (iban, person)
);
CREATE INDEX sightings_by_time ON consumer.sightings (last_seen);
