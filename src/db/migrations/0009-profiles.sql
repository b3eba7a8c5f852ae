-- What a server was before somebody changed its profile on purpose, newest last: an undo takes the last one back.
CREATE TABLE instance_profiles (
  id @AUTOID@,
  created_at DATETIME NOT NULL,
  instance_uuid VARCHAR(36) NOT NULL,
  user_id VARCHAR(64),
  profile VARCHAR(64) NOT NULL,
  identity @TEXT@,
  new_profile VARCHAR(64) NOT NULL,
  hardware INTEGER NOT NULL DEFAULT 0
) @TABLE@;
CREATE INDEX instance_profiles_uuid_idx ON instance_profiles (instance_uuid, id);
