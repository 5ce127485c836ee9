"""Settings of the installation that the browser tests look at: the product's own, with cheap passwords."""

from console.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUDIT_VERIFY_EVERY_S = 0  # nothing happens by itself while pages are compared
