"""What people type into a search, as the tests of leads and of call records try it."""

TERMS = [
    "a", "ß", "é", "ana", "SILVA", "ana silva", "silva ana", "ana ana", "mari iana", "iana mari", "ana mariana",
    "großmann silva", "two lines", "5541", "+55 (41) 8", "(41) 8", "7", "zz", "100%", "_", "\\", "'",
]  # fmt: skip
