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

CREATE TABLE roles (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    description @TEXT@ NOT NULL,
    extra @TEXT@ NOT NULL,
    created_at DATETIME NOT NULL
) @TABLE@;

-- target_type is 'project' or 'domain'; the target's row cannot be referenced by one foreign key, so its deletion removes these by hand.
CREATE TABLE role_assignments (
    user_id VARCHAR(64) NOT NULL,
    target_type VARCHAR(16) NOT NULL,
    target_id VARCHAR(64) NOT NULL,
    role_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (user_id, target_type, target_id, role_id),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE
) @TABLE@;
CREATE INDEX role_assignments_target ON role_assignments (target_type, target_id);

-- A revoked token by its audit id; the row may go when the token would have expired.
CREATE TABLE token_revocations (
    audit_id VARCHAR(32) NOT NULL PRIMARY KEY,
    expires_us BIGINT NOT NULL
) @TABLE@;
CREATE INDEX token_revocations_expires ON token_revocations (expires_us);
