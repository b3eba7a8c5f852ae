-- What was found in the disks of images (src/inspect): one row an image, the newest inspection.
CREATE TABLE image_inspections (
  image_id VARCHAR(36) NOT NULL PRIMARY KEY,
  -- waiting, done, failed
  state VARCHAR(16) NOT NULL,
  requested_at DATETIME,
  finished_at DATETIME,
  -- JSON: the facts with their evidence; the properties that were filled in from them
  found @TEXT@,
  filled @TEXT@,
  -- why it failed
  message VARCHAR(1024)
) @TABLE@;
