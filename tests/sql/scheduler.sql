-- A schema as a cluster scheduler keeps it, in the dialect that such schedulers were written in, and the statements that read and change it.
// Comments of all three forms stand in it.

/* --- What is scheduled --- */

CREATE TABLE IF NOT EXISTS framework(
  id IDENTITY,
  framework_id VARCHAR NOT NULL,
  UNIQUE(framework_id),
);

CREATE TABLE IF NOT EXISTS roles(
  id INT IDENTITY,
  name VARCHAR NOT NULL,

  UNIQUE(name),
);

CREATE TABLE IF NOT EXISTS job_keys(
  id IDENTITY,
  role VARCHAR NOT NULL,
  environment VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  UNIQUE(role, environment, name),
);

CREATE TABLE IF NOT EXISTS lock_holders(
  id BIGINT IDENTITY PRIMARY KEY,
  job_key_id BIGINT NOT NULL REFERENCES job_keys(id),
  token VARCHAR NOT NULL,
  user VARCHAR NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  message VARCHAR NULL, // why it is held
  UNIQUE(job_key_id),
  UNIQUE(token)
);

CREATE TABLE IF NOT EXISTS quotas(
  id IDENTITY,
  role VARCHAR NOT NULL,
  cpus DOUBLE NOT NULL,
  ram_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  UNIQUE(role)
);

CREATE TABLE IF NOT EXISTS quota_resources(
  id IDENTITY,
  quota_id BIGINT NOT NULL REFERENCES quotas(id) ON DELETE CASCADE,
  type_id INT NOT NULL,
  value VARCHAR NOT NULL,
  UNIQUE(quota_id, type_id)
);

CREATE TABLE IF NOT EXISTS resource_kinds(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));

CREATE TABLE IF NOT EXISTS tiers(id INT PRIMARY KEY, name VARCHAR(32) NOT NULL UNIQUE, preemptible BOOLEAN DEFAULT FALSE NOT NULL);

CREATE TABLE IF NOT EXISTS task_configs(
  id IDENTITY,
  job_key_id BIGINT NOT NULL REFERENCES job_keys(id),
  creator_user VARCHAR NOT NULL,
  service BOOLEAN NOT NULL,
  num_cpus FLOAT8 NOT NULL,
  ram_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  priority INTEGER NOT NULL,
  max_task_failures INTEGER NOT NULL,
  production BOOLEAN NOT NULL,
  contact_email VARCHAR NULL,
  executor_name VARCHAR NULL,
  executor_data VARCHAR NULL,
  tier VARCHAR NULL,
  digest BINARY(32) NULL,
);

CREATE INDEX IF NOT EXISTS task_configs_by_job ON task_configs(job_key_id, priority);

CREATE TABLE IF NOT EXISTS task_constraints(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  name VARCHAR NOT NULL,
  UNIQUE(task_config_id, name)
);

CREATE TABLE IF NOT EXISTS value_constraints(
  id IDENTITY,
  constraint_id BIGINT NOT NULL REFERENCES task_constraints(id) ON DELETE CASCADE,
  negated BOOLEAN NOT NULL,
  UNIQUE(constraint_id)
);

CREATE TABLE IF NOT EXISTS value_constraint_values(
  id IDENTITY,
  value_constraint_id BIGINT NOT NULL REFERENCES value_constraints(id) ON DELETE CASCADE,
  value VARCHAR NOT NULL,
  UNIQUE(value_constraint_id, value)
);

CREATE TABLE IF NOT EXISTS limit_constraints(
  id IDENTITY,
  constraint_id BIGINT NOT NULL REFERENCES task_constraints(id) ON DELETE CASCADE,
  "limit" INTEGER NOT NULL,
  UNIQUE(constraint_id)
);

CREATE TABLE IF NOT EXISTS task_config_ports(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  port VARCHAR NOT NULL,
  UNIQUE(task_config_id, port),
);

