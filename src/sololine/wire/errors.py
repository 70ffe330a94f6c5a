"""What can be wrong with what the other side sent.

* `WireError`
    * `MalformedJid`: a text is no WhatsApp address
    * `MalformedNode`: bytes are no binary XML, or a node lacks what it must hold
    * `MalformedFrame`: the byte stream is not cut as frames are
    * `MalformedPayload`: a protobuf message, QR text or key bundle has the wrong shape
    * `HandshakeFailed`: the Noise handshake cannot go on
        * `BadCertificate`: the server's certificate chain does not prove its key
    * `DecryptionFailed`: a sealed frame or key bundle does not open under our key
    * `BadSignature`: a signature does not hold
        * `BadHmac`: an HMAC does not hold, so the other side does not know the secret
    * `UndecryptableMessage`: an encrypted message cannot be read (see `signal.errors`)

No message shows a key, a number, or any other value of the other side: only what was expected.
"""


class WireError(Exception):
    """The other side broke the protocol; the connection it came from cannot go on."""


class MalformedJid(WireError):
    """A text is no WhatsApp address."""


class MalformedNode(WireError):
    """Bytes are no binary XML, or a node lacks an attribute, child or content it must hold."""


class MalformedFrame(WireError):
    """The byte stream is not cut as frames are, or a frame is too long to be sent."""


class MalformedPayload(WireError):
    """A protobuf message, a QR text or a key bundle has the wrong shape."""


class HandshakeFailed(WireError):
    """The Noise handshake cannot go on; both sides must close."""


class BadCertificate(HandshakeFailed):
    """The server's certificate chain does not prove its key: wrong root, key or date."""


class DecryptionFailed(WireError):
    """A sealed frame or key bundle does not open under our key."""


class BadSignature(WireError):
    """A signature does not hold."""


class BadHmac(BadSignature):
    """An HMAC does not hold: whoever made it does not know the secret we share."""
