"""A WhatsApp on loopback: a server that real client libraries link with, and phones to link them.

`world` holds what is true (accounts, their companions, groups), `exchange` joins the phones with
the clients' connections, `connection` speaks the protocol with one client, `queries` answers its
questions, `faults` makes things go wrong on command. `server` puts them behind one listener and
`control` lets other processes play the phones. Nothing in here reaches beyond the loopback.

What people say to each other goes from device to device through the `post` (messages) and
`receipts` (receipts, typing); `delivery` brings it there, now or when the device is back. A phone
speaks in its `handset`, with its own Signal keys, and keeps what came in its `mailbox`.

Passing here proves nothing about the real service's strictness, limits or bans.
"""
