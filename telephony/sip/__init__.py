"""SIP user agent (RFC 3261) for outbound calls: messages, transactions, dialogs, registrations. No Django."""
