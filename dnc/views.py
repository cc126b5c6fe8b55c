"""`POST /donotcall`: the embedded list behind the contract that external services have, too (SPEC 8, G 2.5)."""

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from dnc.models import DncNumber


@csrf_exempt
@require_POST
def donotcall(request: HttpRequest) -> JsonResponse:
    """`{"number": "554181021119"}` -> `{"number": "554181021119", "doNotCall": true}`; 400 names what is wrong."""
    try:
        number = json.loads(request.body)["number"]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"error": 'The body must be JSON as {"number": "554181021119"}.'}, status=400)
    if not isinstance(number, str) or not (number.isascii() and number.isdigit() and len(number) <= 15):
        return JsonResponse({"error": "number must be a text of at most 15 digits."}, status=400)
    return JsonResponse({"number": number, "doNotCall": DncNumber.objects.filter(pk=int(number)).exists()})
