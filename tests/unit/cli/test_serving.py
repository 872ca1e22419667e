import argparse
from pathlib import Path

import pytest

from s2s.certificates import Certificate, Throwaway
from s2s.cli.serving import add_doors, tls_of
from s2s.errors import ConfigError


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_doors(parser, 1234)
    return parser.parse_args(arguments)


def test_without_a_word_there_is_no_tls() -> None:
    assert tls_of(parsed()) is None


def test_tls_alone_makes_a_throwaway() -> None:
    assert isinstance(tls_of(parsed("--tls")), Throwaway)


def test_a_certificate_of_ones_own_may_have_its_key_elsewhere() -> None:
    assert tls_of(parsed("--certificate", "a.pem")) == Certificate(Path("a.pem"))
    both = parsed("--certificate", "a.pem", "--certificate-key", "b.pem")
    assert tls_of(both) == Certificate(Path("a.pem"), Path("b.pem"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--certificate-key", "b.pem"), "give --certificate as well"),
        (("--certificate-key", "b.pem", "--tls"), "give --certificate as well"),
        (("--ca-file", "c.pem"), "give --tls as well"),
        (("--ca-file", "c.pem", "--certificate", "a.pem"), "give --tls as well"),
        (("--tls", "--host", "not a host"), "give names of this machine"),
    ],
)
def test_what_does_not_go_together_is_explained(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        tls_of(parsed(*arguments))


def test_one_certificate_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--tls", "--certificate", "a.pem")
    assert "not allowed with argument --tls" in capsys.readouterr().err
