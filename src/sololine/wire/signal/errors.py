"""Why an encrypted message cannot be read, or none can be made.

* `UndecryptableMessage`
    * `NoSession`: nothing is agreed with that device, or it did not share its group key
    * `DuplicateMessage`: its key was used, or given up
    * `BadMac`: it was changed, or is of another session
    * `UnknownPrekey`: it begins a session on a prekey that we do not hold (any more)
    * `MalformedMessage`: it has not the shape of its kind
    * `TooFarAhead`: more messages before it are missing than we are ready to wait for

None of them shows anything of the message.
"""

from sololine.wire.errors import WireError


class UndecryptableMessage(WireError):
    """An encrypted message cannot be read; its sender may be asked to send it anew."""


class NoSession(UndecryptableMessage):
    """Nothing is agreed with that device yet; of a group, its sender's key has not come."""


class DuplicateMessage(UndecryptableMessage):
    """The key of this message was used before, or given up because it came too late.

    Mostly it is a message that came twice. A sender that used one key for two messages is also
    known to happen: then this one is lost.
    """


class BadMac(UndecryptableMessage):
    """The MAC does not hold (in a group: the signature): changed, or of another session."""


class UnknownPrekey(UndecryptableMessage):
    """The message begins a session on a prekey that we do not hold, or used before."""


class MalformedMessage(UndecryptableMessage):
    """The message has not the shape of its kind."""


class TooFarAhead(UndecryptableMessage):
    """More messages before this one are missing than we are ready to wait for."""
