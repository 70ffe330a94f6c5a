-- What a database may hold that stands at revision 0001; never changed, so that it stays what
-- that version wrote. Each statement ends with a semicolon at the end of a line.

INSERT INTO tenants (id, name, seq, created_at)
VALUES ('default', 'Default', 2, 1000);

INSERT INTO api_keys (digest, tenant_id, name, created_at)
VALUES ('00ff', 'default', 'ci', 1000);

INSERT INTO bots (id, tenant_id, owner, name, description, personality, setup, created_at)
VALUES ('bot_linked', 'default', 'eva', 'Ada', 'd', 'p', 'complete', 1000),
    ('bot_linking', 'default', 'eva', 'Bob', '', '', 'connect', 2000),
    ('bot_new', 'default', 'eva', 'Cid', '', '', 'training', 3000);

-- Linked and connected; its line is run by a process.
INSERT INTO bot_sessions (bot_id, tenant_id, intent_no, wish, obeyed, state, since, device_id,
    number, jid, lid, linked_at, round, attempt, connected_at, lease_process, lease_term,
    lease_expires_at)
VALUES ('bot_linked', 'default', 1, 'online', 1, 'connected', 5000, 'dev_linked_1_1',
    '34600000001', '34600000001:7@s.whatsapp.net', '1:7@lid', 4000, 1, 0, 5000, 'here', 3, 9000);

INSERT INTO number_claims (number, bot_id, tenant_id, kind, held_number, since)
VALUES ('34600000001', 'bot_linked', 'default', 'held', '34600000001', 4000);

-- In its window, with a declared number.
INSERT INTO bot_sessions (bot_id, tenant_id, intent_no, wish, window_opened_at, window_ends_at,
    window_method, window_number, window_policy, window_reserves, obeyed, state, since, linking,
    round, code_method, code_text, code_expires_at, attempt, lease_term)
VALUES ('bot_linking', 'default', 2, 'online', 6000, 306000, 'qr', '34600000002', 'replace', 1, 2,
    'awaiting_scan', 6500, 'dev_linking_2_1', 1, 'qr', '2@secret', 26500, 0, 1);

INSERT INTO number_claims (number, bot_id, tenant_id, kind, since, expires_at)
VALUES ('34600000002', 'bot_linking', 'default', 'reserved', 6000, 306000);

-- Disconnected for a while.
INSERT INTO bot_sessions (bot_id, tenant_id, intent_no, wish, obeyed, state, since, end_reason,
    end_at, end_until, round, attempt, lease_term)
VALUES ('bot_new', 'default', 1, 'online', 1, 'disconnected', 7000, 'banned', 7000, 8000, 0, 0, 1);

INSERT INTO events (tenant_id, seq, bot_id, type, data, at)
VALUES ('default', 1, 'bot_linked', 'bot.created', '{}', 1000),
    ('default', 2, 'bot_gone', 'session.disconnected', '{"reason":"asked"}', 2000);

INSERT INTO retired_devices (device_id, bot_id, tenant_id, retired_at, due_at, tries)
VALUES ('dev_gone_1_1', 'bot_gone', 'default', 2000, 2000, 1);

INSERT INTO connection_attempts (bot_id, tenant_id, links, started_at, ended_at, outcome)
VALUES ('bot_linked', 'default', 1, 4000, 5000, 'connected'),
    ('bot_linking', 'default', 1, 6000, NULL, NULL);
