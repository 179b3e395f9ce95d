-- Lists and their editions. An edition is stored whole and never changed; equal entries of several editions are one row
-- of `records`.

CREATE TABLE gda.editions (
    id             bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source         text        NOT NULL,
    format         text        NOT NULL,
    -- Of all files, in the order of their names.
    content_sha256 bytea       NOT NULL CHECK (length(content_sha256) = 32),
    -- As the edition writes its date, and the same as an instant.
    date           text,
    published      timestamptz,
    persons        integer     NOT NULL,
    organisations  integer     NOT NULL,
    vessels        integer     NOT NULL,
    aircraft       integer     NOT NULL,
    skipped        integer     NOT NULL,
    -- The edition that it replaced.
    previous       bigint      REFERENCES gda.editions,
    imported_at    timestamptz NOT NULL,
    imported_by    text        NOT NULL
);
CREATE INDEX ON gda.editions (source, id);

CREATE TABLE gda.records (
    source text  NOT NULL,
    hash   bytea NOT NULL CHECK (length(hash) = 32),
    record jsonb NOT NULL,
    PRIMARY KEY (source, hash)
);

CREATE TABLE gda.edition_records (
    edition_id bigint  NOT NULL REFERENCES gda.editions,
    position   integer NOT NULL,
    source     text    NOT NULL,
    hash       bytea   NOT NULL,
    PRIMARY KEY (edition_id, position),
    FOREIGN KEY (source, hash) REFERENCES gda.records
);

-- What an edition changed of the one before it.
CREATE TABLE gda.changes (
    edition_id bigint  NOT NULL REFERENCES gda.editions,
    record_id  text    NOT NULL,
    kind       text    NOT NULL CHECK (kind IN ('ADDED', 'REMOVED', 'AMENDED')),
    fields     text[]  NOT NULL,
    -- Whether a hit on the record that was decided must be looked at again.
    material   boolean NOT NULL,
    PRIMARY KEY (edition_id, record_id)
);

-- The state of each list: what is in force, and how the last attempt to renew it ended.
CREATE TABLE gda.lists (
    source       text PRIMARY KEY,
    in_force     bigint REFERENCES gda.editions,
    attempted_at timestamptz,
    outcome      text CHECK (outcome IN ('IMPORTED', 'UNCHANGED', 'REFUSED', 'UNREACHABLE')),
    -- Why, where it was refused or could not be had.
    reason       text,
    -- `ETag` of each official URL, as the source gave it with the edition in force.
    etags        jsonb NOT NULL DEFAULT '{}'
);
