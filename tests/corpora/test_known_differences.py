"""`traits verify` on large applications: what it compares, and the differences that are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.corpora

ROOT = Path(__file__).resolve().parents[2]

DJANGO = """
SECRET_KEY = "x"
USE_TZ = True
ROOT_URLCONF = "x"
STATIC_URL = "/s/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
CONTRIB = ["admin", "auth", "contenttypes", "sessions", "messages", "sites", "flatpages"]
INSTALLED_APPS = [f"django.contrib.{name}" for name in CONTRIB]
"""

WAGTAIL = """
WAGTAIL_SITE_NAME = "x"
WAGTAILADMIN_BASE_URL = "http://x"
INSTALLED_APPS += [
    "wagtail.contrib.forms", "wagtail.contrib.redirects", "wagtail.contrib.frontend_cache",
    "wagtail.contrib.search_promotions", "wagtail.contrib.settings", "wagtail.contrib.simple_translation",
    "wagtail.contrib.styleguide", "wagtail.contrib.table_block", "wagtail.contrib.typed_table_block",
    "wagtail.contrib.routable_page", "wagtail.embeds", "wagtail.sites", "wagtail.users", "wagtail.snippets",
    "wagtail.documents", "wagtail.images", "wagtail.search", "wagtail.admin", "wagtail.locales", "wagtail",
    "modelcluster", "taggit", "modelsearch", "rest_framework", "wagtail.api.v2",
]
"""

OSCAR = """
from oscar.defaults import *

SITE_ID = 1
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
INSTALLED_APPS += [
    "oscar.config.Shop",
    "oscar.apps.analytics.apps.AnalyticsConfig", "oscar.apps.checkout.apps.CheckoutConfig",
    "oscar.apps.address.apps.AddressConfig", "oscar.apps.shipping.apps.ShippingConfig",
    "oscar.apps.catalogue.apps.CatalogueConfig", "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    "oscar.apps.communication.apps.CommunicationConfig", "oscar.apps.partner.apps.PartnerConfig",
    "oscar.apps.basket.apps.BasketConfig", "oscar.apps.payment.apps.PaymentConfig",
    "oscar.apps.offer.apps.OfferConfig", "oscar.apps.order.apps.OrderConfig",
    "oscar.apps.customer.apps.CustomerConfig", "oscar.apps.search.apps.SearchConfig",
    "oscar.apps.voucher.apps.VoucherConfig", "oscar.apps.wishlists.apps.WishlistsConfig",
    "oscar.apps.dashboard.apps.DashboardConfig",
    "widget_tweaks", "haystack", "treebeard", "sorl.thumbnail", "django_tables2",
]
DASHBOARDS = [
    "catalogue", "communications", "offers", "orders", "pages", "partners", "ranges", "reports", "reviews", "shipping",
    "users", "vouchers",
]
INSTALLED_APPS += [f"oscar.apps.dashboard.{name}.apps.{name.title()}DashboardConfig" for name in DASHBOARDS]
"""

INDEXED = (
    "wagtail.documents.models.Document",
    "wagtail.images.models.Image",
    "wagtail.models.Page",
    "wagtail.models.pages.Comment",
    "wagtail.models.pages.CommentReply",
)
"""Models whose references `wagtail.signal_handlers` indexes."""

KNOWN = {
    "wagtail": {
        # A class of wagtail.search, and a field of taggit, add generic relations to the models of other modules.
        *(("column", model, "index_entries") for model in INDEXED[:3]),
        *(("column", model, "tagged_items") for model in INDEXED[:2]),
        # Receivers are connected in a loop over the registered models, or to what `get_image_model()` returns.
        *(("signal", model, "post_save") for model in INDEXED),
        *(("signal", model, "post_delete") for model in (*INDEXED, "wagtail.images.models.Rendition")),
        ("signal", "wagtail.models.Page", "pre_delete"),
    },
    "oscar": {
        # One receiver is connected in a loop over the models that have images.
        ("signal", "oscar.apps.catalogue.models.Category", "post_delete"),
        ("signal", "oscar.apps.catalogue.models.ProductImage", "post_delete"),
    },
}
"""Differences by cause: kind, subject and fact. A new one is a fault of reading, or of the comparison."""

COMPARED = (
    "model",
    "mro",
    "member",
    "winner",
    "hook order",
    "column",
    "column type",
    "nullability",
    "target",
    "signal",
)
"""Kinds of facts that models of Django have; none of these applications uses our runtime."""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Verifies an installed package in a process of its own."""

    def verify(package: str) -> dict[str, Any]:
        pytest.importorskip(package)
        folder = tmp_path_factory.mktemp(package)
        settings = {"wagtail": DJANGO + WAGTAIL, "oscar": DJANGO + OSCAR}[package]
        (folder / f"{package}_settings.py").write_text(settings, encoding="utf-8")
        exclude = ["*.tests", "*.tests.*", "*.test_*", "*.migrations", "*.migrations.*"]
        exclude += [f"{package}.test", f"{package}.test.*", f"{package}.project_template*", f"{package}.bin*"]
        project = {"packages": [package], "search-paths": [sysconfig.get_path("purelib")], "exclude": exclude}
        lines = [f"{key} = {json.dumps(value)}" for key, value in project.items()]
        (folder / "pyproject.toml").write_text("\n".join(["[tool.traits]", *lines]), encoding="utf-8")
        paths = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "src")])
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": f"{package}_settings", "PYTHONPATH": paths}
        command = [sys.executable, "-P", "-m", "traits_cli", "verify", "--project", str(folder), "--json"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        data: dict[str, Any] = json.loads(done.stdout)["data"]
        return data

    return verify


@pytest.mark.parametrize("package", sorted(KNOWN))
def test_differences_are_those_that_are_known(package: str, verified: Callable[[str], dict[str, Any]]) -> None:
    """Every kind of fact of Django's models is compared, and only the listed differences are found."""
    data = verified(package)
    found = {(difference["kind"], difference["subject"], difference["fact"]) for difference in data["differences"]}

    assert [count["kind"] for count in data["counts"] if count["compared"]] == list(COMPARED)
    assert found == KNOWN[package]
