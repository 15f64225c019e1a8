-- The prediction log. `seq` is the order of commits: pages are cut by it, and what is sent on goes by it.
CREATE TABLE predictions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  prediction_id TEXT NOT NULL,
  model_name TEXT NOT NULL,
  model_version TEXT NOT NULL,
  request_id TEXT NOT NULL,
  instance_index INTEGER NOT NULL,
  input_shape TEXT NOT NULL,
  predicted_class INTEGER NOT NULL,
  class_probabilities BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  processing_time_ms REAL NOT NULL,
  brightness REAL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX predictions_by_id ON predictions (prediction_id);

-- What turned out to be true of a prediction.
CREATE TABLE feedback (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  prediction_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  truth TEXT NOT NULL,
  truth_class INTEGER,
  agrees INTEGER,
  request_id TEXT NOT NULL
) STRICT;
CREATE INDEX feedback_by_id ON feedback (prediction_id);

-- Each row of `source` up to `position` is where `sink` keeps it.
CREATE TABLE shipping (
  sink TEXT NOT NULL,
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (sink, source)
) STRICT;

-- When rows could not be kept, and how many.
CREATE TABLE gaps (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  began_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;

-- Which file this is: a new one counts from 1 again.
CREATE TABLE log (id TEXT NOT NULL) STRICT;
INSERT INTO log VALUES (lower(hex(randomblob(8))));

-- Rows that a sink does not take, as they were sent.
CREATE TABLE refused (
  sink TEXT NOT NULL,
  source TEXT NOT NULL,
  seq INTEGER NOT NULL,
  prediction_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  row TEXT NOT NULL,
  UNIQUE (sink, source, seq)
) STRICT;
