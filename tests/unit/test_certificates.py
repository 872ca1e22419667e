"""Certificates for a server, and what is said where they are of no use."""

import datetime
import ssl
import sys
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from s2s.certificates import Certificate, Throwaway
from s2s.errors import ConfigError

ISSUED = trustme.CA().issue_cert("localhost")
CHAIN = ISSUED.cert_chain_pems[0].bytes()
KEY = ISSUED.private_key_pem.bytes()


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Have the two greet each other in memory, and return the client's end."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname=host),
        server.wrap_bio(up, down, server_side=True),
    )
    waiting = set(ends)
    for _ in range(10):
        for each in tuple(waiting):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.discard(each)
    assert not waiting
    return ends[0]


def trusting(made: Throwaway) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=made.ca_pem.decode())


def placed(folder: Path, name: str, content: bytes) -> Path:
    place = folder / name
    place.write_bytes(content)
    return place


# A throw-away one.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_throwaway_is_good_for_the_loopback_where_it_is_trusted(host: str) -> None:
    made = Throwaway()
    assert handshake(made.context(), trusting(made), host).version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("name", ["192.0.2.7", "voice.example", "0.0.0.0"])
def test_a_throwaway_is_good_for_the_names_that_are_given(name: str) -> None:
    made = Throwaway(name)
    handshake(made.context(), trusting(made), name)
    handshake(made.context(), trusting(made), "localhost")


def test_a_throwaway_is_good_for_no_other_host() -> None:
    made = Throwaway()
    with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
        handshake(made.context(), trusting(made), "elsewhere.example")


def test_a_throwaway_is_worth_nothing_to_those_who_trust_another() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(Throwaway().context(), trusting(Throwaway()), "localhost")


def test_a_throwaway_passes_the_strict_rules_of_newer_pythons() -> None:
    made = Throwaway()
    strict = trusting(made)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    handshake(made.context(), strict, "127.0.0.1")


def test_a_throwaway_ends_within_the_year_that_clients_accept() -> None:
    made = Throwaway()
    shown = handshake(made.context(), trusting(made), "localhost").getpeercert(binary_form=True)
    assert shown is not None
    found = x509.load_der_x509_certificate(shown)
    assert found.not_valid_after_utc - found.not_valid_before_utc < datetime.timedelta(days=398)


def test_the_file_for_clients_holds_the_authority_and_no_key(tmp_path: Path) -> None:
    made = Throwaway()
    made.write(tmp_path / "ca.pem")
    held = (tmp_path / "ca.pem").read_bytes()
    assert b"PRIVATE" not in held
    handshake(made.context(), ssl.create_default_context(cafile=str(tmp_path / "ca.pem")), "localhost")


def test_the_file_of_an_earlier_start_is_replaced_and_no_other(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    Throwaway().write(place)
    made = Throwaway()
    made.write(str(place))
    assert made.ca_pem in place.read_bytes()
    precious = placed(tmp_path, "roots.pem", CHAIN)
    with pytest.raises(ConfigError, match=r"roots\.pem holds something else .* choose another place"):
        made.write(precious)
    assert precious.read_bytes() == CHAIN


@pytest.mark.parametrize("name", ["a b", "-", "x" * 300])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no certificate can be made for {name}: .*; give names"):
        Throwaway(name)


def test_without_trustme_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[tls\]', or give your own"):
        Throwaway()


def test_one_of_your_own_needs_no_trustme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert Certificate(placed(tmp_path, "both.pem", KEY + CHAIN)).context().verify_mode == ssl.CERT_NONE


# One's own.


def test_a_certificate_and_its_key_may_stand_in_one_file_or_in_two(tmp_path: Path) -> None:
    chain, key = placed(tmp_path, "chain.pem", CHAIN), placed(tmp_path, "key.pem", KEY)
    both = placed(tmp_path, "both.pem", CHAIN + KEY)
    for each in (Certificate(chain, key), Certificate(str(chain), str(key)), Certificate(both)):
        assert each.context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    chain, nowhere = placed(tmp_path, "chain.pem", CHAIN), tmp_path / "nowhere.pem"
    with pytest.raises(ConfigError, match=r"no certificate can be read from .*nowhere\.pem: No such file"):
        Certificate(nowhere, chain).context()
    with pytest.raises(ConfigError, match=r"no key can be read from .*nowhere\.pem: No such file"):
        Certificate(chain, nowhere).context()
    with pytest.raises(ConfigError, match="Is a directory; check the path"):
        Certificate(tmp_path, chain).context()


@pytest.mark.parametrize("content", [b"", b"\x30\x82\x01\x0a", KEY, CHAIN.replace(b"CERTIFICATE", b"CRL")])
def test_a_file_without_a_certificate_is_named(tmp_path: Path, content: bytes) -> None:
    odd, key = placed(tmp_path, "odd.pem", content), placed(tmp_path, "key.pem", KEY)
    with pytest.raises(ConfigError, match=r"odd\.pem holds no certificate in PEM: .*BEGIN CERTIFICATE"):
        Certificate(odd, key).context()


@pytest.mark.parametrize("key", ["chain.pem", None])
def test_a_file_without_a_key_is_named(tmp_path: Path, key: str | None) -> None:
    chain = placed(tmp_path, "chain.pem", CHAIN)
    with pytest.raises(ConfigError, match=r"chain\.pem holds no key in PEM: .*BEGIN PRIVATE KEY"):
        Certificate(chain, key and tmp_path / key).context()


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    for kind in trustme.KeyType:
        other = trustme.CA().issue_cert("localhost", key_type=kind).private_key_pem.bytes()
        chain, key = placed(tmp_path, "chain.pem", CHAIN), placed(tmp_path, "key.pem", other)
        with pytest.raises(ConfigError, match=r"key\.pem is not the key to .*chain\.pem: name the two"):
            Certificate(chain, key).context()


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    damaged = placed(tmp_path, "chain.pem", CHAIN.replace(b"\nMI", b"\nMM"))
    with pytest.raises(ConfigError, match=r"are of no use \(.*\): name PEM files"):
        Certificate(damaged, placed(tmp_path, "key.pem", KEY)).context()


def test_a_key_behind_a_password_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    opened = load_pem_private_key(KEY, None)
    locked = opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    chain, key = placed(tmp_path, "chain.pem", CHAIN), placed(tmp_path, "key.pem", locked)
    with pytest.raises(ConfigError, match=r"key\.pem is locked by a password: unlock it"):
        Certificate(chain, key).context()
