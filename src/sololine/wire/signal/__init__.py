"""The Signal protocol, version 3, as WhatsApp speaks it: values, both roles, nothing that waits.

    Endpoint                      one device: its keys, and what it keeps in an EndpointStore
      ├─ Correspondence           the sessions with one other device: the current, older ones
      │    └─ Session             one double ratchet, begun from a PrekeyBundle
      │         └─ Chain          keys of the messages that come one after another
      ├─ SenderKey                what we encrypt with for a group, shared with its members
      └─ ReceiverKey              what another member encrypts with
           └─ Chain

`messages` holds the four formats on the wire, `padding` what WhatsApp adds within. Whatever fails
to decrypt changes nothing: it may be tried again, and what was still to come stays readable.
"""
