-- Durable operations: one row a job, kept for a while after its end.
CREATE TABLE jobs (
  id @AUTOID@,
  kind VARCHAR(64) NOT NULL,
  object_uuid VARCHAR(36) NOT NULL,
  state VARCHAR(16) NOT NULL,
  step INTEGER NOT NULL,
  payload @TEXT@,
  payload_version INTEGER NOT NULL,
  owner VARCHAR(255),
  lease_until BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  run_after BIGINT NOT NULL,
  result TEXT,
  request_id VARCHAR(64),
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  finished_at DATETIME
) @TABLE@;

-- Looking for work reads unfinished jobs in order; whether an object is busy is the second question.
CREATE INDEX jobs_state_idx ON jobs (state, id);
CREATE INDEX jobs_object_idx ON jobs (object_uuid, state);
