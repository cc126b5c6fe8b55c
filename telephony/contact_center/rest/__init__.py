"""Connector to a contact centre that tells its agents by a JSON endpoint, polled over HTTPS.

`paths` picks values out of the answer, `settings` says which, `mapping` turns an answer into queues, `connector` asks.
"""

from .connector import RestConnector

__all__ = ["RestConnector"]
