"""Verified fakes: each passes the contract of the port it stands for."""
