"""The engine: pacing, claim, attempt, recovery."""
