-- By which ended jobs are purged.
CREATE INDEX job_ended ON jobs.job (state, updated_at) WHERE state IN ('done', 'failed');
