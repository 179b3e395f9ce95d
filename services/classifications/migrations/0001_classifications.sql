-- Contracts, debtors, classifications and the events that they are made of.
--
-- Lock order: contract -> debtor -> classification. Whoever writes a classification holds its contract's row, whoever
-- puts more at risk on a debtor holds the debtor's too.

CREATE TABLE classifications.contracts (
    number                    text        PRIMARY KEY CHECK (number ~ '^[0-9]{11}$'),
    -- A user name of this service's own issuer, or a client that acts for itself.
    holder                    text        NOT NULL,
    currency                  text        NOT NULL,
    valid_from                date        NOT NULL,
    valid_until               date        CHECK (valid_until >= valid_from),
    debtor_cap                numeric     NOT NULL CHECK (debtor_cap > 0),
    aggregate                 numeric     NOT NULL CHECK (aggregate > 0),
    terms_days                integer     NOT NULL CHECK (terms_days BETWEEN 0 AND 65535),
    commercial_risk_cover_pct numeric     NOT NULL CHECK (commercial_risk_cover_pct BETWEEN 0 AND 100),
    political_risk_cover_pct  numeric     NOT NULL CHECK (political_risk_cover_pct BETWEEN 0 AND 100),
    next_request_no           bigint      NOT NULL DEFAULT 1,
    -- Of its aggregate, as the rows below have it: on each debtor the greater of limit and offer.
    committed                 numeric     NOT NULL DEFAULT 0 CHECK (committed >= 0),
    created_at                timestamptz NOT NULL
);
CREATE INDEX contracts_holder ON classifications.contracts (holder);

-- What is known of debtors. One that was only asked about has a row, which is locked, and no figures.
CREATE TABLE classifications.debtors (
    country        text        NOT NULL,
    tax_code       text        NOT NULL,
    name           text,
    profile        json,
    -- What the insurer has at risk on it outside this service, in euros.
    other_exposure numeric     NOT NULL DEFAULT 0 CHECK (other_exposure >= 0),
    -- The file's or the bureau's.
    source         text,
    updated_at     timestamptz,
    PRIMARY KEY (country, tax_code),
    CHECK ((name IS NULL) = (profile IS NULL))
);

-- Where each classification stands: what its events say, ready to be read.
CREATE TABLE classifications.classifications (
    id                 uuid        PRIMARY KEY,
    contract_no        text        NOT NULL REFERENCES classifications.contracts,
    request_no         bigint      NOT NULL,
    country            text        NOT NULL,
    tax_code           text        NOT NULL,
    endorsement_no     bigint,
    customer_reference text,
    status             text        NOT NULL,
    -- When time will change it next.
    next_due           timestamptz,
    version            bigint      NOT NULL,
    -- Of its last event.
    head               bytea       NOT NULL CHECK (length(head) = 32),
    -- Without the engine's decision, which few may read.
    document           json        NOT NULL,
    decision           json,
    UNIQUE (contract_no, request_no)
);
CREATE UNIQUE INDEX one_live_limit ON classifications.classifications (contract_no, country, tax_code)
    WHERE status IN ('ACTIVE', 'INACTIVE');
CREATE UNIQUE INDEX one_pending_request ON classifications.classifications (contract_no, country, tax_code)
    WHERE status IN ('IN_STUDY', 'PREMIUM_PENDING');
CREATE INDEX classifications_of_debtor ON classifications.classifications (country, tax_code, contract_no);
CREATE INDEX classifications_of_endorsement ON classifications.classifications (contract_no, endorsement_no);
CREATE INDEX classifications_due ON classifications.classifications (contract_no, next_due) WHERE next_due IS NOT NULL;
CREATE INDEX classifications_due_first ON classifications.classifications (next_due) WHERE next_due IS NOT NULL;

-- What happened, in one hash chain for each classification (`store/chain.rs`).
CREATE TABLE classifications.events (
    classification_id uuid        NOT NULL,
    seq               bigint      NOT NULL,
    type              text        NOT NULL,
    from_status       text,
    to_status         text        NOT NULL,
    actor             text        NOT NULL,
    -- Who it was, where somebody was.
    login             text,
    client_id         text,
    -- When it took effect.
    at                timestamptz NOT NULL,
    -- JSON, to the byte as it was hashed.
    payload           text        NOT NULL,
    prev_hash         bytea       NOT NULL CHECK (length(prev_hash) = 32),
    hash              bytea       NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (classification_id, seq)
);

-- What each decision of the engine was made from, so that it can be made again. The event has its hash.
CREATE TABLE classifications.decisions (
    classification_id uuid   NOT NULL,
    seq               bigint NOT NULL,
    -- Canonical JSON, to the byte as it was hashed.
    snapshot          text   NOT NULL,
    PRIMARY KEY (classification_id, seq)
);

