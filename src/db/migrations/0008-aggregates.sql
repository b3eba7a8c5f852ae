-- Named groups of hosts.
CREATE TABLE aggregates (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  uuid VARCHAR(36) NOT NULL,
  name VARCHAR(255) NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX aggregates_name_idx ON aggregates (name);

CREATE TABLE aggregate_hosts (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  host VARCHAR(255) NOT NULL,
  aggregate_id BIGINT NOT NULL REFERENCES aggregates (id)
) @TABLE@;
CREATE UNIQUE INDEX aggregate_hosts_host_idx ON aggregate_hosts (aggregate_id, host);

CREATE TABLE aggregate_metadata (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  aggregate_id BIGINT NOT NULL REFERENCES aggregates (id),
  "key" VARCHAR(255) NOT NULL,
  "value" VARCHAR(255) NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX aggregate_metadata_key_idx ON aggregate_metadata (aggregate_id, "key");
