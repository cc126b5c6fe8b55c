"""A PBX lab of a run's own: a real Asterisk with customers and agents by sipp, and what its log says it saw."""
