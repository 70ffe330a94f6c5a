"""How messages, receipts and typing go from device to device."""
