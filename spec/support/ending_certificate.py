"""Issues a certificate anew, so that it ends in some seconds. Arguments: the state of the project, the certificate, the seconds."""

import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

state, path, seconds = sys.argv[1:]
with open(state) as file:
    key = serialization.load_pem_private_key(json.load(file)["root_pri_key"].encode(), None)
with open(path, "rb") as file:
    old = x509.load_pem_x509_certificate(file.read())

now = datetime.datetime.now(datetime.timezone.utc)
builder = (
    x509.CertificateBuilder()
    .subject_name(old.subject)
    .issuer_name(old.issuer)
    .public_key(old.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(seconds=float(seconds)))
)
for extension in old.extensions:
    builder = builder.add_extension(extension.value, extension.critical)
with open(path, "wb") as file:
    file.write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
