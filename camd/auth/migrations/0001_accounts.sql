-- Users, roles, tokens, sessions. Times are Unix milliseconds. Permissions are JSON lists of ordinals
-- (camd/state/permission.py), cameras are JSON lists of ids; NULL stands for all of them.

CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role            TEXT NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    permissions     TEXT NOT NULL DEFAULT '[]',     -- beyond those of the role
    cameras         TEXT,
    password        TEXT NOT NULL,                  -- argon2id, in its usual text form
    device_password BLOB,                           -- encrypted with secret.key
    created         INTEGER NOT NULL,
    last_login      INTEGER
) STRICT;

CREATE TABLE old_passwords (
    user_id  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password TEXT NOT NULL,
    replaced INTEGER NOT NULL
) STRICT;
CREATE INDEX old_passwords_of ON old_passwords (user_id, replaced);

-- Roles beside the product's, and "guest" once it may do something.
CREATE TABLE roles (
    name        TEXT PRIMARY KEY,
    permissions TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id           TEXT PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,              -- SHA-256 of the secret
    permissions  TEXT,                              -- NULL: those of the user
    cameras      TEXT,
    created      INTEGER NOT NULL,
    expires      INTEGER,                           -- NULL: never
    last_used    INTEGER,
    last_address TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX tokens_of ON tokens (user_id);

CREATE TABLE sessions (
    id      TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL UNIQUE,                   -- SHA-256 of the secret
    created INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of ON sessions (user_id, used);

CREATE TABLE setup_code (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    code    BLOB NOT NULL,                          -- encrypted with secret.key
    created INTEGER NOT NULL,
    wrong   INTEGER NOT NULL DEFAULT 0              -- tries
) STRICT;
