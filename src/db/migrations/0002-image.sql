-- Images: what the Image API shows, and who stands on the bytes. `seq` is the order of creation; everything refers to `id`.
CREATE TABLE images (
  seq @AUTOID@,
  id VARCHAR(36) NOT NULL,
  name VARCHAR(255),
  status VARCHAR(30) NOT NULL,
  owner VARCHAR(64),
  visibility VARCHAR(16) NOT NULL,
  disk_format VARCHAR(20),
  declared_format VARCHAR(20),
  container_format VARCHAR(20),
  size BIGINT,
  virtual_size BIGINT,
  checksum VARCHAR(32),
  os_hash_algo VARCHAR(64),
  os_hash_value VARCHAR(128),
  min_disk BIGINT NOT NULL,
  min_ram BIGINT NOT NULL,
  protected INTEGER NOT NULL,
  os_hidden INTEGER NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL,
  deleted_at DATETIME,
  deleted INTEGER NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX images_id_idx ON images (id);
CREATE INDEX images_owner_idx ON images (owner, deleted);
CREATE INDEX images_deleted_idx ON images (deleted, seq);
CREATE INDEX images_status_idx ON images (status);

CREATE TABLE image_properties (
  id @AUTOID@,
  image_id VARCHAR(36) NOT NULL,
  name VARCHAR(255) NOT NULL,
  value @TEXT@
) @TABLE@;
CREATE UNIQUE INDEX image_properties_idx ON image_properties (image_id, name);

CREATE TABLE image_tags (
  id @AUTOID@,
  image_id VARCHAR(36) NOT NULL,
  value VARCHAR(255) NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX image_tags_idx ON image_tags (image_id, value);

CREATE TABLE image_members (
  id @AUTOID@,
  image_id VARCHAR(36) NOT NULL,
  member VARCHAR(64) NOT NULL,
  can_share INTEGER NOT NULL,
  status VARCHAR(20) NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
) @TABLE@;
CREATE UNIQUE INDEX image_members_idx ON image_members (image_id, member);
CREATE INDEX image_members_member_idx ON image_members (member);

-- Servers whose disks stand on an image's bytes: these stay until the last use is gone, also when the image is deleted.
CREATE TABLE image_uses (
  image_id VARCHAR(36) NOT NULL,
  user_id VARCHAR(36) NOT NULL,
  PRIMARY KEY (image_id, user_id)
) @TABLE@;
