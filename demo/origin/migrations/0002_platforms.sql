-- Music platforms: the accounts that users have connected, what they have selected, and their stored scores.

CREATE TABLE connections (
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  platform      TEXT NOT NULL CHECK (platform IN ('spotify')),
  account_id    TEXT NOT NULL,
  account_name  TEXT NOT NULL,
  access_token  TEXT NOT NULL,
  refresh_token TEXT NOT NULL,
  -- when access_token runs out
  expires_at    INTEGER NOT NULL,
  -- when the platform refused refresh_token for good
  revoked_at    INTEGER,
  -- since when a request of ours is refreshing the tokens: a refresh token may be good for one use only
  refreshing_at INTEGER,
  connected_at  INTEGER NOT NULL,
  -- the last synchronisation of artist_scores
  synced_at     INTEGER,
  PRIMARY KEY (user_id, platform)
) STRICT, WITHOUT ROWID;

CREATE TABLE selected_artists (
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  artist_id   TEXT NOT NULL,
  selected_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, artist_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE artist_scores (
  user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  artist_id TEXT NOT NULL,
  score     REAL NOT NULL CHECK (score BETWEEN 0 AND 100),
  PRIMARY KEY (user_id, artist_id)
) STRICT, WITHOUT ROWID;
