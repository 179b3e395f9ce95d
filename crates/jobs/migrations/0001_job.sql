CREATE TABLE jobs.job (
    id             uuid        PRIMARY KEY,
    kind           text        NOT NULL,
    payload        jsonb       NOT NULL,
    state          text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    -- The fencing number: every claim raises it, and every write under a lease checks it.
    attempt        integer     NOT NULL DEFAULT 0,
    -- What is counted against max_attempts: errors, panics and lost workers, but neither outages nor releases.
    failures       integer     NOT NULL DEFAULT 0,
    max_attempts   integer     NOT NULL CHECK (max_attempts > 0),
    run_at         timestamptz NOT NULL DEFAULT now(),
    lease_until    timestamptz,
    worker         text,
    progress_done  bigint      NOT NULL DEFAULT 0,
    progress_total bigint      NOT NULL DEFAULT 0,
    last_error     text,
    correlation_id uuid,
    traceparent    text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'running') = (lease_until IS NOT NULL))
);

-- A queued job is due at run_at, a running one when its lease lapses: one claim finds both.
CREATE INDEX job_due ON jobs.job (coalesce(lease_until, run_at)) WHERE state IN ('queued', 'running');

-- What the queue gauges read.
CREATE INDEX job_queued ON jobs.job (kind, run_at) WHERE state = 'queued';