CREATE TABLE IF NOT EXISTS task_config_metadata(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  key VARCHAR NOT NULL,
  value VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS task_config_labels(
  task_config_id BIGINT NOT NULL,
  label VARCHAR NOT NULL,
  PRIMARY KEY (task_config_id, label),
  CONSTRAINT label_of_config FOREIGN KEY (task_config_id) REFERENCES task_configs(id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS task_config_containers(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  image VARCHAR NOT NULL,
  cache BOOLEAN DEFAULT TRUE NOT NULL,
  UNIQUE(task_config_id),
);

CREATE TABLE IF NOT EXISTS container_parameters(
  id IDENTITY,
  container_id BIGINT NOT NULL REFERENCES task_config_containers(id) ON DELETE CASCADE,
  name VARCHAR NOT NULL,
  value VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS volume_modes(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name),);

CREATE TABLE IF NOT EXISTS container_volumes(
  id IDENTITY,
  container_id BIGINT NOT NULL REFERENCES task_config_containers(id) ON DELETE CASCADE,
  container_path VARCHAR NOT NULL,
  host_path VARCHAR NULL,
  mode INT NOT NULL REFERENCES volume_modes(id)
);

CREATE TABLE IF NOT EXISTS task_config_uris(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  url VARCHAR NOT NULL,
  extract BOOLEAN NOT NULL,
  cache BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS task_config_resources(
  id IDENTITY,
  task_config_id BIGINT NOT NULL REFERENCES task_configs(id) ON DELETE CASCADE,
  type_id INT NOT NULL REFERENCES resource_kinds(id),
  value VARCHAR NOT NULL,
  UNIQUE(task_config_id, type_id, value)
);

/* --- What runs --- */

CREATE TABLE IF NOT EXISTS task_states(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));

CREATE TABLE IF NOT EXISTS tasks(
  id IDENTITY,
  task_id VARCHAR NOT NULL,
  slave_row_id BIGINT NULL,
  instance_id INTEGER NOT NULL,
  status INTEGER NOT NULL REFERENCES task_states(id),
  failure_count INTEGER NOT NULL CHECK (failure_count >= 0),
  times_partitioned INTEGER DEFAULT 0 NOT NULL,
  ancestor_task_id VARCHAR NULL,
  task_config_row_id BIGINT NOT NULL REFERENCES task_configs(id),
  UNIQUE(task_id)
);

CREATE INDEX IF NOT EXISTS tasks_status_idx ON tasks(status);
CREATE INDEX IF NOT EXISTS tasks_slave_row_id_idx ON tasks(slave_row_id);

CREATE TABLE IF NOT EXISTS task_events(
  id IDENTITY,
  task_row_id BIGINT NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
  timestamp_ms BIGINT NOT NULL,
  status INTEGER NOT NULL REFERENCES task_states(id),
  message VARCHAR NULL,
  scheduler_host VARCHAR NULL,
);

CREATE TABLE IF NOT EXISTS task_ports(
  id IDENTITY,
  task_row_id BIGINT NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
  name VARCHAR NOT NULL,
  port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
  UNIQUE(task_row_id, name)
);

/* --- Where it runs --- */

CREATE TABLE IF NOT EXISTS maintenance_modes(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));

CREATE TABLE IF NOT EXISTS host_attributes(
  id IDENTITY,
  host VARCHAR NOT NULL,
  mode INT NOT NULL REFERENCES maintenance_modes(id),
  slave_id VARCHAR NOT NULL,
  UNIQUE(host),
  UNIQUE(slave_id),
);

CREATE TABLE IF NOT EXISTS host_attribute_values(
  id IDENTITY,
  host_attribute_id BIGINT NOT NULL REFERENCES host_attributes(id) ON DELETE CASCADE,
  name VARCHAR NOT NULL,
  value VARCHAR NOT NULL,
  UNIQUE(host_attribute_id, name, value)
);

CREATE TABLE IF NOT EXISTS host_maintenance(host VARCHAR PRIMARY KEY, timeout_secs BIGINT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);

/* --- Updates --- */

CREATE TABLE IF NOT EXISTS job_update_statuses(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));
CREATE TABLE IF NOT EXISTS job_update_actions(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));

CREATE TABLE IF NOT EXISTS job_updates(
  id IDENTITY,
  job_key_id BIGINT NOT NULL REFERENCES job_keys(id),
  update_id VARCHAR NOT NULL,
  user VARCHAR NOT NULL,
  update_group_size INT NOT NULL,
  max_per_instance_failures INT NOT NULL,
  max_failed_instances INT NOT NULL,
  min_wait_in_instance_running_ms INT NOT NULL,
  rollback_on_failure BOOLEAN NOT NULL,
  wait_for_batch_completion BOOLEAN NOT NULL,
  block_if_no_pulses_after_ms INT NULL,
  UNIQUE(update_id, job_key_id)
);

