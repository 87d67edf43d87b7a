"""The code bases that the extraction is measured on; ``python -m benchmarks.extraction_corpora DIR`` installs them.

Each lives in an environment of its own below DIR. Oscar and Superset were scored before a line was written for them:
68 of 80 models of Oscar were exact then (its `get_class` and `get_model` were flagged), 32 of 32 of Superset.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_DONE = "complete"
"""File in an environment that is installed as a whole."""
_TESTS = ("*.tests", "*.tests.*", "*.test_*", "*.migrations", "*.migrations.*")


@dataclass(frozen=True)
class Corpus:
    """One code base.

    Args:
        name: Its name in the table.
        requirements: What to install.
        packages: Packages whose classes are compared.
        setup: What must run before its modules can be imported.
        env: Environment variables for that; ``{home}`` is a scratch folder.
        exclude: Module globs that are not imported.
        frameworks: What the peers get to load in addition.
        models: Models of our own that use the code base, where it brings none.
        note: What a reader of the table should know.
    """

    name: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    setup: str = "pass"
    env: dict[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = _TESTS
    frameworks: tuple[str, ...] = ("django",)
    models: Path | None = None
    note: str = ""

    @property
    def slug(self) -> str:
        """Its name in the names of files."""
        return self.name.replace(" ", "-")


def _django(apps: str, more: str = "") -> str:
    return (
        "import django\nfrom django.conf import settings\n"
        f"settings.configure(INSTALLED_APPS={apps.split()!r}, SECRET_KEY='x', USE_TZ=True, ROOT_URLCONF='x', "
        "DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}, STATIC_URL='/s/', "
        "TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True}], "
        f"DEFAULT_AUTO_FIELD='django.db.models.AutoField'{more})\ndjango.setup()"
    )


_CONTRIB = (
    "django.contrib.admin django.contrib.auth django.contrib.contenttypes django.contrib.sessions "
    "django.contrib.messages django.contrib.sites django.contrib.flatpages"
)
_WAGTAIL = (
    "wagtail.contrib.forms wagtail.contrib.redirects wagtail.contrib.frontend_cache wagtail.contrib.search_promotions "
    "wagtail.contrib.settings wagtail.contrib.simple_translation wagtail.contrib.styleguide "
    "wagtail.contrib.table_block wagtail.contrib.typed_table_block wagtail.contrib.routable_page wagtail.embeds "
    "wagtail.sites wagtail.users wagtail.snippets wagtail.documents wagtail.images wagtail.search wagtail.admin "
    "wagtail.locales wagtail modelcluster taggit modelsearch rest_framework wagtail.api.v2"
)
_OSCAR = """analytics.apps.AnalyticsConfig checkout.apps.CheckoutConfig address.apps.AddressConfig
shipping.apps.ShippingConfig catalogue.apps.CatalogueConfig catalogue.reviews.apps.CatalogueReviewsConfig
communication.apps.CommunicationConfig partner.apps.PartnerConfig basket.apps.BasketConfig payment.apps.PaymentConfig
offer.apps.OfferConfig order.apps.OrderConfig customer.apps.CustomerConfig search.apps.SearchConfig
voucher.apps.VoucherConfig wishlists.apps.WishlistsConfig dashboard.apps.DashboardConfig
dashboard.reports.apps.ReportsDashboardConfig dashboard.users.apps.UsersDashboardConfig
dashboard.orders.apps.OrdersDashboardConfig dashboard.catalogue.apps.CatalogueDashboardConfig
dashboard.offers.apps.OffersDashboardConfig dashboard.partners.apps.PartnersDashboardConfig
dashboard.pages.apps.PagesDashboardConfig dashboard.ranges.apps.RangesDashboardConfig
dashboard.reviews.apps.ReviewsDashboardConfig dashboard.vouchers.apps.VouchersDashboardConfig
dashboard.communications.apps.CommunicationsDashboardConfig dashboard.shipping.apps.ShippingDashboardConfig"""

CORPORA = (
    Corpus(
        "wagtail",
        ("wagtail",),
        ("wagtail",),
        _django(f"{_CONTRIB} {_WAGTAIL}", ", WAGTAIL_SITE_NAME='x'"),
        exclude=(*_TESTS, "wagtail.test", "wagtail.test.*", "wagtail.project_template*", "wagtail.bin*"),
    ),
    Corpus(
        "django and friends",
        (
            "django",
            "djangorestframework",
            "django-taggit",
            "django-treebeard",
            "django-model-utils",
            "django-extensions",
            "django-lifecycle",
            "django-filter",
        ),
        (
            "django.contrib",
            "django.db",
            "django.forms",
            "rest_framework",
            "taggit",
            "treebeard",
            "model_utils",
            "django_extensions",
            "django_lifecycle",
            "django_filters",
        ),
        _django(
            f"{_CONTRIB} django.contrib.staticfiles django.contrib.redirects django.contrib.sitemaps "
            "django.contrib.syndication django.contrib.humanize django.contrib.admindocs rest_framework taggit "
            "treebeard model_utils django_extensions django_filters rest_framework.authtoken"
        ),
        exclude=(*_TESTS, "*.oracle*", "*.mysql*", "django.contrib.gis*", "*.conf.*"),
    ),
    Corpus(
        "advanced-alchemy and mixins",
        ("advanced-alchemy", "sqlalchemy-mixins"),
        ("extraction_consumer", "advanced_alchemy", "sqlalchemy_mixins", "sqlalchemy.orm", "sqlalchemy.ext"),
        frameworks=("sqlalchemy",),
        models=Path(__file__).with_name("extraction_consumer.py"),
    ),
    Corpus(
        "airflow-core",
        ("apache-airflow-core",),
        ("airflow",),
        env={"AIRFLOW_HOME": "{home}"},
        exclude=(*_TESTS, "airflow.example_dags*", "airflow.sdk.execution_time.task_runner*"),
        frameworks=("sqlalchemy",),
    ),
    Corpus(
        "pretalx",
        ("pretalx",),
        ("pretalx",),
        "import django\ndjango.setup()",
        {"DJANGO_SETTINGS_MODULE": "pretalx.settings", "PRETALX_DATA_DIR": "{home}"},
        (*_TESTS, "*.management.*"),
    ),
    Corpus(
        "galaxy-data",
        ("galaxy-data",),
        ("galaxy.model",),
        exclude=(*_TESTS, "*.versions*"),
        frameworks=("sqlalchemy",),
    ),
    Corpus(
        "pulpcore",
        ("pulpcore",),
        ("pulpcore",),
        "import django\ndjango.setup()",
        {
            "DJANGO_SETTINGS_MODULE": "pulpcore.app.settings",
            "PULP_SECRET_KEY": "x",
            "PULP_CONTENT_ORIGIN": "http://x",
            "PULP_DB_ENCRYPTION_KEY": "{home}/pulp.key",
            "PULP_DATABASES__default__ENGINE": "django.db.backends.sqlite3",
        },
    ),
    Corpus(
        "indico",
        ("indico", "setuptools<81"),
        ("indico",),
        "from indico.core.db.sqlalchemy.util.models import import_all_models\nimport_all_models()",
        exclude=(*_TESTS, "*_test", "*.testing*", "*.web.args", "*.bin*", "*.cli*"),
        frameworks=("sqlalchemy", "flask_sqlalchemy"),
    ),
    Corpus(
        "django-oscar",
        ("django-oscar", "sorl-thumbnail"),
        ("oscar",),
        "import oscar.defaults as _d\n"
        + _django(
            f"{_CONTRIB} oscar.config.Shop {' '.join('oscar.apps.' + one for one in _OSCAR.split())} widget_tweaks "
            "haystack treebeard sorl.thumbnail django_tables2",
            ", SITE_ID=1, HAYSTACK_CONNECTIONS={'default': {'ENGINE': 'haystack.backends.simple_backend.SimpleEngine'}}"
            ", **{k: getattr(_d, k) for k in dir(_d) if k.startswith('OSCAR')}",
        ),
        note="68/80 before any change",
    ),
    Corpus(
        "superset",
        ("apache-superset", "flask-caching<2.4"),
        ("superset",),
        "from superset.app import create_app\ncreate_app().app_context().push()",
        {"SUPERSET_CONFIG_PATH": "{home}/superset_config.py"},
        (*_TESTS, "superset.cli*", "superset.examples*"),
        frameworks=("sqlalchemy", "flask_appbuilder"),
        note="32/32 before any change",
    ),
)


class MissingError(Exception):
    """A code base is not installed, or cannot be imported."""


def site_packages(folder: Path, corpus: Corpus) -> Path:
    """Where a corpus is installed.

    Raises:
        MissingError: It is not.
    """
    found = sorted((folder / corpus.slug).glob("lib/python*/site-packages"))
    if not found or not (folder / corpus.slug / _DONE).is_file():
        raise MissingError(f"it is not installed in {folder}")
    if corpus.models is not None:
        shutil.copy(corpus.models, found[0])
    return found[0]


def truth(folder: Path, corpus: Corpus) -> Path:
    """The file with what the corpus is at run time; made when it is missing.

    Raises:
        MissingError: None of its modules can be imported.
    """
    target = folder / f"{corpus.slug}.json"
    if target.is_file():
        return target
    home = folder / f"{corpus.slug}-home"
    home.mkdir(exist_ok=True)
    (home / "pulp.key").write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
    caches = " = ".join(
        f"{one}_CONFIG" for one in ("CACHE", "DATA_CACHE", "FILTER_STATE_CACHE", "EXPLORE_FORM_DATA_CACHE")
    )
    (home / "superset_config.py").write_text(
        f'SECRET_KEY = "abcdefghijklmnop0123456789"\n{caches} = {{"CACHE_TYPE": "SimpleCache"}}\n'
        'SQLALCHEMY_DATABASE_URI = "sqlite://"\n',
        encoding="utf-8",
    )
    script = Path(__file__).with_name("extraction_truth.py")
    excluded = [f"-{one}" for one in corpus.exclude]
    python = folder / corpus.slug / "bin" / "python"
    environment = {**os.environ, **{name: value.format(home=home) for name, value in corpus.env.items()}}
    run([python, "-P", script, target, corpus.setup, *corpus.packages, *excluded], env=environment, cwd=home)
    found = json.loads(target.read_text(encoding="utf-8"))
    if not found["classes"]:
        target.unlink()
        raise MissingError("; ".join(f"{name}: {error}" for name, error in list(found["failed"].items())[:5]))
    for name, error in found["failed"].items():
        print(f"{corpus.name}: {name} cannot be imported: {error}", file=sys.stderr)
    return target


def run(command: Sequence[str | Path], **options: Any) -> None:
    """Run a command of a corpus; its last lines are the error where it fails.

    Raises:
        MissingError: It failed, or took longer than half an hour.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800, **options)
    except subprocess.TimeoutExpired:
        raise MissingError(f"{command[0]} took longer than half an hour") from None
    if done.returncode:
        raise MissingError("\n".join(done.stderr.splitlines()[-5:]) or f"{command[0]} ended with {done.returncode}")


def install(folder: Path, only: Collection[str] = ()) -> bool:
    """Make the environments, of all code bases or of some; one that is complete is left alone.

    Returns:
        Whether all of them are there in the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(one.slug, one.requirements) for one in CORPORA if not only or one.name in only]
    wanted += [] if only else [("astroid", ("astroid",))]
    missing = 0
    for name, requirements in wanted:
        if (folder / name / _DONE).is_file():
            continue
        print(f"Installing {name} ...", flush=True)
        try:
            _install(folder / name, requirements)
        except MissingError as error:
            print(f"{name} cannot be installed: {error}", file=sys.stderr)
            missing += 1
    return not missing


def _install(place: Path, requirements: tuple[str, ...]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    uv = shutil.which("uv")
    python = place / "bin" / "python"
    if uv:
        run([uv, "venv", "-q", "-p", sys.executable, place])
        run([uv, "pip", "install", "-q", "-p", python, *requirements])
    else:
        run([sys.executable, "-m", "venv", place])
        run([python, "-m", "pip", "install", "-q", *requirements])
    (place / _DONE).write_text("\n".join(requirements), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(0 if install(Path(sys.argv[1])) else 1)
