"""A cluster's own authority and the certificates of its parts, with elliptic keys: they take milliseconds."""

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 30
_PRIVATE = 0o600


class Authority:
    """Signs certificates into one folder as NAME.crt and NAME.key; its own are ca.crt and ca.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = _new_key(folder / "ca.key")
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-cluster-ca")])
        certificate = (
            _builder(self._subject, self._subject, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write(folder / "ca.crt", certificate)

    def sign(self, name: str, common_name: str, organization: str = "", addresses: tuple[str, ...] = ()) -> None:
        """A certificate that serves at `addresses` and identifies a client: the API server reads user and group."""
        key = _new_key(self.folder / f"{name}.key")
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization:
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        built = _builder(x509.Name(parts), self._subject, key.public_key()).add_extension(usage, critical=False)
        if addresses:
            names = x509.SubjectAlternativeName([_alternative(address) for address in addresses])
            built = built.add_extension(names, critical=False)
        _write(self.folder / f"{name}.crt", built.sign(self._key, hashes.SHA256()))

    def service_account_keys(self) -> None:
        """sa.key and sa.pub, which sign and check the tokens of ServiceAccounts."""
        public = _new_key(self.folder / "sa.key").public_key()
        encoded = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "sa.pub").write_bytes(encoded)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _alternative(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.touch(mode=_PRIVATE)
    path.write_bytes(encoded)
    return key


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
