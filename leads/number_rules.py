"""National numbers -> E.164 digits by the rules of one country, where its rules alone decide.

`phonenumbers` takes 15 us a number, two thirds of the time of an import. Most numbers of a file are written
plainly: area code and number, perhaps with the trunk prefix or the country code before it. For these, one or two
patterns of the country's own metadata give the same answer in less than a microsecond. Everything else (carrier
codes, prefixes that are rewritten, local numbers, numbers that could be read in two ways) is left to
`phonenumbers`; `tests/leads/test_number_rules.py` compares the two over all countries.
"""

import re
from functools import lru_cache

from phonenumbers import PhoneMetadata, country_code_for_region, region_code_for_country_code

_LONGEST = 17
"""National digits that E.164 and `phonenumbers` allow."""
_NEVER = re.compile(r"(?!)")


class NumberRules:
    """The rules of one country (ISO code)."""

    __slots__ = (
        "_code", "_is_main", "_national", "_out", "_plainly_international", "_plainly_national", "_prefix", "_rewritten",
    )  # fmt: skip

    def __init__(self, country: str) -> None:
        metadata = PhoneMetadata.metadata_for_region(country)
        general = metadata.general_desc if metadata else None
        prefix = metadata.national_prefix_for_parsing if metadata else None
        out = metadata.international_prefix if metadata else None
        self._code = str(country_code_for_region(country))
        self._is_main = region_code_for_country_code(int(self._code)) == country
        self._national = re.compile((general and general.national_number_pattern) or _NEVER.pattern)
        self._prefix = re.compile(prefix) if prefix else _NEVER
        self._rewritten = bool(metadata and metadata.national_prefix_transform_rule)
        self._out = re.compile(out) if out else _NEVER
        self._plainly_national, self._plainly_international = self._plain_patterns()

    def _plain_patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Of numbers without any prefix, and with the country code alone: the rules below in one look."""
        national, code = self._national.pattern, self._code
        bare = rf"(?!{self._out.pattern})(?!(?:{self._prefix.pattern})(?<=[0-9]))"
        coded = rf"{bare}(?!(?:{national})\Z){code}(?!{self._prefix.pattern})(?:{national})"
        if not self._is_main or self._prefix.match(""):
            coded = _NEVER.pattern
        return re.compile(rf"{bare}(?:{national})"), re.compile(coded)

    def international(self, digits: str) -> str | None:
        """E.164 digits of a number in this country, or None when these rules can't tell.

        `digits` are ASCII digits, as dialed inside the country or with its country code.
        """
        if len(digits) > _LONGEST:
            return None
        if self._plainly_national.fullmatch(digits):
            return self._code + digits
        if self._plainly_international.fullmatch(digits):
            return digits
        if self._out.match(digits):
            return None
        whole = self._national.fullmatch(digits)
        has_code = digits.startswith(self._code)
        found = self._prefix.match(digits)
        if whole:  # a prefix in front could be part of the number
            return None if found and found.end() else self._code + digits
        if has_code:
            rest = digits[len(self._code) :]
            before = self._prefix.match(rest)
            also_prefix = found is not None and found.group() not in ("", self._code)  # the 1 of +1 is both
            plain = self._is_main and not (before and before.end()) and not also_prefix
            return digits if plain and self._national.fullmatch(rest) else None
        if found and found.end() and not (self._rewritten and found.lastindex):
            rest = digits[found.end() :]
            if not rest.startswith(self._code) and self._national.fullmatch(rest):
                return self._code + rest
        return None


@lru_cache(maxsize=256)
def rules_of(country: str) -> NumberRules:
    """The rules of a country, made once."""
    return NumberRules(country)
