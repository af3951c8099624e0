-- Videomi's data. Times are milliseconds since the Unix epoch, ids are unguessable strings.
-- The bytes of a file are in R2, under media/{category}/{id} and thumbnails/{category}/{id}.

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  email         TEXT NOT NULL UNIQUE,
  -- pbkdf2-sha256$iterations$salt$hash, salt and hash in base64url
  password      TEXT NOT NULL,
  plan          TEXT NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'studio')),
  plan_renews   INTEGER,
  storage_limit INTEGER NOT NULL DEFAULT 1073741824,
  created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE files (
  id           TEXT PRIMARY KEY,
  owner_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  category     TEXT NOT NULL CHECK (category IN ('videos', 'images', 'music')),
  name         TEXT NOT NULL,
  description  TEXT NOT NULL DEFAULT '',
  content_type TEXT NOT NULL,
  size         INTEGER NOT NULL CHECK (size >= 0),
  width        INTEGER,
  height       INTEGER,
  duration     REAL,                       -- seconds
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;

-- A user's list, newest first, of one category or of all of them.
CREATE INDEX files_of_category ON files (owner_id, category, created_at DESC);
CREATE INDEX files_of_user     ON files (owner_id, created_at DESC);

CREATE TABLE ratings (
  file_id  TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  score    INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5),
  rated_at INTEGER NOT NULL,
  PRIMARY KEY (file_id, user_id)
) STRICT, WITHOUT ROWID;

-- Lets the averages be computed from the index alone.
CREATE INDEX ratings_of_file ON ratings (file_id, score);

CREATE TABLE watch_progress (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  file_id    TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  seconds    REAL NOT NULL CHECK (seconds >= 0),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, file_id)
) STRICT, WITHOUT ROWID;

-- Deleting a file looks its progress up by the file alone.
CREATE INDEX watch_progress_of_file ON watch_progress (file_id);
