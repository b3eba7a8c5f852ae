-- Domains, projects, users, roles and who has which; tokens are not stored, only those that were revoked.
CREATE TABLE domains (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    description @TEXT@ NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL
) @TABLE@;

CREATE TABLE projects (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    parent_id VARCHAR(64),
    name VARCHAR(255) NOT NULL,
    description @TEXT@ NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    extra @TEXT@ NOT NULL,
    -- Tokens issued before this moment (microseconds) are not valid any more.
    tokens_valid_after_us BIGINT NOT NULL DEFAULT 0,
    created_at DATETIME NOT NULL,
    UNIQUE (domain_id, name),
    FOREIGN KEY (domain_id) REFERENCES domains (id)
) @TABLE@;

CREATE TABLE project_tags (
    project_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    PRIMARY KEY (project_id, name),
    FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE
) @TABLE@;

CREATE TABLE users (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    -- crypto_pwhash_str() of libsodium: algorithm, limits, salt and hash in one text; NULL: no password, no login by one.
    password_hash VARCHAR(128),
    default_project_id VARCHAR(64),
    enabled INTEGER NOT NULL DEFAULT 1,
    extra @TEXT@ NOT NULL,
    tokens_valid_after_us BIGINT NOT NULL DEFAULT 0,
    created_at DATETIME NOT NULL,
    UNIQUE (domain_id, name),
    FOREIGN KEY (domain_id) REFERENCES domains (id)
) @TABLE@;

CREATE TABLE user_groups (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    domain_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description @TEXT@ NOT NULL,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL,
    UNIQUE (domain_id, name),
    FOREIGN KEY (domain_id) REFERENCES domains (id)
) @TABLE@;

CREATE TABLE group_members (
    group_id VARCHAR(64) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (group_id) REFERENCES user_groups (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX group_members_user ON group_members (user_id);

-- domain_id is '' for a role of the whole cloud: NULL would not count for UNIQUE.
CREATE TABLE roles (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    domain_id VARCHAR(64) NOT NULL DEFAULT '',
    description @TEXT@,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL,
    UNIQUE (name, domain_id)
) @TABLE@;

-- Who has the first role has the second one too.
CREATE TABLE implied_roles (
    prior_role_id VARCHAR(64) NOT NULL,
    implied_role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (prior_role_id, implied_role_id),
    FOREIGN KEY (prior_role_id) REFERENCES roles (id) ON DELETE CASCADE,
    FOREIGN KEY (implied_role_id) REFERENCES roles (id) ON DELETE CASCADE
) @TABLE@;

-- actor_type is 'user' or 'group', target_type 'project', 'domain' or 'system' (whose id is 'all'). One foreign key cannot reference
-- either of two tables, so deleting an actor or a target removes these rows by hand. inherited: not there but in all projects below.
CREATE TABLE role_assignments (
    actor_type VARCHAR(16) NOT NULL,
    actor_id VARCHAR(64) NOT NULL,
    target_type VARCHAR(16) NOT NULL,
    target_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    inherited INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (actor_id, actor_type, target_id, target_type, role_id, inherited),
    FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX role_assignments_target ON role_assignments (target_id, target_type);

CREATE TABLE application_credentials (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id VARCHAR(64) NOT NULL,
    project_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description @TEXT@,
    secret_hash VARCHAR(128) NOT NULL,
    unrestricted INTEGER NOT NULL DEFAULT 0,
    -- 0: never
    expires_us BIGINT NOT NULL DEFAULT 0,
    created_at DATETIME NOT NULL,
    UNIQUE (user_id, name),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE
) @TABLE@;

CREATE TABLE application_credential_roles (
    credential_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (credential_id, role_id),
    FOREIGN KEY (credential_id) REFERENCES application_credentials (id) ON DELETE CASCADE,
    FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE
) @TABLE@;

-- What operators add to the catalog; our own services are not stored.
CREATE TABLE catalog_regions (
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    parent_region_id VARCHAR(255),
    description @TEXT@ NOT NULL,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL
) @TABLE@;

CREATE TABLE catalog_services (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    type VARCHAR(255) NOT NULL,
    name VARCHAR(255),
    description @TEXT@,
    enabled INTEGER NOT NULL DEFAULT 1,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL
) @TABLE@;

-- service_id may name one of our own services, so there is no foreign key.
CREATE TABLE catalog_endpoints (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    service_id VARCHAR(64) NOT NULL,
    interface VARCHAR(16) NOT NULL,
    region_id VARCHAR(255),
    url @TEXT@ NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL
) @TABLE@;
CREATE INDEX catalog_endpoints_service ON catalog_endpoints (service_id);

-- A revoked token by its audit id; the row may go when the token would have expired.
CREATE TABLE token_revocations (
    audit_id VARCHAR(32) NOT NULL PRIMARY KEY,
    expires_us BIGINT NOT NULL
) @TABLE@;
CREATE INDEX token_revocations_expires ON token_revocations (expires_us);
