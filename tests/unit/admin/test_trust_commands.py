"""Whom a trunk trusts, whether it encrypts, and what its callers hear before the answer, as an admin says it."""

import subprocess
from pathlib import Path

import pytest
from terminal import Admin

TLS = {"PBX_SIP__TLS_BIND": "127.0.0.1:5061", "PBX_SIP__CERTIFICATE": "/srv/c.pem", "PBX_SIP__KEY": "/srv/k.pem"}
ADD = ("trunk", "add", "voz", "--match", "192.0.2.9", "--host", "sip.voz.example:5061", "--transport", "tls")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, in one file."""
    folder = tmp_path_factory.mktemp("authority")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=Voz"]
    subprocess.run(["openssl", *words, "-keyout", "ca.pem", "-out", "c"], cwd=folder, check=True, capture_output=True)
    file = folder / "ca.pem"
    file.write_text(file.read_text() + (folder / "c").read_text())
    return file


def trunk(admin: Admin) -> dict[str, object]:
    return next(row for row in admin.reads("trunk", "list") if row["name"] == "voz")


def pjsip(admin: Admin) -> str:
    return (admin.home / "asterisk/etc/pjsip.conf").read_text()


def test_a_trunk_over_tls_is_verified_and_encrypted_unless_told_otherwise(office: Admin) -> None:
    office.does(*ADD, env=TLS)
    assert (trunk(office)["verified_by"], trunk(office)["srtp"]) == ("system", "required")
    office.does("dialplan", "apply", env=TLS)
    assert "verify_server = yes\nca_list_file = /etc/ssl/certs/ca-certificates.crt\n" in pjsip(office)
    assert "media_encryption_optimistic = no" in pjsip(office)
    assert "verify_server = no" not in pjsip(office)

    office.does("trunk", "set", "voz", "--no-verify", "--srtp", "optional", env=TLS)
    assert (trunk(office)["verified_by"], trunk(office)["srtp"]) == ("nobody", "optional")
    doctor = office.types("doctor", env=TLS).output
    assert "anybody on the way may pose as the carrier voz" in doctor
    assert "what is spoken over voz may go unencrypted" in doctor


def test_the_certificates_of_a_trunk_are_kept_and_written_without_its_key(office: Admin, authority: Path) -> None:
    office.does(*ADD, "--ca", str(authority), env=TLS)
    assert trunk(office)["verified_by"] == "own"
    assert "ca" not in trunk(office)
    authority_before = authority.read_text()
    office.does("dialplan", "apply", env=TLS)
    number = next(path for path in (office.home / "asterisk/etc").glob("trunk-*.pem"))
    assert number.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert number.read_text().strip() in authority_before
    assert "PRIVATE" not in number.read_text()
    assert f"ca_list_file = {number}" in pjsip(office)

    office.does("trunk", "set", "voz", "--ca", "system", env=TLS)
    assert trunk(office)["verified_by"] == "system"
    office.does("dialplan", "apply", env=TLS)
    assert not list((office.home / "asterisk/etc").glob("trunk-*.pem"))


def test_a_trunk_without_tls_has_neither(office: Admin) -> None:
    office.does("trunk", "add", "voz", "--match", "192.0.2.9")
    assert (trunk(office)["verified_by"], trunk(office)["srtp"]) == (None, "off")


def test_a_trunks_callers_hear_us_before_the_answer_unless_told_otherwise(office: Admin) -> None:
    office.does("trunk", "add", "voz", "--match", "192.0.2.9")
    assert trunk(office)["early_media"] is True
    office.does("trunk", "set", "voz", "--no-early-media")
    assert trunk(office)["early_media"] is False
    office.does("dialplan", "apply")
    assert "set_var = TRUNK_EARLY=0" in pjsip(office)


def test_what_makes_no_sense_is_refused(office: Admin, authority: Path, tmp_path: Path) -> None:
    assert "set tls_bind, certificate and key" in office.is_refused(*ADD)
    assert "needs --transport tls" in office.is_refused("trunk", "set", "carrier", "--srtp", "required")
    assert "--ca is for a trunk with" in office.is_refused("trunk", "set", "carrier", "--ca", str(authority))
    assert "--ca is for" in office.is_refused(*ADD, "--no-verify", "--ca", str(authority), env=TLS)
    assert "cannot be read" in office.is_refused(*ADD, "--ca", str(tmp_path / "none.pem"), env=TLS)
    for name, text in {
        "empty": "",
        "key": authority.read_text().partition("-----BEGIN CERTIFICATE")[0],
        "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "large": authority.read_text() + "#" * (1 << 20),
    }.items():
        (tmp_path / name).write_text(text)
        assert "has no certificates in it" in office.is_refused(*ADD, "--ca", str(tmp_path / name), env=TLS), name
    assert [row["name"] for row in office.reads("trunk", "list")] == ["carrier"]


def test_a_secure_secretary_without_tls_is_told_by_doctor(office: Admin) -> None:
    office.does("secretary", "add", "Eva", "--secure", env=TLS)
    assert "the telephone of Eva must use TLS, and there is none" in office.types("doctor").output
    assert office.reads("secretary", "list")[0]["over"] is None
