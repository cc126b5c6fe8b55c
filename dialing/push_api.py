"""`contact-centers/{id}/push` of the API: where a contact centre says itself what has changed."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_formats import TooLarge
from accounts.client_address import client_address
from dialing import pushes


class PushAnswerSerializer(serializers.Serializer[Any]):
    changes = serializers.IntegerField(help_text="Changes that went to the engine; 0 for a repeated message.")


class SignedJson(BaseParser):
    """The body's bytes, which the signature is of."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body: bytes = stream.read(pushes.LONGEST_BODY + 1)
        if len(body) > pushes.LONGEST_BODY:
            raise TooLarge(_("The body is too large."))
        return body


class Unavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


def _header(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=about)


class PushView(APIView):
    """Signed with the contact centre's own secret; no user, no role, no session."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [SignedJson]

    @extend_schema(
        operation_id="contact_centers_push",
        auth=[],
        parameters=[
            _header("webhook-id", "Of the message; a repeated one is taken once."),
            _header("webhook-timestamp", "Seconds since 1970; at most five minutes from our time."),
            _header(
                "webhook-signature",
                "`v1,` and the base64 of HMAC-SHA256 of `id.timestamp.body` with push_secret.",
            ),
        ],
        request={"application/json": {"type": "object", "additionalProperties": {}}},
        responses={202: PushAnswerSerializer},
    )
    def post(self, request: Request, pk: str) -> Response:
        """Changes of agents and queues, as `push_paths` of the contact centre's settings say."""
        body: Any = request.data
        push = pushes.Push(
            center=int(pk),
            id=request.headers.get("webhook-id", ""),
            timestamp=request.headers.get("webhook-timestamp", ""),
            signature=request.headers.get("webhook-signature", ""),
            body=body if isinstance(body, bytes) else b"",  # DRF makes of no body what it likes
            address=client_address(request) or "",
        )
        try:
            changes = pushes.take(push)
        except pushes.NotSignedError:
            raise exceptions.AuthenticationFailed(
                _("The signature is wrong or too old, or this contact centre takes no pushes.")
            ) from None
        except pushes.TooManyError as refused:
            raise exceptions.Throttled(refused.wait, str(refused)) from None
        except pushes.NoBrokerError:
            raise Unavailable(
                _("The message broker is out of reach; the next poll tells the same.")
            ) from None
        except pushes.PushRefusedError as refused:
            raise exceptions.ParseError(str(refused)) from None
        return Response(PushAnswerSerializer({"changes": changes}).data, status=status.HTTP_202_ACCEPTED)

    def get_authenticate_header(self, request: Request) -> str:
        """Makes it 401: there is no scheme of RFC 9110 for a signature in headers of its own."""
        return "Signature"
