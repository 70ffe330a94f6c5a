"""Sololine: one WhatsApp number, one bot."""
