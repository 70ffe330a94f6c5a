"""A WhatsApp on loopback: a server that real client libraries link with, and phones to link them.

    people     whose phones there are, what they show of themselves, the groups they are in
    phones     what their users write and see, and how a phone encrypts it, with its own Signal keys
    clients    the clients that link: their connections, their questions, the media they fetch
    mail       how messages, receipts and typing go from device to device, now or when one is back
    storage    what outlives the process
    control    how other processes play the phones, over HTTP

`world` holds what is true (accounts, their companions, groups), `exchange` joins the phones with
the clients' connections, `faults` makes things go wrong on command, and `server` puts them behind
one listener. Nothing in here reaches beyond the loopback.

Passing here proves nothing about the real service's strictness, limits or bans.
"""
