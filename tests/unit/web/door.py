"""What tests of the doors share."""

KEY = "sl_test-key-of-the-tenant-default"
