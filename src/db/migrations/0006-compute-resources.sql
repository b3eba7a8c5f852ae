-- What servers are made of and counted against: flavors, key pairs, quotas, the hosts' service records.
CREATE TABLE flavors (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  name VARCHAR(255) NOT NULL,
  memory_mb INTEGER NOT NULL,
  vcpus INTEGER NOT NULL,
  swap INTEGER NOT NULL,
  flavorid VARCHAR(255) NOT NULL,
  rxtx_factor DOUBLE NOT NULL DEFAULT 1,
  root_gb INTEGER NOT NULL,
  ephemeral_gb INTEGER NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  is_public INTEGER NOT NULL DEFAULT 1,
  description VARCHAR(255),
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE UNIQUE INDEX flavors_flavorid_idx ON flavors (flavorid, deleted);
CREATE UNIQUE INDEX flavors_name_idx ON flavors (name, deleted);

CREATE TABLE flavor_extra_specs (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  flavor_id BIGINT NOT NULL REFERENCES flavors (id),
  "key" VARCHAR(255) NOT NULL,
  "value" VARCHAR(255)
) @TABLE@;
CREATE UNIQUE INDEX flavor_extra_specs_key_idx ON flavor_extra_specs (flavor_id, "key");

CREATE TABLE flavor_projects (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  flavor_id BIGINT NOT NULL REFERENCES flavors (id),
  project_id VARCHAR(255) NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX flavor_projects_project_idx ON flavor_projects (flavor_id, project_id);

CREATE TABLE key_pairs (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  name VARCHAR(255) NOT NULL,
  user_id VARCHAR(255) NOT NULL,
  fingerprint VARCHAR(255),
  public_key @TEXT@,
  type VARCHAR(16) NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX key_pairs_name_idx ON key_pairs (user_id, name);

CREATE TABLE quotas (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  project_id VARCHAR(255) NOT NULL,
  resource VARCHAR(64) NOT NULL,
  hard_limit BIGINT NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX quotas_resource_idx ON quotas (project_id, resource);

CREATE TABLE quota_classes (
  created_at DATETIME,
  updated_at DATETIME,
  id @AUTOID@,
  class_name VARCHAR(255) NOT NULL,
  resource VARCHAR(64) NOT NULL,
  hard_limit BIGINT NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX quota_classes_resource_idx ON quota_classes (class_name, resource);

-- One row a host; its id is the hypervisor's too.
CREATE TABLE services (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  host VARCHAR(255) NOT NULL,
  "binary" VARCHAR(255) NOT NULL,
  topic VARCHAR(255),
  disabled INTEGER NOT NULL DEFAULT 0,
  disabled_reason VARCHAR(255),
  forced_down INTEGER NOT NULL DEFAULT 0,
  last_seen_up DATETIME,
  uuid VARCHAR(36) NOT NULL,
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE UNIQUE INDEX services_host_idx ON services (host, "binary", deleted);
