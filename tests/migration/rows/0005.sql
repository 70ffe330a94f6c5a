INSERT INTO restorations (device_id, bot_id, tenant_id, copied_at, restored_at, taken_over_at)
VALUES ('dev_linked_1_1', 'bot_linked', 'default', 1000, 2000, NULL);
