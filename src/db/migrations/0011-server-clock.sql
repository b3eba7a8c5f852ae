-- The hardware clock of each server: what its guest wrote into it, and what its domain was started with. Seconds are RTC minus UTC.
CREATE TABLE server_clocks (
  instance_uuid VARCHAR(36) NOT NULL PRIMARY KEY,
  offset_s BIGINT,
  since_us BIGINT,
  written_us BIGINT,
  source VARCHAR(16),
  base VARCHAR(16),
  base_zone VARCHAR(64),
  base_offset_s BIGINT,
  started_us BIGINT
) @TABLE@;

-- What guests wrote, newest 64 a server.
CREATE TABLE server_clock_changes (
  id @AUTOID@,
  instance_uuid VARCHAR(36) NOT NULL,
  at_us BIGINT NOT NULL,
  before_s BIGINT,
  offset_s BIGINT NOT NULL
) @TABLE@;
CREATE INDEX server_clock_changes_uuid_idx ON server_clock_changes (instance_uuid, id);

-- Its place is server_clocks now; nothing ever stood in it.
ALTER TABLE instance_extra DROP COLUMN rtc_offset_s;
