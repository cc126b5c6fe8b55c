"""What a user's PBX can do in a call, one sipp scenario each: `make test-peers`.

`answers.py`, `rejections.py` ... are lists of scenarios, `xml/` holds what sipp plays in them.
"""
