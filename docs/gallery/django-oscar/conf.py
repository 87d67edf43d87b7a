"""django-oscar's models, documented from the outside."""

project = "django-oscar"
extensions = ["sphinx_traits"]
html_theme = "furo"
traits_packages = ["oscar"]
traits_search_paths = ["../site-packages"]
traits_exclude = ["*.tests*"]
# A shop may put its own application in place of oscar.apps.offer; these pages are about oscar's.
traits_base_overrides = {(name := f"oscar.apps.offer.models.{one}"): name for one in ("Benefit", "Condition")}
suppress_warnings = ["traits.docstring"]