CREATE TABLE IF NOT EXISTS job_update_locks(
  id IDENTITY,
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  lock_token VARCHAR NOT NULL REFERENCES lock_holders(token) ON DELETE CASCADE,
  UNIQUE(update_row_id),
  UNIQUE(lock_token)
);

CREATE TABLE IF NOT EXISTS job_update_configs(
  id IDENTITY,
  task_config_row_id BIGINT NOT NULL REFERENCES task_configs(id),
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  is_new BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS job_update_config_instances(
  id IDENTITY,
  config_id BIGINT NOT NULL REFERENCES job_update_configs(id) ON DELETE CASCADE,
  first INT NOT NULL,
  last INT NOT NULL,
  UNIQUE(config_id, first, last)
);

CREATE TABLE IF NOT EXISTS job_updates_to_instance_overrides(
  id IDENTITY,
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  first INT NOT NULL,
  last INT NOT NULL,
  UNIQUE(update_row_id, first, last)
);

CREATE TABLE IF NOT EXISTS job_update_metadata(
  id IDENTITY,
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  key VARCHAR NOT NULL,
  value VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS job_update_events(
  id IDENTITY,
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  status INT NOT NULL REFERENCES job_update_statuses(id),
  user VARCHAR NULL,
  message VARCHAR NULL,
  timestamp_ms BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS job_instance_update_events(
  id IDENTITY,
  update_row_id BIGINT NOT NULL REFERENCES job_updates(id) ON DELETE CASCADE,
  action INT NOT NULL REFERENCES job_update_actions(id),
  instance_id INT NOT NULL,
  timestamp_ms BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS instance_events_by_update ON job_instance_update_events(update_row_id, instance_id);

/* --- Cron --- */

CREATE TABLE IF NOT EXISTS cron_policies(id INT PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE(name));

CREATE TABLE IF NOT EXISTS cron_jobs(
  id IDENTITY,
  job_key_id BIGINT NOT NULL REFERENCES job_keys(id),
  creator_user VARCHAR NOT NULL,
  cron_schedule VARCHAR NOT NULL,
  cron_collision_policy INT NOT NULL REFERENCES cron_policies(id),
  task_config_row_id BIGINT NOT NULL REFERENCES task_configs(id),
  instance_count INT NOT NULL,
  UNIQUE(job_key_id)
);

CREATE SEQUENCE IF NOT EXISTS snapshots START WITH 1 INCREMENT BY 1;
CREATE OR REPLACE VIEW active_tasks AS SELECT t.* FROM tasks AS t JOIN task_states AS s ON s.id = t.status WHERE s.name IN ('RUNNING', 'STARTING', 'ASSIGNED');
COMMENT ON TABLE tasks IS 'One row for each task, also of those that ended';
COMMENT ON COLUMN tasks.instance_id IS 'From 0';
ALTER TABLE IF EXISTS tasks DROP CONSTRAINT IF EXISTS tasks_old_unique;
ALTER TABLE tasks ADD CONSTRAINT tasks_by_slave FOREIGN KEY (slave_row_id) REFERENCES host_attributes(id) ON DELETE SET NULL;
ALTER TABLE task_configs ADD COLUMN IF NOT EXISTS partition_policy VARCHAR NULL;
ALTER TABLE task_configs DROP COLUMN IF EXISTS partition_policy;

/* --- Statements --- */

SELECT 1;
MERGE INTO task_states(id, name) KEY(id) VALUES (0, 'INIT'), (1, 'PENDING'), (2, 'RUNNING'), (3, 'FAILED');
MERGE INTO maintenance_modes(id, name) KEY(id) VALUES (?, ?);
MERGE INTO framework KEY(id) VALUES (1, ?);
MERGE INTO quotas(role, cpus, ram_mb, disk_mb) KEY(role) VALUES (?, ?, ?, ?);
MERGE INTO host_attributes(host, mode, slave_id) KEY(host) SELECT :host, m.id, :slave FROM maintenance_modes AS m WHERE m.name = :mode;
MERGE INTO host_maintenance VALUES (?, ?, CURRENT_TIMESTAMP);
INSERT INTO job_keys(role, environment, name) VALUES (?, ?, ?);
MERGE INTO job_keys(role, environment, name) KEY(role, environment, name) VALUES (?, ?, ?);
SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?;
SELECT DISTINCT role FROM job_keys ORDER BY role;
INSERT INTO lock_holders(job_key_id, token, user, timestamp_ms, message)
  VALUES ((SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?), ?, ?, ?, ?);
DELETE FROM lock_holders WHERE job_key_id IN (SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?);
DELETE FROM lock_holders;
SELECT lock.id, lock.token, lock.user, lock.timestamp_ms, lock.message, key.role, key.environment, key.name FROM lock_holders AS lock JOIN job_keys AS key ON key.id = lock.job_key_id;
SELECT * FROM lock_holders AS lock JOIN job_keys AS key ON key.id = lock.job_key_id WHERE key.role = ? AND key.environment = ? AND key.name = ?;
SELECT * FROM quotas WHERE TRUE;
SELECT q.*, r.type_id, r.value FROM quotas AS q LEFT OUTER JOIN quota_resources AS r ON r.quota_id = q.id WHERE q.role = ?;
DELETE FROM quotas WHERE role = ?;
DELETE FROM quotas;
INSERT INTO quota_resources(quota_id, type_id, value,) VALUES (?, ?, ?,), (?, ?, ?,);
INSERT INTO task_configs(job_key_id, creator_user, service, num_cpus, ram_mb, disk_mb, priority, max_task_failures, production, contact_email, executor_name, executor_data, tier)
  VALUES ((SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
INSERT INTO task_constraints(task_config_id, name) VALUES (?, ?);
INSERT INTO value_constraints(constraint_id, negated) VALUES (?, ?);
INSERT INTO value_constraint_values(value_constraint_id, value) VALUES (?, ?), (?, ?), (?, ?);
INSERT INTO limit_constraints(constraint_id, "limit") VALUES (?, ?);
INSERT INTO task_config_ports(task_config_id, port) VALUES (?, ?);
INSERT INTO task_config_metadata(task_config_id, key, value) VALUES (?, ?, ?), (?, ?, ?);
INSERT INTO task_config_containers(task_config_id, image) VALUES (?, ?);
INSERT INTO container_volumes(container_id, container_path, host_path, mode) SELECT ?, ?, ?, v.id FROM volume_modes v WHERE v.name = ?;
INSERT INTO task_config_uris(task_config_id, url, extract, cache) VALUES (?, ?, ?, ?);
INSERT INTO tasks(task_id, slave_row_id, instance_id, status, failure_count, ancestor_task_id, task_config_row_id)
  VALUES (?, (SELECT id FROM host_attributes WHERE slave_id = ? AND host = ?), ?, (SELECT id FROM task_states WHERE name = ?), ?, ?, ?);
INSERT INTO task_events(task_row_id, timestamp_ms, status, message, scheduler_host)
  VALUES (?, ?, (SELECT id FROM task_states WHERE name = ?), ?, ?), (?, ?, (SELECT id FROM task_states WHERE name = ?), ?, ?);
INSERT INTO task_ports(task_row_id, name, port) VALUES (?, ?, ?);
UPDATE tasks SET status = (SELECT id FROM task_states WHERE name = ?), failure_count = failure_count + 1 WHERE task_id = ?;
UPDATE tasks AS t SET task_config_row_id = ? WHERE t.task_id = ?;
DELETE FROM tasks WHERE task_id IN (?, ?, ?, ?);
DELETE FROM tasks;
DELETE FROM task_configs WHERE id NOT IN (SELECT task_config_row_id FROM tasks) AND NOT EXISTS (SELECT 1 FROM cron_jobs c WHERE c.task_config_row_id = task_configs.id);
SELECT
  t.id AS id, t.task_id, t.instance_id, t.failure_count, t.ancestor_task_id, j.role, j.environment, j.name, h.host, h.slave_id, c.id AS c_id, c.creator_user, c.service,
  c.num_cpus, c.ram_mb, c.disk_mb, c.priority, tp.id AS tp_id, tp.name AS tp_name, tp.port AS tp_port, te.id AS te_id, te.timestamp_ms, te.message, m.key, m.value
FROM tasks AS t
JOIN task_configs AS c ON c.id = t.task_config_row_id
JOIN job_keys AS j ON j.id = c.job_key_id
LEFT OUTER JOIN task_config_ports AS p ON p.task_config_id = c.id
LEFT OUTER JOIN task_constraints AS tc ON tc.task_config_id = c.id
LEFT OUTER JOIN limit_constraints AS tlc ON tlc.constraint_id = tc.id
LEFT OUTER JOIN value_constraints AS tvc ON tvc.constraint_id = tc.id
LEFT OUTER JOIN value_constraint_values AS tvcv ON tvcv.value_constraint_id = tvc.id
LEFT OUTER JOIN task_config_metadata AS m ON m.task_config_id = c.id
LEFT OUTER JOIN task_config_containers AS d ON d.task_config_id = c.id
LEFT OUTER JOIN task_config_uris AS u ON u.task_config_id = c.id
LEFT OUTER JOIN host_attributes AS h ON h.id = t.slave_row_id
LEFT OUTER JOIN task_ports AS tp ON tp.task_row_id = t.id
LEFT OUTER JOIN task_events AS te ON te.task_row_id = t.id // the longest part
WHERE t.task_id = ?
ORDER BY te.timestamp_ms, te.id;
SELECT t.task_id FROM tasks t JOIN task_configs c ON c.id = t.task_config_row_id JOIN job_keys j ON j.id = c.job_key_id
  WHERE j.role = ? AND (j.environment = ? OR ? IS NULL) AND t.instance_id IN (?, ?, ?) AND t.status IN (SELECT id FROM task_states WHERE name IN (?, ?))
  LIMIT NULL OFFSET ?;
SELECT count(*) FROM active_tasks;
SELECT j.role, count(*) AS count, sum(c.num_cpus) AS cpus, max(c.ram_mb) FROM tasks t JOIN task_configs c ON c.id = t.task_config_row_id JOIN job_keys j ON j.id = c.job_key_id
  GROUP BY j.role HAVING count(*) > 1 ORDER BY count DESC, 1 LIMIT 10;
SELECT a.host, a.mode, v.name, v.value FROM host_attributes AS a LEFT OUTER JOIN host_attribute_values AS v ON v.host_attribute_id = a.id WHERE a.host = ?;
SELECT host FROM host_attributes WHERE mode = 1 AND host LIKE 'rack!_%' ESCAPE '!';
DELETE FROM host_attributes WHERE host = ?;
INSERT INTO job_updates(job_key_id, update_id, user, update_group_size, max_per_instance_failures, max_failed_instances, min_wait_in_instance_running_ms, rollback_on_failure,
  wait_for_batch_completion, block_if_no_pulses_after_ms,)
  VALUES ((SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?,);
INSERT INTO job_update_locks(update_row_id, lock_token) VALUES ((SELECT id FROM job_updates WHERE update_id = ?), ?);
INSERT INTO job_update_configs(update_row_id, task_config_row_id, is_new) VALUES ((SELECT u.id FROM job_updates AS u JOIN job_keys AS k ON k.id = u.job_key_id WHERE u.update_id = ?), ?, ?);
INSERT INTO job_update_config_instances(config_id, first, last) VALUES (?, ?, ?), (?, ?, ?);
INSERT INTO job_updates_to_instance_overrides(update_row_id, first, last) SELECT u.id, ?, ? FROM job_updates AS u WHERE u.update_id = ?;
INSERT INTO job_update_metadata(update_row_id, key, value) VALUES (?, ?, ?);
INSERT INTO job_update_events(update_row_id, status, user, message, timestamp_ms) VALUES (?, ?, ?, ?, ?);
INSERT INTO job_instance_update_events(update_row_id, action, instance_id, timestamp_ms) VALUES (?, ?, ?, ?);
DELETE FROM job_updates WHERE id IN (SELECT id FROM job_updates WHERE update_id = ? LIMIT 1);
DELETE FROM job_updates;
SELECT u.update_id, max_status.status, created.first_ms, modified.last_ms
FROM job_updates AS u
JOIN (SELECT update_row_id, MAX(id) AS id FROM job_update_events GROUP BY update_row_id) AS last_event ON last_event.update_row_id = u.id
JOIN job_update_events AS max_status ON max_status.id = last_event.id
JOIN (SELECT update_row_id, MIN(timestamp_ms) AS first_ms FROM job_update_events GROUP BY update_row_id) AS created ON created.update_row_id = u.id
JOIN (
  SELECT update_row_id, MAX(timestamp_ms) AS last_ms
  FROM (
    SELECT update_row_id, timestamp_ms FROM job_update_events
    UNION ALL
    SELECT update_row_id, timestamp_ms FROM job_instance_update_events
  ) AS all_events
  GROUP BY update_row_id
) AS modified ON modified.update_row_id = u.id
WHERE max_status.status IN (?, ?) AND u.user = ?
ORDER BY modified.last_ms DESC
LIMIT ? OFFSET ?;
SELECT e.* FROM job_instance_update_events AS e WHERE e.update_row_id = ? ORDER BY e.timestamp_ms;
SELECT CASEWHEN(u.rollback_on_failure = 1, 'rollback', 'stay') AS mode, u.user || '@' || k.role FROM job_updates u JOIN job_keys k ON k.id = u.job_key_id;
SELECT u.id FROM job_updates u WHERE u.id IN (SELECT row_id FROM (SELECT update_row_id AS row_id, count(*) AS n FROM job_update_events GROUP BY update_row_id) AS counted WHERE n > ?)
  AND NOT EXISTS (SELECT 1 FROM job_update_locks l WHERE l.update_row_id = u.id);
SELECT u.update_id FROM job_updates u, job_keys k WHERE k.id = u.job_key_id AND k.role = ? EXCEPT SELECT ? UNION SELECT update_id FROM job_updates WHERE user = ?;
INSERT INTO cron_jobs(job_key_id, creator_user, cron_schedule, cron_collision_policy, task_config_row_id, instance_count) VALUES (?, ?, ?, ?, ?, ?);
MERGE INTO cron_jobs(job_key_id, creator_user, cron_schedule, cron_collision_policy, task_config_row_id, instance_count) KEY(job_key_id) VALUES (?, ?, ?, ?, ?, ?);
SELECT j.cron_schedule, p.name, k.role FROM cron_jobs AS j INNER JOIN job_keys AS k ON j.job_key_id = k.id INNER JOIN cron_policies AS p ON j.cron_collision_policy = p.id;
DELETE FROM cron_jobs WHERE job_key_id = (SELECT id FROM job_keys WHERE role = ? AND environment = ? AND name = ?);
INSERT INTO roles(name) VALUES (?) ON CONFLICT (name) DO NOTHING;
INSERT INTO quotas(role, cpus, ram_mb, disk_mb) VALUES (?, ?, ?, ?) ON CONFLICT (role) DO UPDATE SET cpus = excluded.cpus, ram_mb = excluded.ram_mb RETURNING id;
SELECT framework_id FROM framework ORDER BY id DESC LIMIT 1;
SELECT NEXT VALUE FOR snapshots;
SELECT CAST(timestamp_ms AS VARCHAR) || '' FROM task_events WHERE CAST(message AS INTEGER) <> 5 AND timestamp_ms != 0 AND status == 1;
SELECT COALESCE(message, '-'), NULLIF(scheduler_host, ''), UPPER(TRIM(message)), LENGTH(message), SUBSTRING(message, 1, 10), GREATEST(timestamp_ms, 0) FROM task_events;
SELECT CASE WHEN timestamp_ms < ? THEN 'old' WHEN timestamp_ms BETWEEN ? AND ? THEN 'young' ELSE NULL END AS age, COUNT(DISTINCT task_row_id) FILTER (WHERE status > 1) FROM task_events GROUP BY 1;
SELECT task_row_id, GROUP_CONCAT(message ORDER BY timestamp_ms DESC SEPARATOR '; ') FROM task_events GROUP BY task_row_id;
WITH latest AS (SELECT task_row_id, MAX(id) AS id FROM task_events GROUP BY task_row_id) SELECT e.message FROM task_events e JOIN latest USING (id) ORDER BY e.id NULLS LAST;
UPDATE tasks SET failure_count = c.max_task_failures FROM task_configs AS c WHERE c.id = tasks.task_config_row_id AND c.production;
EXPLAIN ANALYZE SELECT * FROM tasks WHERE task_id = ?;
BEGIN READ ONLY;
SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = 'PUBLIC';
COMMIT;
BEGIN;
SAVEPOINT before;
TRUNCATE TABLE task_events;
ROLLBACK TO SAVEPOINT before;
ROLLBACK;
SCRIPT TO 'backup.sql' COMPRESSION LZ4;
RUNSCRIPT FROM 'backup.sql' COMPRESSION LZ4;
DROP VIEW IF EXISTS active_tasks;
DROP TABLE IF EXISTS container_parameters CASCADE;
DROP ALL OBJECTS;
