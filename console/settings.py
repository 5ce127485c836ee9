"""Settings of one installation. Everything that can differ comes from the environment, read here and nowhere else.

`env.example` lists every variable. Where no DATABASE_URL is given, the embedded database of `manage.py up` is meant.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from console.environment import database_from_url, env_bool, env_int, env_list, env_secret, env_sizes, env_str, env_word
from console.local.paths import APP_ROLE, OWNER_ROLE, Runtime, absent, database_url, secret_key, socket_folder
from console.logging import configure

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# The installation
COUNTERSIGN_DATA = Path(env_str("COUNTERSIGN_DATA") or BASE_DIR / "var").expanduser().absolute()
COUNTERSIGN_TEST = env_bool("COUNTERSIGN_TEST")
COUNTERSIGN_TOOLS = env_list("COUNTERSIGN_TOOLS")
FAILPOINTS = env_str("FAILPOINTS")
if FAILPOINTS and not COUNTERSIGN_TEST:
    raise ImproperlyConfigured("FAILPOINTS is for the fault tests, which set COUNTERSIGN_TEST=1. Unset it.")
RUNTIME = Runtime.read(COUNTERSIGN_DATA)
HOST = env_str("COUNTERSIGN_HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, minimum=1, maximum=65535)
COUNTERSIGN_PUBLIC_URL = (env_str("COUNTERSIGN_PUBLIC_URL") or f"http://127.0.0.1:{PORT}").rstrip("/")
DEBUG = env_bool("COUNTERSIGN_DEBUG")

# Databases: `default` is the application's role, `owner` the role that migrates. The same database, two rights.
EMBEDDED = not (env_str("DATABASE_URL") or env_str("DATABASE_URL_FILE"))
_socket = socket_folder(COUNTERSIGN_DATA / "postgres")
DATABASE_URL = env_secret("DATABASE_URL") or RUNTIME.database_url or database_url(_socket, APP_ROLE)
DATABASE_OWNER_URL = env_secret("DATABASE_OWNER_URL") or (
    (RUNTIME.owner_url or database_url(_socket, OWNER_ROLE)) if EMBEDDED else DATABASE_URL
)
DATABASES = {
    "default": database_from_url("DATABASE_URL", DATABASE_URL, pool=env_int("DATABASE_POOL", 0, minimum=0, maximum=500)),
    "owner": database_from_url("DATABASE_OWNER_URL", DATABASE_OWNER_URL),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The demo is seeded into the embedded database when that is empty, elsewhere only on request.
DEMO = env_bool("COUNTERSIGN_DEMO", EMBEDDED)

# Models
OPENAI_API_KEY = env_secret("OPENAI_API_KEY")
OPENAI_AIOHTTP = env_bool("OPENAI_AIOHTTP", True)
SCRIPTED_URL = env_str("SCRIPTED_URL") or RUNTIME.scripted_url
SCRIPTED = not (OPENAI_API_KEY or env_str("OPENAI_BASE_URL"))
OPENAI_BASE_URL = env_str("OPENAI_BASE_URL") or (SCRIPTED_URL if SCRIPTED else "")
UNKNOWN_MODEL_INPUT_MICROUSD_PER_MTOK = env_int("UNKNOWN_MODEL_INPUT_MICROUSD_PER_MTOK", 10_000_000)
UNKNOWN_MODEL_OUTPUT_MICROUSD_PER_MTOK = env_int("UNKNOWN_MODEL_OUTPUT_MICROUSD_PER_MTOK", 30_000_000)
MODEL_OUTPUT_TOKENS = env_int("MODEL_OUTPUT_TOKENS", 16_384, minimum=16, maximum=1_000_000)
MODEL_WINDOWS = env_sizes("MODEL_WINDOWS")
SEARCH_URL = env_str("SEARCH_URL")
BREAKER_FAILURES = env_int("BREAKER_FAILURES", 5, minimum=1, maximum=1000)
BREAKER_COOL_S = env_int("BREAKER_COOL_S", 60, minimum=1, maximum=3600)

# Mail
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST_GIVEN = bool(env_str("EMAIL_HOST"))
_demo_mail = bool(RUNTIME.mail_port) and not EMAIL_HOST_GIVEN
EMAIL_HOST = env_str("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = RUNTIME.mail_port if _demo_mail else env_int("EMAIL_PORT", 25, minimum=1, maximum=65535)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL")
EMAIL_TIMEOUT = env_int("EMAIL_TIMEOUT", 15, minimum=1)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env_str("DEFAULT_FROM_EMAIL", "countersign@localhost")
MAIL_CATCHER_DIR = Path(env_str("MAIL_CATCHER_DIR") or COUNTERSIGN_DATA / "mail")

# Chat messages to people
CHAT_ALLOW_PRIVATE = env_bool("CHAT_ALLOW_PRIVATE")

# Webhooks: what their secrets are made from (several while it is changed, the newest first), and hosts that may be private
WEBHOOK_KEY = env_secret("WEBHOOK_KEY")
WEBHOOK_ALLOW_HOSTS = frozenset(host.lower() for host in env_list("WEBHOOK_ALLOW_HOSTS"))

# Programs that are told of alarms of the log
ALARM_WEBHOOKS = env_list("ALARM_WEBHOOKS")

# Sealer: the key that signs the log's checkpoints, where they are shown outside, and how often it looks. By whose public half
# signatures are checked here, and whose cosignatures are kept
SEAL_KEY = Path(env_str("SEAL_KEY") or COUNTERSIGN_DATA / "seal.key").expanduser().absolute()
SEAL_PUBLISH = env_list("SEAL_PUBLISH")
SEAL_PUBLIC_KEY = env_list("SEAL_PUBLIC_KEY")
SEAL_WITNESSES = env_list("SEAL_WITNESSES")
SEAL_EVERY_S = env_int("SEAL_EVERY_S", 1, minimum=1, maximum=3600)
SEAL_LATE_S = env_int("SEAL_LATE_S", 60, maximum=86_400)

# Verification from inside: how often what is new is verified by itself, and how often all of the log
AUDIT_VERIFY_EVERY_S = env_int("AUDIT_VERIFY_EVERY_S", 86_400)
AUDIT_VERIFY_WHOLE_EVERY_S = env_int("AUDIT_VERIFY_WHOLE_EVERY_S", 604_800, minimum=60)

# How often all rows are held against the log in the background, in hours; 0 for never
AGREEMENT_EVERY_H = env_int("AGREEMENT_EVERY_H", 24, minimum=0, maximum=8760)

# Push of the log's entries: the one folder that files of lines are written into
_push_dir = env_str("AUDIT_PUSH_DIR") or (str(COUNTERSIGN_DATA / "push") if EMBEDDED else "")
AUDIT_PUSH_DIR = Path(_push_dir).expanduser().absolute() if _push_dir else None

# Exports: how long their files are kept, and how much all of them may take
EXPORT_KEEP_DAYS = env_int("EXPORT_KEEP_DAYS", 7, minimum=1, maximum=365)
EXPORT_MOST_MB = env_int("EXPORT_MOST_MB", 4096, minimum=16, maximum=10_000_000)

# Worker
WORKER_SESSIONS = env_int("WORKER_SESSIONS", 50, minimum=1, maximum=1000)
WORKERS = env_int("WORKERS", 1, minimum=1, maximum=64)
LEASE_S = env_int("LEASE_S", 10, minimum=2, maximum=600)
EVAL_OVERALL = env_int("EVAL_OVERALL", 80, minimum=0, maximum=100)
_cluster = {
    "orm": "default",
    "workers": 1,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.2,
    "timeout": 120,
    # A task that outlives `retry` runs twice, so it lies above `timeout`, and that above the longest drain.
    "retry": 180,
    "max_attempts": 3,
    "ack_failures": False,
    "save_limit": 250,
    "label": "Queue",
    "catch_up": False,
    "daemonize_workers": False,
}
Q_CLUSTER = {
    **_cluster,
    "name": "background",
    "ALT_CLUSTERS": {"drain": {**_cluster, "workers": WORKERS, "queue_limit": WORKERS, "poll": 0.05}},
}

# Django
INSTALLED_APPS = [
    "console",
    "agents",
    "approvals",
    "audit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_q",
    "template_partials",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.headers.SecurityHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "console.cookies.KeepingSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Files of the pages
STATIC_URL = "/static/"
STATIC_ROOT = COUNTERSIGN_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.static_files.StaticFiles"},
}
# Sizes of requests: documents and messages are text of at most a few hundred KiB.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# Security. Over plain http only a loopback address is meant; everything else comes through a TLS proxy.
SECURE = COUNTERSIGN_PUBLIC_URL.startswith("https://")
_public_host = urlsplit(COUNTERSIGN_PUBLIC_URL).hostname or ""
ALLOWED_HOSTS = list({_public_host, "localhost", "127.0.0.1", "[::1]", *env_list("COUNTERSIGN_ALLOWED_HOSTS")} - {""})
CSRF_TRUSTED_ORIGINS = [COUNTERSIGN_PUBLIC_URL]
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = SECURE
CSRF_FAILURE_VIEW = "console.views.failures.csrf_failed"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "countersign_session"
CSRF_COOKIE_NAME = "countersign_csrf"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("COUNTERSIGN_BEHIND_PROXY") else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
        "report-uri": ["/csp-report/"],
    }
}

# Logs
LOG_LEVEL = env_str("LOG_LEVEL", "INFO").upper()
# People read a terminal, programs read everything else.
LOG_FORMAT = env_word("LOG_FORMAT", ("text", "json"), "text" if sys.stderr.isatty() else "json")
LOGGING = configure(LOG_LEVEL, as_json=LOG_FORMAT == "json")

# Last of all, for it makes the data folder: a setting that is wrong leaves nothing behind.
ABSENT = absent(COUNTERSIGN_DATA)


def _secret_key() -> str:
    given = env_secret("SECRET_KEY")
    try:
        return given or secret_key(COUNTERSIGN_DATA)
    except OSError as error:
        raise ImproperlyConfigured(
            f"COUNTERSIGN_DATA ({COUNTERSIGN_DATA}) cannot be written: {error.strerror}. Name a folder of yours."
        ) from error


SECRET_KEY = _secret_key()
