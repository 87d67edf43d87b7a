"""OpenFeature in both directions: features as flags of its API, and rollouts decided by its provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from traits_runtime._core import registry, runtime
from traits_runtime._core.engines import needs
from traits_runtime._core.trait.rollout import rollouts
from traits_runtime.errors import UnknownNameError

with needs("openfeature"):
    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.exception import FlagNotFoundError, TypeMismatchError
    from openfeature.flag_evaluation import FlagResolutionDetails, Reason
    from openfeature.provider import AbstractProvider, FeatureProvider, Metadata

REASONS: Mapping[str, Reason] = {
    "OFF": Reason.DISABLED,
    "SUBJECT": Reason.TARGETING_MATCH,
    "SPLIT": Reason.SPLIT,
    "TOGGLE": Reason.STATIC,
    "TARGETING_KEY_MISSING": Reason.DEFAULT,
    "PROVIDER": Reason.TARGETING_MATCH,
}


def features_provider() -> FeatureProvider:
    """The features of traits as flags of OpenFeature: ``api.set_provider(features_provider())``.

    The key of a flag is ``HasSlug.follow_title``, the targeting key is the subject, and the attributes ``tenant`` and
    ``model`` (a dotted path) select a tenant and a model. Features are booleans; other types are a type mismatch.
    """
    return _Provider()


class _Provider(AbstractProvider):
    """The provider of `features_provider`; private, because the types of its base are not public."""

    def get_metadata(self) -> Metadata:
        """The name of the provider."""
        return Metadata(name="traits")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Whether the subject has the feature, and why."""
        trait, _, feature = flag_key.rpartition(".")
        context = evaluation_context or EvaluationContext()
        attributes = context.attributes or {}
        try:
            model, tenant = attributes.get("model"), attributes.get("tenant")
            owner = registry.find_model(str(model)).cls if model else registry.find_trait(trait).cls
            with ExitStack() as blocks:
                if tenant:
                    blocks.enter_context(runtime.tenant(str(tenant)))
                decision = rollouts.explain(owner, feature, context.targeting_key or "")
        except UnknownNameError as error:
            raise FlagNotFoundError(str(error)) from error
        variant = "on" if decision.on else "off"
        return FlagResolutionDetails(decision.on, reason=REASONS[decision.reason], variant=variant)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Refuse: features are booleans."""
        raise TypeMismatchError(f"{flag_key} is a boolean")

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Refuse: features are booleans."""
        raise TypeMismatchError(f"{flag_key} is a boolean")

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Refuse: features are booleans."""
        raise TypeMismatchError(f"{flag_key} is a boolean")

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        """Refuse: features are booleans."""
        raise TypeMismatchError(f"{flag_key} is a boolean")


class OpenFeatureFlags:
    """Rollouts of features decided by the provider of OpenFeature, or by that of a domain.

    Its flags are named as the features, ``HasSlug.follow_title``; the toggle decides for a flag that does not exist.
    The transaction context of OpenFeature is propagated to jobs.

    Args:
        domain: The domain of the provider.
    """

    def __init__(self, domain: str | None = None) -> None:
        self._client = api.get_client(domain)
        runtime.use_flag_provider(self.evaluate)
        runtime.propagate("flags", _capture, _restore)

    def evaluate(self, feature: str, subject: str, toggle: bool) -> bool:
        """The provider's answer."""
        tenant = runtime.current_tenant_id()
        context = EvaluationContext(subject or None, {"tenant": tenant} if tenant else {})
        return self._client.get_boolean_value(feature, toggle, context)


def _capture() -> dict[str, Any] | None:
    context = api.get_transaction_context()
    if context.targeting_key is None and not context.attributes:
        return None
    return {"key": context.targeting_key, "attributes": dict(context.attributes)}


@contextmanager
def _restore(carried: Mapping[str, Any]) -> Iterator[None]:
    before = api.get_transaction_context()
    api.set_transaction_context(EvaluationContext(carried["key"], carried["attributes"]))
    try:
        yield
    finally:
        api.set_transaction_context(before)


def open_flags(settings: Mapping[str, Any]) -> OpenFeatureFlags:
    """Let OpenFeature decide rollouts.

    Args:
        settings: ``domain``.
    """
    return OpenFeatureFlags(settings.get("domain"))
