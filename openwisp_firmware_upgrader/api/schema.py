"""How the OpenAPI document tells of this API: errors, parameters, examples."""

from __future__ import annotations

from collections.abc import Sequence

from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend
from drf_yasg import openapi
from drf_yasg.inspectors import FieldInspector, SwaggerAutoSchema
from rest_framework.generics import GenericAPIView

from ..protocols import JsonObject

STRING, OBJECT = openapi.TYPE_STRING, openapi.TYPE_OBJECT
UUID_EXAMPLE = "4e2d1d0c-6a1b-4b0f-9a52-3f6b3f1a7c11"

ORGANIZATION = openapi.Parameter(
    "organization",
    openapi.IN_QUERY,
    description="slug of an organization: only what belongs to it",
    type=STRING,
)
BUILD = openapi.Parameter(
    "build_pk",
    openapi.IN_PATH,
    description="id of the build of the image",
    required=True,
    type=STRING,
    format=openapi.FORMAT_UUID,
)
CONFLICT = openapi.Parameter(
    "conflict",
    openapi.IN_QUERY,
    description="reject: answer 409 when the device has an unfinished operation",
    type=STRING,
    enum=["reject"],
)
IDEMPOTENCY_KEY = openapi.Parameter(
    "Idempotency-Key",
    openapi.IN_HEADER,
    description="names this launch: the same key and body launch once only",
    type=STRING,
    maxLength=255,
)


def text_object(key: str, example: str) -> openapi.Schema:
    """Returns the schema of an object with one text."""
    return openapi.Schema(
        type=OBJECT,
        required=[key],
        properties={key: openapi.Schema(type=STRING)},
        example={key: example},
    )


def id_object(key: str, **more: openapi.Schema) -> openapi.Schema:
    """Returns the schema of an object with one id and further properties."""
    identifier = openapi.Schema(
        type=STRING, format=openapi.FORMAT_UUID, example=UUID_EXAMPLE
    )
    return openapi.Schema(
        type=OBJECT, required=[key, *more], properties={key: identifier, **more}
    )


def refused(description: str, example: str) -> openapi.Response:
    """Returns the response of a refusal that clients read under ``error``."""
    return openapi.Response(description, text_object("error", example))


INVALID = openapi.Response(
    "What was sent is not valid: texts by field.",
    openapi.Schema(
        type=OBJECT,
        additional_properties=True,
        example={"image": ['Invalid pk "…" - object does not exist.']},
    ),
)
DETAIL = {
    401: ("No valid credentials were sent.", "Invalid token."),
    403: (
        "The user may not do this.",
        "You do not have permission to perform this action.",
    ),
    404: ("There is no such object among those of the user.", "Not found."),
    409: (
        "Another request changed the same thing at the same time.",
        "Another request was faster, load the present state first.",
    ),
    415: ("This media type is not understood.", "Unsupported media type."),
    429: ("Too many requests.", "Request was throttled."),
}
READING, WRITING = (401, 403, 429), (401, 403, 415, 429)


def errors(*codes: int) -> dict[str, openapi.Response]:
    """Returns the responses of errors that have a ``detail``."""
    return {
        str(code): openapi.Response(
            DETAIL[code][0], text_object("detail", DETAIL[code][1])
        )
        for code in codes
    }


class EmptyTextInspector(FieldInspector):
    """Texts that are only shown may be empty, whatever may be sent."""

    def process_result(
        self, result: object, method_name: str, obj: object, **kwargs: object
    ) -> object:
        """Takes the shortest length from what is only shown."""
        if isinstance(result, openapi.Schema) and getattr(obj, "read_only", False):
            result.pop("minLength", None)
        return result


class UpgraderAutoSchema(SwaggerAutoSchema):
    """Adds what all operations of this API share."""

    field_inspectors = [EmptyTextInspector, *SwaggerAutoSchema.field_inspectors]

    def get_tags(self, operation_keys: Sequence[str] | None = None) -> list[str]:
        """Returns the resource, the first part of the path is the same for all."""
        keys = operation_keys or self.operation_keys
        return [f"firmware: {keys[1] if len(keys) > 1 else keys[0]}"]

    def add_manual_parameters(
        self, parameters: list[openapi.Parameter]
    ) -> list[openapi.Parameter]:
        """Adds that the build of an image is named by a UUID."""
        found = super().add_manual_parameters(parameters)
        return [*found, BUILD] if "{build_pk}" in self.path else found

    def get_query_parameters(self) -> list[openapi.Parameter]:
        """Adds the filter by organization that every route has."""
        return [ORGANIZATION, *super().get_query_parameters()]

    def get_response_serializers(self) -> dict[str, object]:
        """Adds the errors a client of this operation has to expect."""
        found = super().get_response_serializers()
        for code, response in self._expected_errors().items():
            found.setdefault(code, response)
        return found

    def _expected_errors(self) -> dict[str, openapi.Response]:
        writes = self.method in ("POST", "PUT", "PATCH")
        codes = [*(WRITING if writes else READING)]
        if "{" in self.path or self.has_list_response():
            codes.append(404)
        if writes or self.method == "DELETE":
            codes.append(409)
        found = errors(*codes)
        if writes or self.has_list_response():
            found["400"] = INVALID
        return found


TYPES = (
    (filters.UUIDFilter, {"type": STRING, "format": openapi.FORMAT_UUID}),
    (filters.ModelChoiceFilter, {"type": STRING, "format": openapi.FORMAT_UUID}),
    (filters.IsoDateTimeFilter, {"type": STRING, "format": openapi.FORMAT_DATETIME}),
)


class FilterBackend(DjangoFilterBackend):
    """The filters of django-filter, with their types in the OpenAPI document."""

    def get_schema_operation_parameters(self, view: GenericAPIView) -> list[JsonObject]:
        """Returns the parameters of a view's filters."""
        filterset = self.get_filterset_class(view, view.queryset)
        if filterset is None:
            return []
        return [
            {
                "name": name,
                "in": openapi.IN_QUERY,
                "required": False,
                "description": str(found.label or name),
                "schema": _schema_of(found),
            }
            for name, found in filterset.base_filters.items()
        ]


def _schema_of(found: filters.Filter) -> JsonObject:
    if choices := found.extra.get("choices"):
        values = {"type": STRING, "enum": [value for value, _label in choices]}
        if isinstance(found, filters.MultipleChoiceFilter):
            array = {"items": openapi.Items(**values), "collection_format": "multi"}
            return {"type": openapi.TYPE_ARRAY, **array}
        return values
    for kind, schema in TYPES:
        if isinstance(found, kind):
            return schema
    return {"type": STRING}
