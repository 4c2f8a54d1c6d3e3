"""Settings of the sample project, for tests, demo and development.

Everything that differs between them comes from the environment:

=============================  ==================================================
``TESTING``                    1: fast passwords, eager tasks, memory back ends
``SAMPLE_APP``                 1: the models are swapped with the sample app's
``DEBUG``                      0: Django's debug mode off
``FIRMWARE_DB``                ``spatialite`` (default) or ``postgres``; the latter
                               reads ``PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE``
``FIRMWARE_SQLITE_NAME``       path of the SQLite file
``FIRMWARE_SQLITE_TEST_NAME``  path of the SQLite file of tests (default: memory)
``REDIS_URL``                  ``redis://host:port`` or ``unix:///path``: real
                               broker, cache and channel layer, tests included
``PRIVATE_STORAGE_ROOT``       folder of the firmware images
``FIRMWARE_S3_ENDPOINT``       URL of a service that speaks S3: images are kept in
                               its bucket ``firmware``
``FIRMWARE_STORAGE_SERVER``    PRIVATE_STORAGE_SERVER, such as ``nginx``
``FIRMWARE_OPENWRT_SETTINGS``  JSON of OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS
``FIRMWARE_LEASE``             JSON of OPENWISP_FIRMWARE_UPGRADER_LEASE
``FIRMWARE_CONCURRENCY``       JSON of OPENWISP_FIRMWARE_UPGRADER_CONCURRENCY
``FIRMWARE_UPLOAD_RATE``       JSON of OPENWISP_FIRMWARE_UPGRADER_UPLOAD_RATE
``FIRMWARE_RETRY_OPTIONS``     JSON of OPENWISP_FIRMWARE_UPGRADER_RETRY_OPTIONS
``FIRMWARE_API``               JSON of OPENWISP_FIRMWARE_UPGRADER_API
``FIRMWARE_TASK_TIMEOUT``      OPENWISP_FIRMWARE_UPGRADER_TASK_TIMEOUT in seconds
``FIRMWARE_UPGRADERS_MAP``     JSON of OPENWISP_FIRMWARE_UPGRADERS_MAP
``FIRMWARE_SSH_SETTINGS``      JSON such as ``{"COMMAND_TIMEOUT": 5}`` for the
                               controller's ``OPENWISP_SSH_*`` settings
``FIRMWARE_LANGUAGE``          language of the site, ``en-gb`` by default
``FIRMWARE_LOG_LEVEL``         level of our own logger
=============================  ==================================================
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

from .gdal import find_gdal

TESTS_DIR = Path(__file__).resolve().parent.parent
BASE_DIR = TESTS_DIR.parent
WORK_DIR = BASE_DIR / ".work"

TESTING = os.environ.get("TESTING", "0") == "1" or sys.argv[1:2] == ["test"]
SAMPLE_APP = os.environ.get("SAMPLE_APP", "0") == "1"
DEBUG = os.environ.get("DEBUG", "1") == "1"
REDIS_URL = os.environ.get("REDIS_URL", "")

SECRET_KEY = "the sample project is never deployed, its key is no secret"
ALLOWED_HOSTS = ["*"]


def from_environment(variable, setting):
    """Takes a setting from JSON in the environment, when it is there."""
    if value := os.environ.get(variable):
        globals()[setting] = json.loads(value)


# Database

if os.environ.get("FIRMWARE_DB", "spatialite") == "postgres":
    DATABASES = {
        "default": {
            "ENGINE": "django.contrib.gis.db.backends.postgis",
            "NAME": os.environ.get("PGDATABASE", "openwisp2"),
            "USER": os.environ.get("PGUSER", "openwisp2"),
            "PASSWORD": os.environ.get("PGPASSWORD", ""),
            "HOST": os.environ.get("PGHOST", "localhost"),
            "PORT": os.environ.get("PGPORT", "5432"),
        }
    }
else:
    SQLITE_TEST_NAME = os.environ.get("FIRMWARE_SQLITE_TEST_NAME")
    # The live server of tests in a browser is forked from them: with a write-ahead
    # log it stops seeing their writes once they close a connection.
    JOURNAL = "DELETE" if SQLITE_TEST_NAME else "WAL"
    DATABASES = {
        "default": {
            "ENGINE": "openwisp_utils.db.backends.spatialite",
            "NAME": os.environ.get(
                "FIRMWARE_SQLITE_NAME", str(WORK_DIR / "openwisp2.db")
            ),
            # Several processes write: readers must not block the one writer. Who reads
            # before it writes would fail at once, whatever the timeout, had somebody
            # else written meanwhile; tests hold a transaction open while others read.
            "OPTIONS": {
                "timeout": 30,
                "transaction_mode": "DEFERRED" if TESTING else "IMMEDIATE",
                "init_command": (
                    f"PRAGMA journal_mode={JOURNAL}; PRAGMA synchronous=NORMAL;"
                ),
            },
            "TEST": {"NAME": SQLITE_TEST_NAME},
        }
    }
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
SPATIALITE_LIBRARY_PATH = "mod_spatialite.so"
GDAL_LIBRARY_PATH = find_gdal()
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

# Applications, in the order an OpenWISP project needs

INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "django.contrib.sites",
    "openwisp_users.accounts",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "django_extensions",
    "openwisp_users",
    "openwisp_controller.pki",
    "openwisp_controller.config",
    "openwisp_controller.connection",
    "openwisp_controller.geo",
    "openwisp_controller.subnet_division",
    "openwisp_firmware_upgrader",
    "openwisp_notifications",
    "openwisp_ipam",
    # The theme overrides templates of the admin, which comes after it.
    "openwisp_utils.admin_theme",
    "admin_auto_filters",
    "django.contrib.admin",
    "django.forms",
    "import_export",
    "sortedm2m",
    "reversion",
    "leaflet",
    "flat_json_widget",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_gis",
    "django_filters",
    "drf_yasg",
    "private_storage",
    "channels",
]
EXTENDED_APPS = ["django_x509", "django_loci"]

if SAMPLE_APP:
    position = INSTALLED_APPS.index("openwisp_firmware_upgrader")
    INSTALLED_APPS[position] = "openwisp2.sample_firmware_upgrader"
    EXTENDED_APPS.append("openwisp_firmware_upgrader")
    FIRMWARE_UPGRADER_CATEGORY_MODEL = "sample_firmware_upgrader.Category"
    FIRMWARE_UPGRADER_BUILD_MODEL = "sample_firmware_upgrader.Build"
    FIRMWARE_UPGRADER_FIRMWAREIMAGE_MODEL = "sample_firmware_upgrader.FirmwareImage"
    FIRMWARE_UPGRADER_DEVICEFIRMWARE_MODEL = "sample_firmware_upgrader.DeviceFirmware"
    FIRMWARE_UPGRADER_BATCHUPGRADEOPERATION_MODEL = (
        "sample_firmware_upgrader.BatchUpgradeOperation"
    )
    FIRMWARE_UPGRADER_UPGRADEOPERATION_MODEL = (
        "sample_firmware_upgrader.UpgradeOperation"
    )

AUTH_USER_MODEL = "openwisp_users.User"
SITE_ID = 1
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_REDIRECT_URL
AUTHENTICATION_BACKENDS = ["openwisp_users.backends.UsersAuthenticationBackend"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "openwisp_users.middleware.PasswordExpirationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "openwisp2.urls"
ASGI_APPLICATION = "openwisp2.asgi.application"
WSGI_APPLICATION = "openwisp2.wsgi.application"

# Templates and static files

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    # without it every page parses its templates anew
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                        "openwisp_utils.loaders.DependencyLoader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "openwisp_utils.admin_theme.context_processor.menu_groups",
                "openwisp_utils.admin_theme.context_processor.admin_theme_settings",
                "openwisp_notifications.context_processors.notification_api_settings",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "openwisp_utils.staticfiles.DependencyFinder",
]
STATIC_URL = "/static/"
STATIC_ROOT = WORK_DIR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = WORK_DIR / "media"
PRIVATE_STORAGE_ROOT = os.environ.get(
    "PRIVATE_STORAGE_ROOT", str(WORK_DIR / ("private_test" if TESTING else "private"))
)
Path(PRIVATE_STORAGE_ROOT).mkdir(parents=True, exist_ok=True)
PRIVATE_STORAGE_SERVER = os.environ.get("FIRMWARE_STORAGE_SERVER", "django")
PRIVATE_STORAGE_INTERNAL_URL = "/private-x-accel-redirect/"
if os.environ.get("FIRMWARE_S3_ENDPOINT"):
    OPENWISP_FIRMWARE_PRIVATE_STORAGE_INSTANCE = "openwisp2.storages.s3_storage"
    AWS_PRIVATE_STORAGE_BUCKET_NAME = "firmware"
    AWS_PRIVATE_S3_ENDPOINT_URL = os.environ["FIRMWARE_S3_ENDPOINT"]
    AWS_PRIVATE_S3_REGION_NAME = "eu-south-1"
    AWS_PRIVATE_S3_ACCESS_KEY_ID = AWS_PRIVATE_S3_SECRET_ACCESS_KEY = "test"
    PRIVATE_STORAGE_S3_REVERSE_PROXY = True
    AWS_S3_MAX_MEMORY_SIZE = 1024 * 1024
    AWS_S3_USE_THREADS = False

# Language and time

LANGUAGE_CODE = os.environ.get("FIRMWARE_LANGUAGE", "en-gb")
TIME_ZONE = "Europe/Rome"
USE_I18N = True
if SAMPLE_APP:
    # our app is extended, not installed: its catalogues are named
    LOCALE_PATHS = [BASE_DIR / "openwisp_firmware_upgrader" / "locale"]
USE_TZ = True

# Redis: broker, cache and channel layer

REDIS_URL = REDIS_URL or ("" if TESTING else "redis://localhost:6379")


def redis_url(database):
    """Returns the address of one database of the Redis server."""
    if REDIS_URL.startswith("unix://"):
        return f"{REDIS_URL}?db={database}"
    return f"{REDIS_URL.rstrip('/')}/{database}"


# Celery closes the database connection after every task otherwise
CELERY_DB_REUSE_MAX = 500
if REDIS_URL:
    if REDIS_URL.startswith("unix://"):
        socket = REDIS_URL.removeprefix("unix://")
        CELERY_BROKER_URL = f"redis+socket://{socket}?virtual_host=0"
    else:
        CELERY_BROKER_URL = redis_url(0)
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": redis_url(1),
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # channels_redis waits 5 s for a message, a client that waits no longer
            # (the default of redis 8) ends sockets on which nothing happens
            "CONFIG": {"hosts": [{"address": redis_url(2), "socket_timeout": 20}]},
        }
    }
else:
    CELERY_BROKER_URL = "memory://"
    CELERY_TASK_ALWAYS_EAGER = True
    CELERY_TASK_EAGER_PROPAGATES = True
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"

CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "resume_upgrades": {
        "task": "openwisp_firmware_upgrader.tasks.resume_upgrades",
        "schedule": timedelta(seconds=30),
    },
    "delete_old_notifications": {
        "task": "openwisp_notifications.tasks.delete_old_notifications",
        "schedule": timedelta(days=1),
        "args": (90,),
    },
}

# OpenWISP

OPENWISP_ORGANIZATION_USER_ADMIN = True
OPENWISP_ORGANIZATION_OWNER_ADMIN = True
OPENWISP_USERS_AUTH_API = True
# The devices of tests and demo are reached at the address they report.
OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLY = False

OPENWISP_CUSTOM_OPENWRT_IMAGES = (
    (
        "customimage-squashfs-sysupgrade.bin",
        {"label": "Custom WAP-1200", "boards": ("CWAP1200",)},
    ),
)
if TESTING:
    OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS = {
        "reconnect_delay": 150,
        "reconnect_retry_delay": 30,
        "reconnect_max_retries": 10,
        "upgrade_timeout": 80,
    }
from_environment(
    "FIRMWARE_OPENWRT_SETTINGS", "OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS"
)
from_environment("FIRMWARE_LEASE", "OPENWISP_FIRMWARE_UPGRADER_LEASE")
from_environment("FIRMWARE_CONCURRENCY", "OPENWISP_FIRMWARE_UPGRADER_CONCURRENCY")
from_environment("FIRMWARE_UPLOAD_RATE", "OPENWISP_FIRMWARE_UPGRADER_UPLOAD_RATE")
from_environment("FIRMWARE_RETRY_OPTIONS", "OPENWISP_FIRMWARE_UPGRADER_RETRY_OPTIONS")
from_environment("FIRMWARE_API", "OPENWISP_FIRMWARE_UPGRADER_API")
from_environment("FIRMWARE_TASK_TIMEOUT", "OPENWISP_FIRMWARE_UPGRADER_TASK_TIMEOUT")
from_environment("FIRMWARE_UPGRADERS_MAP", "OPENWISP_FIRMWARE_UPGRADERS_MAP")
for name, seconds in json.loads(os.environ.get("FIRMWARE_SSH_SETTINGS", "{}")).items():
    globals()[f"OPENWISP_SSH_{name}"] = seconds

# Mail, logs, tests

EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
EMAIL_TIMEOUT = 5

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "simple": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "simple"}},
    "root": {"level": "ERROR" if TESTING else "WARNING", "handlers": ["console"]},
    "loggers": {
        # refusals are what many tests are about
        "django.request": {"level": "ERROR" if TESTING else "WARNING"},
        "openwisp_firmware_upgrader": {
            "level": os.environ.get(
                "FIRMWARE_LOG_LEVEL", "ERROR" if TESTING else "INFO"
            )
        },
    },
}
TEST_RUNNER = "openwisp2.test_runner.ReportingRunner"
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
