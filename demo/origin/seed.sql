-- The demo's library: two users and their files, whose bytes demo/media/manifest.json lists.
-- Run on a fresh database after all migrations. Running it again starts the library anew.
-- Sizes are those of the files in demo/media: demo/origin/tests checks that they agree.

-- And, by their foreign keys, all that is theirs.
DELETE FROM users;

-- The password of both is "demo", as PBKDF2-HMAC-SHA-256 with 100,000 iterations:
--   crypto.pbkdf2Sync("demo", salt, 100000, 32, "sha256").toString("base64url")
INSERT INTO users (id, name, email, password, plan, plan_renews, storage_limit, created_at) VALUES
  ('abc123', 'Ada', 'ada@videomi.example', 'pbkdf2-sha256$100000$dmlkZW9taS1zZWVkLWFkYQ$2VQxUONv5phOUqpOSA_GjcpzdqOQvKIOFuml7iCKT_M', 'studio', 1799712000000, 10737418240, 1768205700000),
  ('bob7', 'Bob', 'bob@videomi.example', 'pbkdf2-sha256$100000$dmlkZW9taS1zZWVkLWJvYg$naKAslXzC1xMnGknBa70PXfrJEWNQadgl21Ndr__T1I', 'free', NULL, 1073741824, 1770136800000);

INSERT INTO files (id, owner_id, category, name, description, content_type, size, width, height, duration, created_at, updated_at) VALUES
  ('v_sunrise_7f3a', 'abc123', 'videos', 'Sunrise over the ridge', 'Eight seconds of a morning. The clock in the corner shows where you are.', 'video/mp4', 68401, 640, 360, 8.0, 1776490920000, 1776490920000),
  ('v_northern_c41d', 'abc123', 'videos', 'Northern lights', 'Seen from the north shore, just after midnight.', 'video/mp4', 123560, 640, 360, 8.0, 1775951880000, 1775951880000),
  ('v_fjord_92be', 'abc123', 'videos', 'Fjord crossing', 'Still water, slow boat.', 'video/mp4', 58608, 640, 360, 8.0, 1774793100000, 1774793100000),
  ('i_dunes_5d0c', 'abc123', 'images', 'Dunes at noon', '', 'image/webp', 6488, 960, 540, NULL, 1776341400000, 1776341400000),
  ('i_forest_e8a7', 'abc123', 'images', 'Forest in the mist', 'The third ridge is the one with the cabin.', 'image/webp', 6238, 960, 540, NULL, 1775719860000, 1775719860000),
  ('i_harbour_31f9', 'abc123', 'images', 'Harbour at dusk', '', 'image/webp', 13476, 960, 540, NULL, 1775159220000, 1775159220000),
  ('i_planet_b6c2', 'abc123', 'images', 'The ringed one', 'A study in stripes.', 'image/webp', 10634, 960, 540, NULL, 1774131300000, 1774131300000),
  ('i_peaks_0a94', 'abc123', 'images', 'Pale peaks', '', 'image/webp', 8166, 960, 540, NULL, 1773508800000, 1773508800000),
  ('m_lanterns_4e1b', 'abc123', 'music', 'Paper Lanterns', 'Pentatonic, 100 bpm.', 'audio/mpeg', 50445, NULL, NULL, 10.04, 1776456180000, 1776456180000),
  ('m_tides_d75f', 'abc123', 'music', 'Low Tides', '', 'audio/mpeg', 50445, NULL, NULL, 10.04, 1775424960000, 1775424960000),
  ('m_orbit_68ca', 'abc123', 'music', 'Orbit', 'Dorian, 120 bpm.', 'audio/mpeg', 50445, NULL, NULL, 10.04, 1774464240000, 1774464240000),
  ('m_embers_a203', 'abc123', 'music', 'Embers', '', 'audio/mpeg', 50445, NULL, NULL, 10.04, 1773000720000, 1773000720000),
  ('v_lagoon_1c88', 'bob7', 'videos', 'Lagoon', 'Waves, from the pier.', 'video/webm', 55752, 640, 360, 8.0, 1776248760000, 1776248760000),
  ('i_bokeh_f47e', 'bob7', 'images', 'City lights, out of focus', '', 'image/webp', 10280, 960, 540, NULL, 1776028140000, 1776028140000),
  ('i_dawn_29d6', 'bob7', 'images', 'First light', '', 'image/webp', 7970, 960, 540, NULL, 1775196120000, 1775196120000),
  ('i_bay_8b15', 'bob7', 'images', 'Quiet bay', '', 'image/webp', 6626, 960, 540, NULL, 1774626000000, 1774626000000),
  ('m_drift_77ab', 'bob7', 'music', 'Drift', '', 'audio/mpeg', 50445, NULL, NULL, 10.04, 1773960660000, 1773960660000);

INSERT INTO ratings (file_id, user_id, score, rated_at) VALUES
  ('v_sunrise_7f3a', 'abc123', 5, 1776589200000),
  ('v_sunrise_7f3a', 'bob7', 5, 1776589260000),
  ('v_northern_c41d', 'bob7', 5, 1776589320000),
  ('v_northern_c41d', 'abc123', 4, 1776589380000),
  ('v_fjord_92be', 'bob7', 4, 1776589440000),
  ('i_dunes_5d0c', 'abc123', 4, 1776589500000),
  ('i_forest_e8a7', 'bob7', 4, 1776589560000),
  ('i_harbour_31f9', 'abc123', 3, 1776589620000),
  ('i_harbour_31f9', 'bob7', 4, 1776589680000),
  ('i_planet_b6c2', 'bob7', 5, 1776589740000),
  ('m_lanterns_4e1b', 'abc123', 5, 1776589800000),
  ('m_lanterns_4e1b', 'bob7', 4, 1776589860000),
  ('m_orbit_68ca', 'bob7', 3, 1776589920000),
  ('v_lagoon_1c88', 'abc123', 4, 1776589980000),
  ('v_lagoon_1c88', 'bob7', 5, 1776590040000),
  ('i_bokeh_f47e', 'abc123', 3, 1776590100000),
  ('i_bay_8b15', 'bob7', 2, 1776590160000),
  ('m_drift_77ab', 'abc123', 4, 1776590220000);

INSERT INTO watch_progress (user_id, file_id, seconds, updated_at) VALUES
  ('abc123', 'v_northern_c41d', 3.5, 1776589200000),
  ('abc123', 'm_orbit_68ca', 6.25, 1776589260000);

-- Ada's account at the stand-in for Spotify (demo/spotify), which takes any refresh token of this form.
INSERT INTO connections (user_id, platform, account_id, account_name, access_token, refresh_token, expires_at, connected_at) VALUES
  ('abc123', 'spotify', 'listener', 'Listener', '', 'refresh-listener-0-seed-0', 0, 1776589200000);

INSERT INTO selected_artists (user_id, artist_id, selected_at) VALUES
  ('abc123', 'RQPF6kHggELcJF56uSDru5', 1776589500000),
  ('abc123', 'iDFb8qCF8lEG6Zn0h0j2f3', 1776589560000),
  ('abc123', 'K6n0mTOnvkYEjfNmjFWY05', 1776589620000);
