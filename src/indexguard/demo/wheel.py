"""The demo's distributions: wheels written in memory, whose one module says where it came from."""

from __future__ import annotations

import hashlib
import io
import zipfile
from base64 import urlsafe_b64encode

_TIME = (2020, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def make_wheel(name: str, version: str, origin: str) -> tuple[str, bytes]:
    """Return file name and content of a wheel; its module, ``acme_core`` for ``acme-core``, holds VERSION and ORIGIN."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": f"VERSION = {version!r}\nORIGIN = {origin!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: indexguard-demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, _TIME), text)
    return f"{module}-{version}-py3-none-any.whl", content.getvalue()


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
