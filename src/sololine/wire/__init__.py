"""The WhatsApp Web protocol as values: no sockets, no clock, both roles.

From the outside in: `framing` cuts the byte stream into frames, `noise` makes them secret,
`binary` turns them into `node`s. `linking` and `pairing_code` are the two ways a companion
device joins an account, `registration` is what a client says about itself when it connects.
`signal` is how devices encrypt for each other what the server only carries.
An emulator speaks the server's and the phone's half of it; a client speaks the other.
"""
