-- What a database may hold that stands at revision 0002, beside the rows of 0001; never changed, so
-- that it stays what that version wrote. Each statement ends with a semicolon at the end of a line.

INSERT INTO media (id, bot_id, tenant_id, mime_type, size, sha256, file_name, place, created_at)
VALUES ('med_a', 'bot_linked', 'default', 'image/png', 3, '00ff', 'a.png', 'stored', 3000);

-- Heard, to be sent, failed, and a reaction.
INSERT INTO messages (id, bot_id, tenant_id, seq, chat, origin, sender, sender_jid, sender_name, kind, content,
    context, media_id, target, whatsapp_id, at, status, times, failure, client_ref,
    idempotency_key, fingerprint, sending_since, answers, edited_at, deleted_at)
VALUES ('msg_heard', 'bot_linked', 'default', 1, '447700900123', 'contact', '447700900123', '98765@lid', 'Ana',
        'image', '{"type":"file","kind":"image","media":"med_a","mime_type":"image/png","size":3,"sha256":"00ff","caption":"look","file_name":"","seconds":0,"width":1,"height":2,"view_once":false}',
        '{"type":"context","quoted":{"to":{"whatsapp_id":"3EB0","from_me":true,"sender":""},"text":"what"},"mentions":["98765@lid"],"forwarded":true}',
        'med_a', NULL, '3EB0AA', 3000, 'received', '{}', NULL, NULL, NULL, NULL, NULL, NULL, 4000, 5000),
    ('msg_asked', 'bot_linked', 'default', 2, '447700900123', 'rule', NULL, '', '',
        'text', '{"type":"text","text":"hi","link_preview":false}', '{}',
        NULL, NULL, NULL, 4000, 'queued', '{"queued":4000}', NULL, 'ref', 'key', 'ff', 4500,
        'msg_heard', NULL, NULL),
    ('msg_failed', 'bot_linked', 'default', 2, '120363000000000001@g.us', 'api', NULL, '', '',
        'text', '{"type":"text","text":"hi","link_preview":true}', '{}',
        NULL, NULL, NULL, 4000, 'failed', '{"queued":4000,"failed":5000}', 'not_in_group', NULL,
        NULL, NULL, NULL, NULL, NULL, NULL),
    ('msg_reaction', 'bot_linked', 'default', 2, '447700900123', 'contact', '447700900123', '98765@lid', 'Ana',
        'reaction', '{"type":"reaction","to":{"whatsapp_id":"3EB0AA","from_me":false,"sender":""},"emoji":"!"}', '{}',
        NULL, '3EB0AA', '3EB0AB', 4000, 'received', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL);

INSERT INTO message_forms (message_id, form)
VALUES ('msg_heard', 'Zm9ybQ==');

INSERT INTO chats (bot_id, id, tenant_id, name, jid, lid, last_seq, unread, ref, typing_by,
    typing_since)
VALUES ('bot_linked', '447700900123', 'default', 'Ana', '447700900123@s.whatsapp.net', '98765@lid',
    2, 1, 'cht_a', '447700900123', 1);

INSERT INTO chores (id, bot_id, tenant_id, task, state, answer, failure, expires_at)
VALUES ('cho_a', 'bot_linked', 'default', '{"task":"check_numbers","numbers":["447700900123"]}',
    'failed', '{}', 'not_connected', 9000);

INSERT INTO trainings (bot_id, instructions, rules, fallback)
VALUES ('bot_linked', 'help', '[{"type":"rule","match":"contains","words":["hi"],"answer":"hello"}]', '?');

INSERT INTO webhooks (id, tenant_id, bot_id, url, types, description, secret, state, failures,
    failing_since, created_at)
VALUES ('whk_a', 'default', 'bot_linked', 'https://example.com', '["message.received"]', '',
    'whsec_c2VjcmV0', 'active', 2, 4000, 3000);

INSERT INTO deliveries (id, webhook_id, tenant_id, seq, type, state, tries, due_at, status, error,
    created_at, ended_at, taken_by, taken_until)
VALUES ('dlv_a', 'whk_a', 'default', 1, 'bot.created', 'waiting', 2, 5000, 500, 'it answered 500',
        3000, NULL, 'here', 9000),
    ('dlv_b', 'whk_a', 'default', 2, 'session.disconnected', 'delivered', 1, 5000, 204, '', 3000,
        6000, NULL, NULL);
