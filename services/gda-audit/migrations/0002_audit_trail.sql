-- Persons, risk folders, and the audit trail that proves what was done.

-- A source holds persons; a flow says how they are screened. Neither changes once it is made.
CREATE TABLE gda.sources (
    id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name       text        NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL
);

CREATE TABLE gda.flows (
    id            bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          text        NOT NULL UNIQUE,
    source_id     bigint      NOT NULL REFERENCES gda.sources,
    control_types text[]      NOT NULL,
    lists         text[]      NOT NULL,
    -- By control type, where it is not the engine's own.
    thresholds    jsonb       NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text        NOT NULL
);

-- Where a person stands now. What was known of it at each control is in its snapshots.
--
-- No foreign keys on what comes by the million: the code that writes these rows is one file.
CREATE SEQUENCE gda.person_id;
CREATE TABLE gda.persons (
    id                  bigint  PRIMARY KEY,
    source_id           bigint  NOT NULL,
    reference           text    NOT NULL,
    snapshot_id         bigint  NOT NULL,
    -- Of its last control of each type.
    flow_blacklist      bigint,
    flow_pep            bigint,
    -- The last import that brought it.
    import_id           bigint,
    -- In how many imports it was controlled, by the imports' type and by control type.
    stock_blacklist     integer NOT NULL DEFAULT 0,
    stock_pep           integer NOT NULL DEFAULT 0,
    accident_blacklist  integer NOT NULL DEFAULT 0,
    accident_pep        integer NOT NULL DEFAULT 0,
    UNIQUE (source_id, reference)
);

CREATE SEQUENCE gda.snapshot_id;
CREATE TABLE gda.person_snapshots (
    id        bigint PRIMARY KEY,
    person_id bigint NOT NULL,
    -- SHA-256 of the document.
    hash      bytea  NOT NULL,
    -- JSON, to the byte as it was hashed.
    document  text   NOT NULL
);

-- The audit trail. Rows are hashed in segments (a chunk of a batch, or what one call did), and the segments form one
-- chain. `domain/audit.rs` has the rule, `work/ledger.rs` appends.
CREATE SEQUENCE gda.segment_id;
CREATE TABLE gda.segments (
    -- The place in the chain, from 1 without a gap.
    seq    bigint  PRIMARY KEY,
    -- By which rows name it; given before the place is known.
    id     bigint  NOT NULL UNIQUE,
    -- What its rows have in common: JSON, to the byte as it was hashed.
    header text    NOT NULL,
    rows   integer NOT NULL,
    root   bytea   NOT NULL CHECK (length(root) = 32),
    hash   bytea   NOT NULL CHECK (length(hash) = 32)
);

