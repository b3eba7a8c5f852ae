-- Host CPUs and large pages that belong to one server.
CREATE TABLE instance_placements (
  instance_uuid VARCHAR(36) NOT NULL PRIMARY KEY,
  host VARCHAR(255) NOT NULL,
  cpus @TEXT@,
  pages @TEXT@
) @TABLE@;
CREATE INDEX instance_placements_host_idx ON instance_placements (host);
