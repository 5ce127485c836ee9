"""Settings of a test run: the product's own, pointed at the tests' database server and a folder of their own."""

import os
from pathlib import Path

from tests.server import FOLDER, server

_data = FOLDER / "data"
(_data / "static").mkdir(mode=0o755, parents=True, exist_ok=True)
# A test run must not inherit the installation of whoever runs it.
for _name in ("DATABASE_OWNER_URL", "OPENAI_BASE_URL", "SEARCH_URL", "EMAIL_HOST", "FAILPOINTS", "COUNTERSIGN_TOOLS",
              "COUNTERSIGN_PUBLIC_URL", "PORT"):  # fmt: skip
    os.environ.pop(_name, None)
os.environ.update(
    COUNTERSIGN_TEST="1",
    COUNTERSIGN_DATA=str(_data),
    SECRET_KEY="tests-only-" + "0123456789abcdef" * 4,
    DATABASE_URL=server().url("countersign_app", "countersign"),
    DATABASE_OWNER_URL=server().url("countersign_owner", "countersign"),
    OPENAI_API_KEY="unused",
    LOG_LEVEL="WARNING",
)

from console.settings import *  # noqa: E402, F403

# Speed: strength of passwords is not under test, and pages are rendered from unhashed files.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = Path(_data) / "static"
WHITENOISE_USE_FINDERS = True
