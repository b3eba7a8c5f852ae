-- Servers. Names, meanings and time formats of columns are Nova's where the same thing is meant; instance_extra holds ours.
CREATE TABLE instances (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  user_id VARCHAR(64),
  project_id VARCHAR(64),
  image_ref VARCHAR(36),
  hostname VARCHAR(255),
  launch_index INTEGER NOT NULL DEFAULT 0,
  key_name VARCHAR(255),
  key_data @TEXT@,
  power_state INTEGER NOT NULL DEFAULT 0,
  vm_state VARCHAR(32) NOT NULL,
  task_state VARCHAR(64),
  memory_mb INTEGER NOT NULL,
  vcpus INTEGER NOT NULL,
  root_gb INTEGER NOT NULL,
  ephemeral_gb INTEGER NOT NULL,
  host VARCHAR(255),
  node VARCHAR(255),
  launched_on VARCHAR(255),
  instance_type_id BIGINT NOT NULL,
  user_data @TEXT@,
  reservation_id VARCHAR(64),
  launched_at DATETIME,
  terminated_at DATETIME,
  display_name VARCHAR(255),
  display_description VARCHAR(255),
  availability_zone VARCHAR(255),
  os_type VARCHAR(255),
  architecture VARCHAR(255),
  uuid VARCHAR(36) NOT NULL,
  root_device_name VARCHAR(255),
  config_drive VARCHAR(255),
  access_ip_v4 VARCHAR(39),
  access_ip_v6 VARCHAR(39),
  auto_disk_config INTEGER NOT NULL DEFAULT 0,
  progress INTEGER NOT NULL DEFAULT 0,
  locked INTEGER NOT NULL DEFAULT 0,
  locked_by VARCHAR(16),
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE UNIQUE INDEX instances_uuid_idx ON instances (uuid);
CREATE INDEX instances_project_idx ON instances (project_id, deleted, id);
CREATE INDEX instances_deleted_idx ON instances (deleted, id);
CREATE INDEX instances_host_idx ON instances (host, deleted);
CREATE INDEX instances_reservation_idx ON instances (reservation_id);

-- One row a server: the flavor as it was, and what the guest rules decided.
CREATE TABLE instance_extra (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  deleted BIGINT NOT NULL DEFAULT 0,
  id @AUTOID@,
  instance_uuid VARCHAR(36) NOT NULL,
  flavorid VARCHAR(255) NOT NULL,
  flavor_name VARCHAR(255) NOT NULL,
  swap_mb INTEGER NOT NULL DEFAULT 0,
  extra_specs @TEXT@ NOT NULL,
  key_type VARCHAR(16),
  admin_pass VARCHAR(255),
  profile VARCHAR(64),
  format INTEGER NOT NULL DEFAULT 1,
  identity @TEXT@,
  xml @TEXT@,
  "plan" @TEXT@,
  rtc_offset_s BIGINT
) @TABLE@;
CREATE UNIQUE INDEX instance_extra_uuid_idx ON instance_extra (instance_uuid);

CREATE TABLE instance_metadata (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  "key" VARCHAR(255),
  "value" @TEXT@,
  instance_uuid VARCHAR(36),
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE INDEX instance_metadata_uuid_idx ON instance_metadata (instance_uuid, deleted);

-- Operators insert into this table by position: the order of its columns is part of the interface.
CREATE TABLE instance_system_metadata (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  instance_uuid VARCHAR(36) NOT NULL,
  "key" VARCHAR(255) NOT NULL,
  "value" @TEXT@,
  deleted BIGINT DEFAULT 0
) @TABLE@;
CREATE INDEX instance_system_metadata_uuid_idx ON instance_system_metadata (instance_uuid, deleted);

CREATE TABLE instance_faults (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  instance_uuid VARCHAR(36),
  code INTEGER NOT NULL,
  message VARCHAR(1024),
  details @TEXT@,
  host VARCHAR(255),
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE INDEX instance_faults_uuid_idx ON instance_faults (instance_uuid, deleted, id);

CREATE TABLE instance_actions (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  "action" VARCHAR(255),
  instance_uuid VARCHAR(36),
  request_id VARCHAR(255),
  user_id VARCHAR(255),
  project_id VARCHAR(255),
  start_time DATETIME,
  finish_time DATETIME,
  message VARCHAR(1024),
  deleted BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE INDEX instance_actions_uuid_idx ON instance_actions (instance_uuid, id);
CREATE INDEX instance_actions_request_idx ON instance_actions (request_id);

CREATE TABLE instance_actions_events (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  event VARCHAR(255),
  action_id BIGINT,
  start_time DATETIME,
  finish_time DATETIME,
  result VARCHAR(255),
  traceback @TEXT@,
  deleted BIGINT NOT NULL DEFAULT 0,
  host VARCHAR(255),
  details @TEXT@
) @TABLE@;
CREATE INDEX instance_actions_events_action_idx ON instance_actions_events (action_id);

CREATE TABLE block_device_mapping (
  created_at DATETIME,
  updated_at DATETIME,
  deleted_at DATETIME,
  id @AUTOID@,
  device_name VARCHAR(255),
  delete_on_termination INTEGER,
  volume_id VARCHAR(36),
  volume_size INTEGER,
  instance_uuid VARCHAR(36),
  deleted BIGINT NOT NULL DEFAULT 0,
  source_type VARCHAR(255),
  destination_type VARCHAR(255),
  guest_format VARCHAR(255),
  device_type VARCHAR(255),
  disk_bus VARCHAR(255),
  boot_index INTEGER,
  image_id VARCHAR(36)
) @TABLE@;
CREATE INDEX block_device_mapping_uuid_idx ON block_device_mapping (instance_uuid, deleted);

-- Which boot of a host was seen last, to know that servers there ended with it and not by themselves.
CREATE TABLE host_boots (
  host VARCHAR(255) NOT NULL PRIMARY KEY,
  boot_id VARCHAR(64) NOT NULL
) @TABLE@;
