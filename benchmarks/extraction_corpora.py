"""The code bases that the extraction is measured on; ``python -m benchmarks.extraction_corpora DIR`` installs them.

Each lives in an environment of its own below DIR; superset and oscar were scored before the extraction knew them.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

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
    """

    name: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    setup: str = "pass"
    env: dict[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = _TESTS
    frameworks: tuple[str, ...] = ("django",)


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
            "treebeard model_utils django_extensions django_filters"
        ),
        exclude=(*_TESTS, "*.oracle*", "*.mysql*", "django.contrib.gis*", "*.conf.*"),
    ),
    Corpus(
        "advanced-alchemy and mixins",
        ("advanced-alchemy", "sqlalchemy-mixins"),
        ("advanced_alchemy", "sqlalchemy_mixins", "sqlalchemy.orm", "sqlalchemy.ext"),
        frameworks=("sqlalchemy",),
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
    ),
    Corpus(
        "superset",
        ("apache-superset", "flask-caching<2.4"),
        ("superset",),
        "from superset.app import create_app\ncreate_app().app_context().push()",
        {"SUPERSET_CONFIG_PATH": "{home}/superset_config.py"},
        (*_TESTS, "superset.cli*", "superset.examples*"),
        frameworks=("sqlalchemy", "flask_appbuilder"),
    ),
)


def site_packages(folder: Path, corpus: Corpus) -> Path:
    """Where a corpus is installed."""
    return next((folder / _slug(corpus)).glob("lib/python*/site-packages"))


def truth(folder: Path, corpus: Corpus) -> Path:
    """The file with what the corpus is at run time; made when it is missing."""
    target = folder / f"{_slug(corpus)}.json"
    if target.is_file():
        return target
    home = folder / f"{_slug(corpus)}-home"
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
    subprocess.run(
        [folder / _slug(corpus) / "bin" / "python", script, target, corpus.setup, *corpus.packages, *excluded],
        env={**os.environ, **{name: value.format(home=home) for name, value in corpus.env.items()}},
        cwd=home,
        check=True,
        capture_output=True,
        timeout=1800,
    )
    return target


def _slug(corpus: Corpus) -> str:
    return corpus.name.replace(" ", "-")


def install(folder: Path) -> None:
    """Make the environments; one that is there already is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(_slug(one), one.requirements) for one in CORPORA] + [("astroid", ("astroid",))]
    for name, requirements in wanted:
        if (folder / name).is_dir():
            continue
        uv = shutil.which("uv")
        python = folder / name / "bin" / "python"
        if uv:
            subprocess.run([uv, "venv", "-q", "-p", sys.executable, folder / name], check=True)
            command = [uv, "pip", "install", "-q", "-p", str(python)]
        else:
            subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
            command = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*command, *requirements], check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
