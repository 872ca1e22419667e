"""What a server shows to clients that insist on TLS: a certificate of one's own, or a throw-away one."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from s2s.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_VALID = datetime.timedelta(days=365)
_SKEW = datetime.timedelta(days=1)
_STRANGERS = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""What OpenSSL says of a key to another certificate; the last where one is RSA and the other is not."""
_OURS = b"# The throw-away CA of a server of voice-s2s; made anew at every start.\n"


class Certificate(Struct, frozen=True):
    """One's own, with the chain that leads to it, in PEM files."""

    certificate: str | Path
    key: str | Path | None = None
    """None where the certificate's file holds it too."""

    def context(self) -> ssl.SSLContext:
        """Return what a server listens with. Raises ConfigError that says which file is wrong and how."""
        key = self.certificate if self.key is None else self.key
        _require_pem(self.certificate, "certificate", "CERTIFICATE")
        _require_pem(key, "key", "PRIVATE KEY")

        def locked() -> str:
            raise ConfigError(
                f"{key} is locked by a password: unlock it with `openssl pkey -in ... -out ...`"
            )

        context = _context()
        try:
            context.load_cert_chain(self.certificate, key, password=locked)
        except ssl.SSLError as wrong:
            raise ConfigError(_told(wrong.reason or "", self.certificate, key)) from wrong
        return context


class Throwaway:
    """Made anew for this machine, and good where `ca_pem` is trusted. Needs trustme, of the extra `tls`.

    The key of its CA is forgotten at once, so whoever trusts that CA trusts this one certificate. Raises
    ConfigError where trustme is missing, and for what is no name.
    """

    def __init__(self, *names: str) -> None:
        """Make it for the loopback and for other `names` or addresses of this machine."""
        try:
            from trustme import CA
        except ImportError as missing:
            told = "a throw-away certificate needs trustme: pip install 'voice-s2s[tls]', or give your own"
            raise ConfigError(told) from missing
        authority = CA(path_length=0, organization_name="voice-s2s")
        today = datetime.datetime.now(datetime.UTC)
        hosts = dict.fromkeys((*LOOPBACK, *names))
        try:
            issued = authority.issue_cert(
                *hosts, organization_name="voice-s2s", not_before=today - _SKEW, not_after=today + _VALID
            )
        except ValueError as wrong:
            told = f"no certificate can be made for {', '.join(names)}: {wrong}; give names of this machine"
            raise ConfigError(told) from wrong
        self.ca_pem = authority.cert_pem.bytes()
        """What clients must trust."""
        self._issued = issued

    def context(self) -> ssl.SSLContext:
        """Return what a server listens with: each its own, for it may be told which protocols that has."""
        context = _context()
        self._issued.configure_cert(context)
        return context

    def write(self, path: str | Path) -> None:
        """Write `ca_pem` to a file, over that of an earlier start. Raises ConfigError for any other file."""
        place = Path(path)
        if place.exists() and not place.read_bytes().startswith(_OURS):
            raise ConfigError(f"{place} holds something else that would be lost: choose another place")
        place.write_bytes(_OURS + self.ca_pem)


TLS: TypeAlias = Certificate | Throwaway


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _require_pem(path: str | Path, what: str, label: str) -> None:
    try:
        held = Path(path).read_bytes()
    except OSError as wrong:
        raise ConfigError(f"no {what} can be read from {path}: {wrong.strerror}; check the path") from wrong
    if f"{label}-----".encode() not in held:
        raise ConfigError(f"{path} holds no {what} in PEM: name a file with -----BEGIN {label}-----")


def _told(reason: str, certificate: str | Path, key: str | Path) -> str:
    if reason in _STRANGERS:
        return f"{key} is not the key to {certificate}: name the two that belong together, the server's first"
    return f"{certificate} and {key} are of no use ({reason}): name PEM files of a certificate and its key"
