"""Connector to a contact centre that tells its agents by a JSON endpoint, polled over HTTPS.

`paths` picks values out of the answer, `settings` says which, `mapping` turns an answer into queues, `connector` asks,
`push` reads what is said between two questions.
"""

from .connector import RestConnector
from .settings import RestSettings

__all__ = ["RestConnector", "RestSettings"]
