"""The boundary to WhatsApp: a port, and the engines behind it."""
