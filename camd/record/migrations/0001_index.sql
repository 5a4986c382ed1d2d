-- What is recorded. Times are Unix milliseconds, durations milliseconds, sizes bytes.

CREATE TABLE categories (
    id         INTEGER PRIMARY KEY,               -- chosen by the user
    name       TEXT NOT NULL UNIQUE,
    color      TEXT NOT NULL DEFAULT '#808080',
    created_at INTEGER NOT NULL
) STRICT;

-- A tag belongs to the records whose time it lies in.
CREATE TABLE tags (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    category_id INTEGER REFERENCES categories (id),
    camera      TEXT,                             -- NULL: of all cameras
    timestamp   INTEGER NOT NULL,
    title       TEXT NOT NULL DEFAULT '',
    note        TEXT NOT NULL DEFAULT '',
    created_by  TEXT NOT NULL DEFAULT '',
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;
CREATE INDEX tags_by_time ON tags (timestamp);
CREATE INDEX tags_by_category ON tags (category_id);

CREATE TABLE records (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    filename        TEXT NOT NULL UNIQUE,         -- below the place where recordings are kept
    camera          TEXT NOT NULL,
    kind            TEXT NOT NULL,                -- continuous, schedule, event, manual, timelapse, snapshot
    media_type      TEXT NOT NULL,                -- video, timelapse, image
    encoding        TEXT NOT NULL,                -- mp4, jpg
    codec           TEXT NOT NULL DEFAULT '',
    timestamp_start INTEGER NOT NULL,
    timestamp_end   INTEGER NOT NULL,
    duration        INTEGER NOT NULL DEFAULT 0,
    size            INTEGER NOT NULL DEFAULT 0,   -- while it grows: the end of what is known to be whole
    resolution      TEXT NOT NULL DEFAULT '',
    fps             REAL NOT NULL DEFAULT 0,
    state           TEXT NOT NULL CHECK (state IN ('recording', 'ready', 'defect', 'removing')),
    reason          TEXT NOT NULL DEFAULT '',     -- why it is defect, or was cut
    sha256          BLOB,
    tag_markers     INTEGER NOT NULL DEFAULT 0,
    unsynchronised  INTEGER NOT NULL DEFAULT 0 CHECK (unsynchronised IN (0, 1))
) STRICT;
CREATE INDEX records_by_time ON records (timestamp_start, timestamp_end);
CREATE INDEX records_of_camera ON records (camera, timestamp_start, size, tag_markers, state);
CREATE INDEX records_by_state ON records (state);

-- Times in which something should have been recorded and was not.
CREATE TABLE gaps (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    camera          TEXT NOT NULL,
    timestamp_start INTEGER NOT NULL,
    timestamp_end   INTEGER,                      -- NULL: it goes on
    reason          TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_of_camera ON gaps (camera, timestamp_start);
CREATE INDEX gaps_that_go_on ON gaps (camera) WHERE timestamp_end IS NULL;
