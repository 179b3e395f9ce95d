CREATE TABLE webhooks.subscription (
    id          uuid        PRIMARY KEY,
    -- Issuer and subject of whoever registered it.
    owner       text        NOT NULL,
    url         text        NOT NULL,
    events      text[]      NOT NULL CHECK (cardinality(events) > 0),
    -- Sealed for the subscription's id under webhooks.key_secret.
    secret      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    -- When its receiver said that it is gone for good.
    disabled_at timestamptz
);
-- A registration that is repeated must not double what is sent.
CREATE UNIQUE INDEX ON webhooks.subscription (owner, url) WHERE disabled_at IS NULL;
CREATE INDEX ON webhooks.subscription (owner, id);

CREATE TABLE webhooks.message (
    -- The header webhook-id of all its deliveries.
    id         uuid        PRIMARY KEY,
    event      text        NOT NULL,
    -- What is sent and signed, byte for byte.
    body       text        NOT NULL,
    created_at timestamptz NOT NULL
);
-- By which old messages are purged.
CREATE INDEX ON webhooks.message (created_at);

CREATE TABLE webhooks.delivery (
    message      uuid        NOT NULL REFERENCES webhooks.message ON DELETE CASCADE,
    subscription uuid        NOT NULL REFERENCES webhooks.subscription ON DELETE CASCADE,
    -- The order of publication.
    number       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    -- Of one key, the next message waits until the one before it is delivered or given up.
    key          text        NOT NULL,
    state        text        NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED')),
    -- The fencing number: every claim raises it, and whoever records an outcome must name it.
    attempts     integer     NOT NULL DEFAULT 0,
    -- Failures since it was published or last asked for again: its place in the schedule.
    failures     integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    -- While a replica sends it.
    lease_until  timestamptz CHECK (lease_until IS NULL OR state = 'PENDING'),
    last_status  smallint,
    last_error   text,
    delivered_at timestamptz CHECK ((delivered_at IS NOT NULL) = (state = 'DELIVERED')),
    PRIMARY KEY (message, subscription),
    UNIQUE (subscription, number)
);
CREATE INDEX delivery_due ON webhooks.delivery (subscription, due_at, number) WHERE state = 'PENDING';
CREATE INDEX delivery_key ON webhooks.delivery (subscription, key, number) WHERE state = 'PENDING';
CREATE INDEX delivery_leased ON webhooks.delivery (subscription) WHERE lease_until IS NOT NULL;