-- The head of the chain, and the lock of whoever appends to it.
CREATE TABLE gda.chain (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint  NOT NULL,
    hash bytea   NOT NULL
);
INSERT INTO gda.chain (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE gda.controls (
    segment_id  bigint   NOT NULL,
    position    integer  NOT NULL,
    person_id   bigint   NOT NULL,
    -- B: BLACKLIST, P: PEP
    type        "char"   NOT NULL,
    snapshot_id bigint   NOT NULL,
    -- The import that had brought the person.
    import_id   bigint,
    -- JSON, to the byte as it was hashed; absent where nothing was found.
    hits        text,
    hash        bytea    NOT NULL,
    PRIMARY KEY (segment_id, position)
);
CREATE UNIQUE INDEX controls_of_person ON gda.controls (person_id, type, segment_id);

-- What happened to a risk folder.
CREATE TABLE gda.events (
    segment_id bigint  NOT NULL,
    position   integer NOT NULL,
    person_id  bigint  NOT NULL,
    type       "char"  NOT NULL,
    kind       text    NOT NULL CHECK (kind IN ('STATUS', 'COMMENT', 'COMMENT_DELETED', 'MANUAL_INFORMATION')),
    -- JSON, to the byte as it was hashed.
    body       text    NOT NULL,
    hash       bytea   NOT NULL,
    PRIMARY KEY (segment_id, position)
);
CREATE INDEX events_of_folder ON gda.events (person_id, type, segment_id, position);

-- Risk folders that ever had a hit, a comment or something added by hand. That of any other controlled person is
-- implied by its controls.
CREATE TABLE gda.folders (
    person_id          bigint      NOT NULL,
    type               "char"      NOT NULL,
    source_id          bigint      NOT NULL,
    state              text        NOT NULL CHECK (state IN ('NO_RISK_FOUND', 'POTENTIAL_RISK', 'MATCH', 'NO_MATCH', 'UNKNOWN')),
    max_score          real        NOT NULL,
    version            bigint      NOT NULL,
    opened_at          timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    manual_information text,
    PRIMARY KEY (person_id, type)
);
CREATE INDEX folders_queue ON gda.folders (updated_at, person_id, type);
CREATE INDEX folders_queue_by_state ON gda.folders (state, updated_at, person_id, type);

CREATE TABLE gda.folder_hits (
    person_id    bigint  NOT NULL,
    type         "char"  NOT NULL,
    list         text    NOT NULL,
    record_id    text    NOT NULL,
    -- Of the record as it was found last.
    record_hash  bytea   NOT NULL,
    score        real    NOT NULL,
    -- POTENTIAL_RISK until it is qualified.
    state        text    NOT NULL CHECK (state IN ('POTENTIAL_RISK', 'MATCH', 'NO_MATCH', 'UNKNOWN')),
    -- Of what tells who the record and the person are, as they were when it was found last.
    record_facts bytea   NOT NULL,
    person_facts bytea   NOT NULL,
    -- Whether the last control found it.
    active       boolean NOT NULL,
    PRIMARY KEY (person_id, type, list, record_id)
);
CREATE INDEX folder_hits_of_record ON gda.folder_hits (list, record_id) WHERE active;

-- Batches of persons. The file is kept in chunks of whole lines until each has been worked on.
CREATE TABLE gda.imports (
    id              bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    type            text        NOT NULL CHECK (type IN ('STOCK', 'ACCIDENT')),
    flow_id         bigint      NOT NULL REFERENCES gda.flows,
    sub_sources     text[]      NOT NULL,
    format          text        NOT NULL CHECK (format IN ('CSV', 'NDJSON')),
    content_sha256  bytea       NOT NULL,
    -- Issuer and subject of the token, and the name that people know.
    caller          text        NOT NULL,
    login           text        NOT NULL,
    idempotency_key text,
    lines           bigint      NOT NULL DEFAULT 0,
    chunks          integer     NOT NULL DEFAULT 0,
    chunks_done     integer     NOT NULL DEFAULT 0,
    accepted        bigint      NOT NULL DEFAULT 0,
    rejected        bigint      NOT NULL DEFAULT 0,
    -- That its persons were screened against.
    editions        bigint[]    NOT NULL DEFAULT '{}',
    failure         text,
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    ended_at        timestamptz,
    UNIQUE (caller, idempotency_key)
);
-- The same file is taken once, unless it failed.
CREATE UNIQUE INDEX imports_by_content ON gda.imports (flow_id, type, content_sha256) WHERE failure IS NULL;

CREATE TABLE gda.import_chunks (
    import_id  bigint  NOT NULL REFERENCES gda.imports,
    number     integer NOT NULL,
    first_line bigint  NOT NULL,
    -- Of a CSV, the header's line comes first in each.
    content    bytea   NOT NULL,
    -- Lines whose reference an earlier line of the file has.
    duplicates bigint[] NOT NULL,
    PRIMARY KEY (import_id, number)
);
-- It is soon deleted: not worth compressing.
ALTER TABLE gda.import_chunks ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE gda.rejected_lines (
    import_id bigint NOT NULL REFERENCES gda.imports,
    line      bigint NOT NULL,
    field     text,
    reason    text   NOT NULL,
    PRIMARY KEY (import_id, line)
);

-- Who is screened again because of an edition, in chunks of persons.
CREATE TABLE gda.rescreenings (
    edition_id  bigint      NOT NULL REFERENCES gda.editions,
    flow_id     bigint      NOT NULL REFERENCES gda.flows,
    chunks      integer     NOT NULL,
    chunks_done integer     NOT NULL DEFAULT 0,
    -- Who was controlled; the others had been by this edition or a newer one already.
    persons     bigint      NOT NULL DEFAULT 0,
    failure     text,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (edition_id, flow_id)
);
