-- Networks, subnets, ports with their addresses, security groups, quotas. Lists of plain values that are never searched stand in
-- text columns, one entry a line, the parts of an entry separated by a space.
CREATE TABLE networks (
  project_id VARCHAR(64) NOT NULL,
  name VARCHAR(255) NOT NULL,
  description VARCHAR(255) NOT NULL,
  status VARCHAR(16) NOT NULL,
  admin_state_up INTEGER NOT NULL,
  shared INTEGER NOT NULL,
  external INTEGER NOT NULL,
  mtu INTEGER NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  revision_number INTEGER NOT NULL,
  id VARCHAR(36) NOT NULL PRIMARY KEY
) @TABLE@;
CREATE INDEX networks_project_idx ON networks (project_id);

CREATE TABLE subnets (
  project_id VARCHAR(64) NOT NULL,
  network_id VARCHAR(36) NOT NULL,
  name VARCHAR(255) NOT NULL,
  description VARCHAR(255) NOT NULL,
  ip_version INTEGER NOT NULL,
  cidr VARCHAR(64) NOT NULL,
  gateway_ip VARCHAR(64),
  enable_dhcp INTEGER NOT NULL,
  ipv6_ra_mode VARCHAR(16),
  ipv6_address_mode VARCHAR(16),
  allocation_pools @TEXT@,
  dns_nameservers @TEXT@,
  host_routes @TEXT@,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  revision_number INTEGER NOT NULL,
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  FOREIGN KEY (network_id) REFERENCES networks (id)
) @TABLE@;
CREATE INDEX subnets_network_idx ON subnets (network_id);
CREATE INDEX subnets_project_idx ON subnets (project_id);

-- position: the order of a server's interfaces; made_for_server: goes with the server that it was made for.
CREATE TABLE ports (
  project_id VARCHAR(64) NOT NULL,
  network_id VARCHAR(36) NOT NULL,
  name VARCHAR(255) NOT NULL,
  description VARCHAR(255) NOT NULL,
  mac_address VARCHAR(32) NOT NULL,
  admin_state_up INTEGER NOT NULL,
  status VARCHAR(16) NOT NULL,
  device_id VARCHAR(255) NOT NULL,
  device_owner VARCHAR(255) NOT NULL,
  host VARCHAR(255) NOT NULL,
  vnic_type VARCHAR(64) NOT NULL,
  profile @TEXT@,
  position INTEGER NOT NULL,
  made_for_server INTEGER NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  revision_number INTEGER NOT NULL,
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  FOREIGN KEY (network_id) REFERENCES networks (id)
) @TABLE@;
CREATE UNIQUE INDEX ports_mac_idx ON ports (network_id, mac_address);
CREATE INDEX ports_project_idx ON ports (project_id);
CREATE INDEX ports_device_idx ON ports (device_id);

-- The primary key is what makes allocation safe among parallel transactions.
CREATE TABLE ipallocations (
  subnet_id VARCHAR(36) NOT NULL,
  ip_address VARCHAR(64) NOT NULL,
  port_id VARCHAR(36) NOT NULL,
  network_id VARCHAR(36) NOT NULL,
  PRIMARY KEY (subnet_id, ip_address),
  FOREIGN KEY (subnet_id) REFERENCES subnets (id),
  FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX ipallocations_port_idx ON ipallocations (port_id);
CREATE INDEX ipallocations_network_idx ON ipallocations (network_id);

CREATE TABLE securitygroups (
  project_id VARCHAR(64) NOT NULL,
  name VARCHAR(255) NOT NULL,
  description VARCHAR(255) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  revision_number INTEGER NOT NULL,
  id VARCHAR(36) NOT NULL PRIMARY KEY
) @TABLE@;
CREATE INDEX securitygroups_project_idx ON securitygroups (project_id);

CREATE TABLE default_security_group (
  project_id VARCHAR(64) NOT NULL PRIMARY KEY,
  security_group_id VARCHAR(36) NOT NULL,
  FOREIGN KEY (security_group_id) REFERENCES securitygroups (id) ON DELETE CASCADE
) @TABLE@;

CREATE TABLE securitygrouprules (
  project_id VARCHAR(64) NOT NULL,
  security_group_id VARCHAR(36) NOT NULL,
  description VARCHAR(255) NOT NULL,
  direction VARCHAR(16) NOT NULL,
  ethertype VARCHAR(16) NOT NULL,
  protocol VARCHAR(40),
  port_range_min INTEGER,
  port_range_max INTEGER,
  remote_ip_prefix VARCHAR(64),
  remote_group_id VARCHAR(36),
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  revision_number INTEGER NOT NULL,
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  FOREIGN KEY (security_group_id) REFERENCES securitygroups (id) ON DELETE CASCADE,
  FOREIGN KEY (remote_group_id) REFERENCES securitygroups (id) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX securitygrouprules_group_idx ON securitygrouprules (security_group_id);
CREATE INDEX securitygrouprules_project_idx ON securitygrouprules (project_id);

CREATE TABLE securitygroupportbindings (
  port_id VARCHAR(36) NOT NULL,
  security_group_id VARCHAR(36) NOT NULL,
  PRIMARY KEY (port_id, security_group_id),
  FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
  FOREIGN KEY (security_group_id) REFERENCES securitygroups (id)
) @TABLE@;
CREATE INDEX securitygroupportbindings_group_idx ON securitygroupportbindings (security_group_id);

CREATE TABLE network_quotas (
  project_id VARCHAR(64) NOT NULL,
  resource VARCHAR(64) NOT NULL,
  quota_limit INTEGER NOT NULL,
  PRIMARY KEY (project_id, resource)
) @TABLE@;

CREATE TABLE network_tags (
  object_id VARCHAR(36) NOT NULL,
  tag VARCHAR(60) NOT NULL,
  PRIMARY KEY (object_id, tag)
) @TABLE@;

-- One row that writers of all these tables take first on MariaDB: transactions are serializable there, so two that read the same
-- tables before they write would stop each other.
CREATE TABLE network_lock (
  id INTEGER NOT NULL PRIMARY KEY
) @TABLE@;
INSERT INTO network_lock (id) VALUES (1);
