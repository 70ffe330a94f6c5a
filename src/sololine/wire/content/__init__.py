"""Messages as WhatsApp writes them, and what they say: `waE2E.Message` ⇄ `core.content`.

    read      bytes of a message → Incoming: content and context, or nothing for people
    write     content and context → bytes of a message, as phones accept it
    forward   bytes of a message → bytes of the same, passed on
    seen_by   whose message a reaction, an edit or a quote means, from the reader's side

What is read was written by strangers: whatever the bytes are, texts come out without NUL and
within bounds, numbers in their ranges, and nothing is raised but `MalformedPayload`.

`forms` opens a message: it takes off the wrappers and finds the one part that says something.
`texts` and `vcards` clean; `files`, `contexts` and `keys` each know one thing in both directions;
`reading`, `writing` and `forwarding` put them together.
"""

from sololine.wire.content.forwarding import NotForwardable, forward
from sololine.wire.content.keys import seen_by
from sololine.wire.content.reading import Incoming, read
from sololine.wire.content.writing import write

__all__ = ["Incoming", "NotForwardable", "forward", "read", "seen_by", "write"]
