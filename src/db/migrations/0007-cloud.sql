-- What all controllers of one cloud share.
CREATE TABLE cloud_settings (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    created_at VARCHAR(19) NOT NULL
) @TABLE@;
