-- What is known of the clock in each guest: the latest word, and what it was before.
CREATE TABLE instance_clock_skews (
  instance_uuid VARCHAR(36) NOT NULL PRIMARY KEY,
  method VARCHAR(16) NOT NULL,
  why VARCHAR(32),
  verdict VARCHAR(16) NOT NULL,
  measured_us BIGINT NOT NULL,
  since_us BIGINT NOT NULL,
  skew_ms BIGINT,
  error_ms BIGINT,
  noted_ms BIGINT,
  zone VARCHAR(255),
  zone_offset_s BIGINT,
  os_id VARCHAR(255),
  os_name VARCHAR(255),
  os_asked_us BIGINT NOT NULL DEFAULT 0
) @TABLE@;
CREATE INDEX instance_clock_skews_verdict_idx ON instance_clock_skews (verdict);

CREATE TABLE instance_clock_skew_history (
  id @AUTOID@,
  instance_uuid VARCHAR(36) NOT NULL,
  method VARCHAR(16) NOT NULL,
  why VARCHAR(32),
  verdict VARCHAR(16) NOT NULL,
  measured_us BIGINT NOT NULL,
  skew_ms BIGINT,
  error_ms BIGINT
) @TABLE@;
CREATE INDEX instance_clock_skew_history_idx ON instance_clock_skew_history (instance_uuid, id);
