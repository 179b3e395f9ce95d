CREATE TABLE identity.users (
    -- What the wire shows; tokens name the subject.
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject       uuid        NOT NULL UNIQUE,
    username      text        NOT NULL UNIQUE,
    password_hash text        NOT NULL,
    roles         text[]      NOT NULL,
    scopes        text[]      NOT NULL,
    -- The services that its tokens may be for, whatever the client's are.
    audiences     text[]      NOT NULL,
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz
);

CREATE TABLE identity.clients (
    client_id     text        PRIMARY KEY,
    name          text        NOT NULL,
    -- None: a public client (RFC 6749 §2.1).
    secret_hash   text,
    grants        text[]      NOT NULL CHECK (grants <@ ARRAY['password', 'client_credentials']),
    scopes        text[]      NOT NULL,
    audiences     text[]      NOT NULL,
    roles         text[]      NOT NULL,
    redirect_uris text[]      NOT NULL,
    -- The user who registered it; none where an administrator created it.
    owner_id      bigint      REFERENCES identity.users,
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz,
    CHECK (secret_hash IS NOT NULL OR NOT 'client_credentials' = ANY (grants))
);
CREATE INDEX clients_owner ON identity.clients (owner_id) WHERE owner_id IS NOT NULL;

-- A grant is a family of refresh tokens and the access tokens that were issued with them (claim `sid`).
CREATE TABLE identity.grants (
    id         uuid        PRIMARY KEY,
    user_id    bigint      NOT NULL REFERENCES identity.users,
    -- None: the service's own sign-in, without a client.
    client_id  text        REFERENCES identity.clients,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL,
    -- When the last of its refresh and access tokens has expired.
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX grants_user ON identity.grants (user_id) WHERE revoked_at IS NULL;
CREATE INDEX grants_expiry ON identity.grants (expires_at);

CREATE TABLE identity.refresh_tokens (
    digest     bytea       PRIMARY KEY,
    grant_id   uuid        NOT NULL REFERENCES identity.grants ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    -- Kept after its use: a second use gives a thief away.
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_grant ON identity.refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON identity.refresh_tokens (expires_at);

CREATE TABLE identity.revocations (
    kind         text        NOT NULL CHECK (kind IN ('token', 'grant', 'client')),
    value        text        NOT NULL,
    -- Of a client: its tokens issued up to then are revoked.
    issued_until timestamptz NOT NULL,
    -- When the last token concerned has expired by itself.
    expires_at   timestamptz NOT NULL,
    -- Replicas read what was written since the oldest transaction that was open at their last look.
    transaction  bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    PRIMARY KEY (kind, value)
);
CREATE INDEX revocations_transaction ON identity.revocations (transaction);

CREATE TABLE identity.signing_keys (
    kid         text        PRIMARY KEY,
    -- Ed25519, 32 bytes.
    public_key  bytea       NOT NULL,
    -- PKCS #8 under AES-256-GCM: nonce, ciphertext, tag; the kid is the associated data.
    private_key bytea       NOT NULL,
    active_from timestamptz NOT NULL UNIQUE
);

-- Failed sign-ins, under keyed digests: the table names nobody.
CREATE TABLE identity.attempts (
    key           bytea       PRIMARY KEY,
    failures      integer     NOT NULL,
    -- When the count began.
    began_at      timestamptz NOT NULL,
    blocked_until timestamptz
);
CREATE INDEX attempts_age ON identity.attempts (began_at);

CREATE TABLE identity.sessions (
    digest     bytea       PRIMARY KEY,
    user_id    bigint      NOT NULL REFERENCES identity.users,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON identity.sessions (user_id);
CREATE INDEX sessions_expiry ON identity.sessions (expires_at);
