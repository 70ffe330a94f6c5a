-- What a database may hold that stands at revision 0003, beside the rows of 0002; never changed, so
-- that it stays what that version wrote. Each statement ends with a semicolon at the end of a line.

INSERT INTO listings (bot_id, tenant_id, number, state, last_connected_at)
VALUES ('bot_new', 'default', '34600000001', 'connected', 5000),
    ('bot_linking', 'default', '34600000009', 'disconnected', NULL);
