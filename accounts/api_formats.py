"""What the API takes in and gives out: pages, bodies, files.

Imported while DRF's own views are being imported (by name, from the settings), hence without them.
"""

import math
import tempfile
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request

from accounts import received_file
from accounts.paging import COUNTED_UP_TO

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TooLarge(exceptions.APIException):
    """The body is larger than this door takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class Pages(PageNumberPagination):
    """`?page=2&page_size=50`; wrong numbers are refused, never guessed at."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    last_page_strings = ()

    def get_page_size(self, request: Request) -> int:
        return self._number(request, "page_size", self.page_size, self.max_page_size)

    def get_page_number(self, request: Request, paginator: "Paginator[Any]") -> int:
        return self._number(request, "page", 1, 10**12)

    def _number(self, request: Request, name: str, default: int, highest: int) -> int:
        text = request.query_params.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 14 and 1 <= int(text) <= highest):
            raise exceptions.ValidationError(
                {name: _("Use a whole number from 1 to %(highest)d.") % {"highest": highest}}
            )
        return int(text)

    def rows_of_search(self, request: Request, order: str, at_once: int) -> int:
        """How many rows a search must find for the page that is asked for, at least `at_once`; `order`: in which it
        finds them."""
        if request.query_params.get("ordering", order) != order:
            return COUNTED_UP_TO  # each page is one of the same sorted rows
        end = self._number(request, "page", 1, 10**12) * self.get_page_size(request)
        return min(max(end + 1, at_once), COUNTED_UP_TO)

    def get_schema_operation_parameters(self, view: "APIView") -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            parameter["schema"]["minimum"] = 1
            if parameter["name"] == "page_size":
                parameter["schema"] |= {"maximum": self.max_page_size, "default": self.page_size}
        return parameters


class Json(JSONParser):
    """JSON of a bounded size and depth."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        length = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge(_("The body is too large."))
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError(_("The JSON is nested too deeply.")) from None


class RawCsv(BaseParser):
    """A file as the whole body: `curl --data-binary @leads.csv -H 'Content-Type: text/csv'`."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        body = tempfile.SpooledTemporaryFile(max_size=1024 * 1024)  # noqa: SIM115  the view reads and closes it
        try:
            while block := stream.read(256 * 1024):
                body.write(block)
                if body.tell() > received_file.MAX_UPLOAD:
                    raise TooLarge(received_file.too_large())
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return {"file": body}


def uploaded_file(request: Request, default_name: str) -> tuple[IO[bytes], str]:
    """The file of a multipart form (field `file`) or of a raw body, and its name."""
    found = request.data.get("file") if hasattr(request.data, "get") else None
    if isinstance(found, UploadedFile):
        if (found.size or 0) > received_file.MAX_UPLOAD:
            raise TooLarge(received_file.too_large())
        assert found.file is not None
        return found.file, found.name or default_name
    if found is None or isinstance(found, str):
        raise exceptions.ValidationError({"file": _("Send the file as form field “file” or as the body.")})
    return found, default_name


def is_storable(value: Any) -> bool:
    """Whether PostgreSQL can keep this JSON: no zero bytes, lone surrogates or infinite numbers."""
    match value:
        case str():
            return "\x00" not in value and not any(0xD800 <= ord(mark) <= 0xDFFF for mark in value)
        case float():
            return math.isfinite(value)
        case dict():
            return all(is_storable(part) for pair in value.items() for part in pair)
        case list():
            return all(is_storable(part) for part in value)
    return True
