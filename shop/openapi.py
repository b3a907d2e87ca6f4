"""What the OpenAPI description of every address has in common: keys, and what a refusal means."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from shop.problems import Busy

#: The key of a write. What does not fit is refused with 400.
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 16, "maxLength": 128, "pattern": r"^[\x21-\x7e]{16,128}$"},
    OpenApiParameter.HEADER,
    required=True,
    description="16 to 128 visible ASCII characters; the same for every repeat.",
)
#: What a refusal of this status means; the problem's `type` says which one it is.
MEANINGS = {
    400: "The request is not valid; nothing was changed.",
    401: "Nobody is signed in.",
    403: "Not with these rights.",
    404: "There is nothing at this address.",
    409: "It stands otherwise by now, or the first request with this key is still in flight.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key was used with another body.",
    429: "Too many requests; Retry-After says when to come again.",
    503: "Busy, or the gateway does not answer; nothing was changed. Retry-After says when.",
}


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457; a problem may have more members than these."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """These refusals, and those that every address may give: 400 and 503."""
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemSerializer, MEANINGS[status])
        for status in sorted({400, *statuses, Busy.status})
    }
