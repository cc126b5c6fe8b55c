"""The one settings file. Everything that differs between installations comes from environment variables,
read by `dialer_project.env`; `docs/settings.md` lists them.
"""

import sys
from datetime import timedelta
from pathlib import Path

from dialer_project import env
from dialer_project.beat import BEAT_SCHEDULE
from dialer_project.embedded import location
from dialer_project.navigation import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("DIALER_VAR", str(BASE_DIR / "var")))
"""Everything the product writes on disk (data of the embedded servers, logs, the secret key)."""

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY", "") or location.secret_key(VAR_DIR)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
"""Whose X-Forwarded-For is believed (accounts.client_address)."""

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "dialer_project.apps.DialerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "import_export",
    "guardian",
    "simple_history",
    "axes",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "groups",
    "uploads",
    "campaigns",
    "leads",
    "dnc",
    "telephony",
    "dialing",
    "dialer_project",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "dialer_project.idle_sessions.end_idle_sessions",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dialer_project.content_policy.own_host_only",
]

ROOT_URLCONF = "dialer_project.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "dialer_project" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]

# --- data ---------------------------------------------------------------------------------------------
DATABASE_URL = env.text("DATABASE_URL", "") or location.database_url(VAR_DIR)
DATABASES = {"default": env.database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL", "") or location.redis_url(VAR_DIR)

# --- accounts -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.lockout.LockedOutBackend",
    "accounts.backends.RoleBackend",
    "guardian.backends.ObjectPermissionBackend",  # what one may do in which dialer group: accounts.group_rights
]
ANONYMOUS_USER_NAME = None  # nobody has rights without signing in
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- lock against guessing passwords (accounts.lockout) -------------------------------------------------
AXES_FAILURE_LIMIT = env.integer("SIGN_IN_FAILURES", 10, lowest=1)
AXES_COOLOFF_TIME = timedelta(minutes=env.integer("SIGN_IN_LOCK_MINUTES", 15, lowest=1))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "accounts.client_address.client_address"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on trying does not keep the owner out longer
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = [
    "axes.W002"
]  # no middleware: the sign-in form and the API answer in their own words

# --- language and time --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [  # each by its own name, as everybody finds theirs
    ("en", "English"),
    ("pt", "Português"),
    ("fr", "Français"),
    ("es", "Español"),
    ("de", "Deutsch"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["dialer_project.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "UTC")

# --- web ----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served out of the packages: no collecting step that could be forgotten
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_ENGINE = "dialer_project.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_IDLE_MINUTES = env.integer("SESSION_IDLE_MINUTES", 60, lowest=1)
HTTPS = env.flag("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
"""Of the front that ends TLS; without it the addresses in the API's answers (`next`, `refused_rows`) would be http."""
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

X_FRAME_OPTIONS = "DENY"

# --- API ----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api_auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api_formats.Json"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api_formats.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "accounts.api_lists.Search",
        "accounts.api_lists.TotalOrder",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "accounts.api_problem.handle",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Dialer",
    "DESCRIPTION": "Outbound campaigns, their schedules, leads and call records.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "accounts.models.Role",
        "LeadStatusEnum": "leads.models.LeadStatus",
        "HeardBeforeAnswerEnum": "telephony.models.Heard",
        "WhoAnsweredEnum": "leads.models.AmdLabel.Heard",
        "LeadUploadStateEnum": "leads.models.LeadUpload.State",
        "LeadPoolEnum": "leads.models.Lead.Pool",
        "AttemptStateEnum": "leads.models.CallAttempt.State",
        "CampaignStateEnum": "campaigns.models.Campaign.State",
        "CampaignTypeEnum": "campaigns.models.Campaign.Type",
        "ScheduleStateEnum": "campaigns.models.Schedule.State",
        "DncServiceKindEnum": "dnc.models.DncService.Kind",
        "DncServiceStateEnum": "dnc.models.DncService.State",
        "PortStateEnum": "telephony.models.DialerPort.State",
        "ContactCenterStateEnum": "telephony.models.ContactCenter.State",
        "ContactCenterKindEnum": "telephony.models.ContactCenter.Kind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "dialer_project.api_schema.add_problems",
    ],
}

UPLOAD_TO_STARTED = env.flag("UPLOAD_TO_STARTED", False)

# --- dialing ------------------------------------------------------------------------------------------
SIP_KEEP_ALIVE_SECONDS = env.integer("SIP_KEEP_ALIVE_SECONDS", 25)
SIP_TLS_CERTIFICATE = env.text("SIP_TLS_CERTIFICATE", "")
SIP_TLS_KEY = env.text("SIP_TLS_KEY", "")
SIP_DNS_SERVERS = env.servers("SIP_DNS_SERVERS", 53)
SIP_PING_SECONDS = env.integer("SIP_PING_SECONDS", 30)
SIP_PING_MISSES = env.integer("SIP_PING_MISSES", 2, lowest=1)
LEASE_SECONDS = env.integer("LEASE_SECONDS", 30, lowest=3)
CALLS_STOP_SECONDS = env.integer("CALLS_STOP_SECONDS", 15)

# --- Celery (the facts behind each line are measured: docs/architecture.md) -----------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
# Else each new thread looks for the backend in all that is installed (3 to 4 ms).
CELERY_RESULT_BACKEND_THREAD_SAFE = True
# Celery closes no connection after a task: `dialer_project.celery` looks at them.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {"dialing.run_attempt": {"queue": "calls"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,  # a broker that stands still is as good as away: nothing waits for it for ever
    "socket_connect_timeout": 3,
    "health_check_interval": 10,
    "visibility_timeout": 4 * 3600,  # above the longest call
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# --- logging ------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {
        # beat says each second that it sends the same tasks; what they do is logged where it is done
        "without_due_tasks": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: not str(record.msg).startswith("Scheduler: Sending due task"),
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "formatter": "line",
            "filters": ["without_due_tasks"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},  # two lines a task, several tasks a second
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