-- The owner of the tables could take back any grant.
CREATE FUNCTION classifications.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON classifications.events
    FOR EACH STATEMENT EXECUTE FUNCTION classifications.refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON classifications.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION classifications.refuse();

-- Commands that were carried out under a caller's key. The answer is made again from the classification's events.
CREATE TABLE classifications.idempotency (
    login             text        NOT NULL,
    client_id         text        NOT NULL,
    key               text        NOT NULL,
    fingerprint       bytea       NOT NULL,
    classification_id uuid        NOT NULL,
    version           bigint      NOT NULL,
    at                timestamptz NOT NULL,
    PRIMARY KEY (login, client_id, key)
);
CREATE INDEX idempotency_age ON classifications.idempotency (at);

-- All that a decision on a debtor under a contract depends on, at an instant; null where there is no such contract. Of
-- the contract's classifications of the debtor those that stand, and that of `wanted`.
-- In PL/pgSQL for its cached plans.
CREATE FUNCTION classifications.situation(contract text, of_country text, of_tax_code text, wanted bigint, instant timestamptz)
RETURNS json LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN (
    SELECT json_build_object(
        'number', c.number, 'holder', c.holder, 'currency', c.currency, 'from', c.valid_from, 'until', c.valid_until,
        'debtorCap', c.debtor_cap::text, 'aggregate', c.aggregate::text, 'termsDays', c.terms_days,
        'commercialRiskCoverPct', c.commercial_risk_cover_pct::text,
        'politicalRiskCoverPct', c.political_risk_cover_pct::text,
        'nextRequestNo', c.next_request_no, 'committed', c.committed::text,
        'subject', coalesce(u.subject::text, c.holder),
        -- Whether its holder is subscribed to anything: an owner is an issuer and a subject.
        'isHeard', EXISTS (SELECT FROM webhooks.subscription s WHERE s.disabled_at IS NULL
                           AND split_part(s.owner, ' ', 2) = coalesce(u.subject::text, c.holder)),
        'debtor', (SELECT json_build_object('name', d.name, 'profile', d.profile, 'otherExposure', d.other_exposure::text)
                   FROM classifications.debtors d
                   WHERE d.country = of_country AND d.tax_code = of_tax_code AND d.profile IS NOT NULL),
        'endorsementNo', (SELECT min(k.endorsement_no) FROM classifications.classifications k
                          WHERE k.contract_no = contract AND k.country = of_country AND k.tax_code = of_tax_code),
        'own', (SELECT coalesce(json_agg(json_build_object('document', k.document, 'decision', k.decision,
                                                           'head', encode(k.head, 'hex')) ORDER BY k.request_no), '[]')
                FROM classifications.classifications k
                WHERE k.contract_no = contract AND k.country = of_country AND k.tax_code = of_tax_code
                  AND (k.status IN ('ACTIVE', 'INACTIVE', 'IN_STUDY', 'PREMIUM_PENDING') OR k.request_no = wanted)),
        'others', (SELECT coalesce(json_agg(k.document), '[]') FROM classifications.classifications k
                   WHERE k.country = of_country AND k.tax_code = of_tax_code AND k.contract_no <> contract
                     AND k.status IN ('ACTIVE', 'PREMIUM_PENDING')),
        -- What `committed` counts on debtors on which time has changed something since it was written.
        'due', (SELECT coalesce(json_agg(k.document), '[]')
                FROM (SELECT DISTINCT o.country, o.tax_code FROM classifications.classifications o
                      WHERE o.contract_no = contract AND o.next_due <= instant
                        AND o.status IN ('ACTIVE', 'PREMIUM_PENDING')
                        AND (o.country, o.tax_code) <> (of_country, of_tax_code)) pair
                CROSS JOIN LATERAL
                     (SELECT i.document FROM classifications.classifications i
                      WHERE i.contract_no = contract AND i.country = pair.country AND i.tax_code = pair.tax_code
                        AND i.status IN ('ACTIVE', 'PREMIUM_PENDING') OFFSET 0) k))
    FROM classifications.contracts c LEFT JOIN identity.users u ON u.username = c.holder
    WHERE c.number = contract);
END $$;

-- The same, of rows that nobody else changes until the end of the transaction.
CREATE FUNCTION classifications.locked(contract text, of_country text, of_tax_code text, wanted bigint, instant timestamptz)
RETURNS json LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('lock_timeout', '10s', true);
    PERFORM FROM classifications.contracts WHERE number = contract FOR NO KEY UPDATE;
    PERFORM FROM classifications.debtors WHERE country = of_country AND tax_code = of_tax_code FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO classifications.debtors (country, tax_code) VALUES (of_country, of_tax_code) ON CONFLICT DO NOTHING;
        PERFORM FROM classifications.debtors WHERE country = of_country AND tax_code = of_tax_code FOR NO KEY UPDATE;
    END IF;
    RETURN classifications.situation(contract, of_country, of_tax_code, wanted, instant);
END $$;
