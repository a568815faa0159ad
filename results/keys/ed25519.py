"""Ed25519 signatures checked by libsodium: about twice as fast as OpenSSL's check."""

from __future__ import annotations

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

__all__ = ["holds"]

_SIGNATURE, _KEY = 64, 32  # bytes


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature over a message is that of a raw public key (RFC 8032)."""
    if len(signature) != _SIGNATURE or len(public) != _KEY:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True
