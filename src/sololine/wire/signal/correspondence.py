"""All sessions with one other device: the current one, and older ones that may still be spoken.

Two devices that write to each other at the same time both begin a session, and a device that lost
its state begins another. So what comes may be of an older session than what was sent last. The
session that was read last becomes the current one: each side follows the other, and they meet.
"""

from itertools import islice
from typing import Final, Self

from sololine.wire import fields
from sololine.wire.curve import KEY_BYTES
from sololine.wire.signal.errors import DuplicateMessage, NoSession, UndecryptableMessage
from sololine.wire.signal.session import Kind, Session

MAX_OLDER: Final = 5
"""How many sessions besides the current one are still tried."""


class Correspondence:
    """The sessions with one device; none at first.

    They are held as they are kept, and only those that are tried are loaded.
    """

    def __init__(self) -> None:
        # By the base key, the current one first.
        self._dumped: dict[bytes, bytes] = {}

    def keep(self, session: Session) -> None:
        """Make this the current session, new or not, as it is now."""
        older = ((base, dumped) for base, dumped in self._dumped.items() if base != session.base)
        self._dumped = {session.base: session.dump()} | dict(islice(older, MAX_OLDER))

    def begun_from(self, base: bytes) -> Session | None:
        """The session with that base key."""
        dumped = self._dumped.get(base)
        return None if dumped is None else Session.load(dumped)

    def encrypt(self, plaintext: bytes) -> tuple[Kind, bytes]:
        """The next message of the current session.

        Raises:
            NoSession: if there is none.
        """
        current = next(iter(self._dumped.values()), None)
        if current is None:
            raise NoSession("no session with that device; its prekey bundle is needed")
        session = Session.load(current)
        encrypted = session.encrypt(plaintext)
        self.keep(session)
        return encrypted

    def decrypt(self, message: bytes) -> bytes:
        """What a message of one of the sessions says; that one is the current one then.

        Raises:
            NoSession: if there is none.
            UndecryptableMessage: if none of them reads it: what the current one said to it.
        """
        refusal: UndecryptableMessage | None = None
        for dumped in self._dumped.values():
            session = Session.load(dumped)
            try:
                plaintext = session.decrypt(message)
            except DuplicateMessage:
                raise  # this session knows the message; others cannot
            except UndecryptableMessage as error:
                refusal = refusal or error
            else:
                self.keep(session)
                return plaintext
        raise refusal or NoSession("no session with that device")

    def dump(self) -> bytes:
        """The sessions as bytes, to be kept. They are secret."""
        return fields.write(
            {at: base + dumped for at, (base, dumped) in enumerate(self._dumped.items(), 1)}
        )

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """The sessions that were dumped.

        Raises:
            MalformedPayload: if they are none. Each is looked at only when it is tried.
        """
        found = fields.read(dumped)
        sessions = (fields.data(found, at) for at in sorted(found))
        loaded = cls()
        loaded._dumped = {session[:KEY_BYTES]: session[KEY_BYTES:] for session in sessions}
        return loaded

    def __repr__(self) -> str:
        return f"Correspondence(<{len(self._dumped)} sessions>)"
